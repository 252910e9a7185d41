"""Every fault happens on a real socket, the ledger tells the truth of it, the adapter maps it."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from brokers.tests.builders import request
from brokers.types import ReportStatus
from tests.servers import free_port
from tests.venue.adapter import Options, ScriptedBroker
from tests.venue.faults import FaultKind as F
from tests.venue.fixtures import KEY, ScriptedVenue
from tests.venue.transport import NoAnswer, Wire
from tests.venues.patience import HANGS
from tests.venues.streams import until
from tradehub.lib.clock import utc_now

# On a submit: what the adapter may conclude, and whether the venue has the order.
ON_SUBMIT: dict[F, tuple[type[BrokerError] | None, bool]] = {
    F.ACCEPT: (None, True),
    F.REJECT: (OrderRejected, False),
    F.DELAY: (OutcomeUnknown, True),
    F.HANG_BEFORE: (OutcomeUnknown, False),
    F.CLOSE_BEFORE: (OutcomeUnknown, False),
    F.RESET_BEFORE: (OutcomeUnknown, False),
    F.REFUSE_500: (OutcomeUnknown, False),
    F.REFUSE_504: (OutcomeUnknown, False),
    F.REFUSE_429: (RateLimited, False),
    F.REFUSE_401: (BadCredentials, False),
    F.REFUSE_403: (BadCredentials, False),
    F.REDIRECT: (OutcomeUnknown, False),
    F.ACCEPT_THEN_DELAY: (OutcomeUnknown, True),
    F.ACCEPT_THEN_HANG: (OutcomeUnknown, True),
    F.ACCEPT_THEN_CLOSE: (OutcomeUnknown, True),
    F.ACCEPT_THEN_RESET: (OutcomeUnknown, True),
    F.ACCEPT_THEN_500: (OutcomeUnknown, True),
    F.ACCEPT_THEN_504: (OutcomeUnknown, True),
    F.ACCEPT_THEN_429: (OutcomeUnknown, True),
    F.ACCEPT_THEN_400: (OutcomeUnknown, True),
    F.TRUNCATED_JSON: (OutcomeUnknown, True),
    F.CUT_BODY: (OutcomeUnknown, True),
    F.EMPTY_ANSWER: (OutcomeUnknown, True),
    F.EMPTY_LIST: (OutcomeUnknown, True),
    F.HUGE_BODY: (OutcomeUnknown, True),
}


@pytest.fixture
def venue(scripted_venue: ScriptedVenue) -> ScriptedVenue:
    scripted_venue.open()
    scripted_venue.control.set_quote("AAPL", "100")
    return scripted_venue


def test_every_fault_is_listed_here() -> None:
    assert set(ON_SUBMIT) == set(F)


@pytest.mark.parametrize("kind", ON_SUBMIT, ids=str)
def test_a_fault_on_a_submit(venue: ScriptedVenue, kind: F) -> None:
    error, taken = ON_SUBMIT[kind]
    venue.control.fault("submit", kind, account=KEY, seconds=1 if kind is F.DELAY else 30)
    broker = venue.broker(read_seconds=0.3 if kind in HANGS else 20)
    if error is None:
        assert broker.submit(request(id="once")).status is ReportStatus.FILLED
    else:
        with pytest.raises(BrokerError) as raised:
            broker.submit(request(id="once"))
        assert type(raised.value) is error
    entry = settled(venue, "once")
    assert (entry.fault, entry.taken) == (kind.value, taken)
    assert venue.control.books(KEY).client_ids == (["once"] if taken else [])
    found = venue.broker().order("once")
    assert (found is not None) == taken
    assert venue.control.faults_left() == {}


def settled(venue: ScriptedVenue, client_order_id: str) -> Any:
    """The one request for the order, once the venue is done with it."""

    def done() -> Any:
        (post,) = venue.control.posts(client_order_id=client_order_id)
        return post if post.taken is not None else None

    return until(done, "the venue is done with it")


ON_READ: dict[F, type[BrokerError] | None] = {
    F.HANG_BEFORE: OutcomeUnknown,
    F.CLOSE_BEFORE: OutcomeUnknown,
    F.REFUSE_500: OutcomeUnknown,
    F.REFUSE_429: RateLimited,
    F.REFUSE_401: BadCredentials,
    F.REDIRECT: OutcomeUnknown,
    F.TRUNCATED_JSON: OutcomeUnknown,
    F.CUT_BODY: OutcomeUnknown,
    F.EMPTY_ANSWER: OutcomeUnknown,
    F.REJECT: OutcomeUnknown,
}


@pytest.mark.parametrize("kind", ON_READ, ids=str)
@pytest.mark.parametrize(
    "operation", ["order", "open_orders", "closed_orders", "fills", "positions", "account"]
)
def test_a_fault_on_a_read(venue: ScriptedVenue, operation: str, kind: F) -> None:
    venue.control.fault(operation, kind, seconds=30)
    broker = venue.broker(read_seconds=0.1 if kind in HANGS else 20)
    given: dict[str, list[Any]] = {"order": ["once"]}
    given |= {"closed_orders": [utc_now()], "fills": [utc_now()]}
    with pytest.raises(BrokerError) as raised:
        getattr(broker, operation)(*given.get(operation, []))
    assert type(raised.value) is ON_READ[kind]


def test_a_list_may_claim_that_there_is_nothing(venue: ScriptedVenue) -> None:
    broker = venue.broker()
    broker.submit(request(quantity="3"))
    venue.control.fault("positions", F.EMPTY_LIST)
    assert broker.positions() == []
    assert [each.quantity for each in broker.positions()] == [3]


def test_rate_limits_tell_how_long_and_faults_are_used_up_in_order(venue: ScriptedVenue) -> None:
    broker = venue.broker()
    venue.control.fault("submit", F.REFUSE_429, retry_after=7.5)
    venue.control.fault("submit", F.REJECT, code="PRICE_MISSING", text="No price.", times=2)
    with pytest.raises(RateLimited) as limited:
        broker.submit(request(id="a"))
    assert limited.value.retry_after == 7.5
    for name in ("b", "c"):
        with pytest.raises(OrderRejected) as refused:
            broker.submit(request(id=name))
        assert (refused.value.venue_code, refused.value.text) == ("PRICE_MISSING", "No price.")
    assert broker.submit(request(id="d")).status is ReportStatus.FILLED
    assert [each.client_order_id for each in venue.control.posts(KEY)] == ["a", "b", "c", "d"]


def broker_at(port: int, **options: Any) -> ScriptedBroker:
    url = f"http://127.0.0.1:{port}"
    return ScriptedBroker(Options(url=url, api_key=KEY, **options), utc_now)


def test_nothing_listens() -> None:
    with pytest.raises(NotSent):
        broker_at(free_port()).submit(request())


def test_a_listener_that_takes_no_connection_is_not_sent() -> None:
    """Its queue is full, so the handshake never ends."""
    with ExitStack() as open_sockets, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(5):
            filler = open_sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        nobody = broker_at(listener.getsockname()[1], connect_seconds=0.2)
        with pytest.raises(NotSent):
            nobody.submit(request())


def test_what_the_venue_cannot_do_is_not_sent(venue: ScriptedVenue) -> None:
    with pytest.raises(Unsupported):
        venue.broker().submit(request(tif="opg"))
    assert venue.control.ledger() == []


def test_a_wrong_key_and_a_wrong_clock(venue: ScriptedVenue) -> None:
    with pytest.raises(BadCredentials):
        venue.broker("nobody").submit(request())
    venue.control.set_skew(90)
    with pytest.raises(NotSent) as late:
        venue.broker().submit(request())
    assert late.value.venue_code == "TIMESTAMP_OUTSIDE_WINDOW"
    venue.control.set_skew(30)
    before = utc_now() + timedelta(seconds=29)
    assert venue.broker().submit(request()).at > before
    venue.control.set_skew(-5)
    with pytest.raises(NotSent):
        venue.broker().submit(request())
    assert len(venue.control.books(KEY).orders) == 1


def test_the_ledger_has_the_request_while_it_hangs(venue: ScriptedVenue) -> None:
    """Sent by hand, so that nobody waits for the answer."""
    venue.control.fault("submit", F.DELAY, seconds=30)
    place = urlsplit(venue.url)
    body = b'{"client_order_id":"x1","symbol":"AAPL","side":"buy","quantity":"2"}'
    head = f"POST /v1/orders HTTP/1.1\r\nX-Api-Key: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port)) as raw:
        raw.sendall(head.encode() + body)
        posts = until(lambda: venue.control.posts(KEY), "it has arrived")
        assert [(each.client_order_id, each.taken) for each in posts] == [("x1", None)]
        assert posts[0].body["quantity"] == "2"
    assert venue.control.books(KEY).orders == []


def test_a_mix_is_the_same_for_the_same_seed(venue: ScriptedVenue) -> None:
    def run(account: str, seed: int) -> list[str | None]:
        key = venue.open(account)
        venue.control.mix("submit", {F.REJECT: 0.5, F.REFUSE_429: 0.3}, seed=seed, account="*")
        broker = venue.broker(key)
        for number in range(20):
            try:
                broker.submit(request(id=f"{account}-{seed}-{number}"))
            except BrokerError:
                continue
        return [each.fault for each in venue.control.posts(key)]

    first = run("a", 1)
    assert set(first) == {"accept", "reject", "refuse_429"}
    assert run("b", 1) == first
    assert run("c", 2) != first


@pytest.mark.parametrize(("kind", "why"), [(F.CUT_BODY, "middle"), (F.HUGE_BODY, "no end")])
def test_an_answer_is_whole_and_within_bounds_or_none(
    venue: ScriptedVenue, kind: F, why: str
) -> None:
    venue.control.fault("account", kind)
    with pytest.raises(NoAnswer, match=why):
        Wire(venue.url, 1, 5).call("GET", "/v1/account", {"X-Api-Key": KEY})


WIRE_ENDS = {
    F.CLOSE_BEFORE: b"",
    F.ACCEPT_THEN_CLOSE: b"",
    F.RESET_BEFORE: None,
    F.ACCEPT_THEN_RESET: None,
}


@pytest.mark.parametrize("kind", WIRE_ENDS, ids=str)
def test_a_close_is_a_fin_and_a_reset_is_a_reset(venue: ScriptedVenue, kind: F) -> None:
    venue.control.fault("account", kind)
    place = urlsplit(venue.url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as raw:
        raw.sendall(f"GET /v1/account HTTP/1.1\r\nX-Api-Key: {KEY}\r\n\r\n".encode())
        if WIRE_ENDS[kind] is None:
            with pytest.raises(ConnectionResetError):
                raw.recv(1)
        else:
            assert raw.recv(1) == b""


def test_many_at_once_with_one_id_make_one_order(venue: ScriptedVenue) -> None:
    broker = venue.broker()
    with ThreadPoolExecutor(20) as pool:
        reports = list(pool.map(lambda _: broker.submit(request(id="same")), range(20)))
    assert len({each.venue_order_id for each in reports}) == 1
    posts = venue.control.posts(client_order_id="same")
    assert sorted(each.taken is True for each in posts) == [False] * 19 + [True]
    assert {each.code for each in posts} == {None, "DUPLICATE_CLIENT_ID"}
