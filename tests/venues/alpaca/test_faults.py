"""Every fault on a real socket: what the adapter may conclude, and that an order is sent once."""

import logging
import socket
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from brokers.alpaca.client import Timeouts
from brokers.errors import (
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
)
from brokers.types import ReportStatus
from tests.servers import free_port
from tests.venue.faults import FaultKind as F
from tests.venues.alpaca.fixtures import KEY, SECRET, Alpaca, request
from tests.venues.alpaca.venue import Asked
from tests.venues.patience import HANGS, hurried
from tests.venues.streams import until
from tradehub.testing.hub import Clock

AT = datetime(2026, 3, 18, 15, 0, 10, tzinfo=UTC)

# On a submit: what the adapter may conclude, and whether Alpaca has the order.
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


def test_every_fault_is_listed_here() -> None:
    assert set(ON_SUBMIT) == set(F)


@pytest.mark.parametrize("kind", ON_SUBMIT, ids=str)
def test_a_fault_on_a_submit(alpaca: Alpaca, kind: F) -> None:
    """One request leaves, whatever comes back: alpaca-py by itself would send four on a 504."""
    error, taken = ON_SUBMIT[kind]
    broker = alpaca.broker()
    broker.instrument("AAPL")
    alpaca.venue.fault("submit", kind, seconds=1.2 if kind is F.DELAY else 30)
    if error is None:
        assert broker.submit(request()).status is ReportStatus.FILLED
    else:
        with hurried() if kind in HANGS else nullcontext(), pytest.raises(BrokerError) as raised:
            broker.submit(request())
        assert type(raised.value) is error
    assert settled(alpaca).taken is taken
    assert (broker.order("order1") is not None) is taken
    assert alpaca.venue.positions(KEY) == ({"AAPL": 2} if taken else {})


def settled(alpaca: Alpaca) -> Asked:
    """The one request for the order, once the venue is done with it."""
    until(lambda: alpaca.venue.posts("order1")[0].taken is not None, "the venue is done with it")
    (post,) = alpaca.venue.posts("order1")
    return post


@pytest.mark.parametrize("kind", [F.REFUSE_504, F.REFUSE_429, F.REFUSE_500])
def test_a_read_is_asked_once_too(alpaca: Alpaca, kind: F) -> None:
    alpaca.venue.fault("account", kind, times=4)
    with pytest.raises(BrokerError):
        alpaca.broker().account()
    assert alpaca.asked("account") == 1


def test_how_long_a_limit_lasts_is_told(alpaca: Alpaca) -> None:
    alpaca.venue.fault("submit", F.REFUSE_429, retry_after=9)
    with pytest.raises(RateLimited) as limited:
        alpaca.broker().submit(request())
    assert limited.value.retry_after == 9


def test_after_a_limit_all_wait_but_exits_and_cancels(alpaca: Alpaca) -> None:
    broker = alpaca.broker()
    broker.submit(request(id="bought"))
    broker.submit(request(id="rests", kind="limit", limit_price="90"))
    alpaca.venue.fault("account", F.REFUSE_429, retry_after=30)
    with pytest.raises(RateLimited):
        broker.account()
    asked = len(alpaca.venue.asked)
    for question in (broker.positions, broker.account, lambda: broker.submit(request(id="new"))):
        with pytest.raises(RateLimited) as limited:
            question()
        assert 20 < limited.value.retry_after <= 30
        assert limited.value.venue_code == "HELD"
    assert len(alpaca.venue.asked) == asked
    assert broker.order("rests") is not None  # its turn
    assert len(alpaca.venue.asked) == asked + 1


def test_the_last_of_a_minute_is_kept_for_exits(alpaca: Alpaca) -> None:
    """As the venue counts: somebody else may use the same key."""
    clock = Clock(AT)
    broker = alpaca.broker(clock)
    alpaca.venue.most = alpaca.venue.remaining = 200
    broker.submit(request(id="bought"))
    alpaca.venue.remaining = 29
    broker.account()
    for question in (broker.positions, broker.account, lambda: broker.submit(request(id="new"))):
        with pytest.raises(RateLimited) as limited:
            question()
        assert 49 < limited.value.retry_after <= 50
    exit_ = request("sell", id="sold", reduce_only=True)
    assert broker.submit(exit_).status is ReportStatus.FILLED
    assert [each.body["client_order_id"] for each in alpaca.venue.posts()] == ["bought", "sold"]
    alpaca.venue.remaining = 200
    clock.wait(50)
    assert broker.positions() == []


def test_a_plan_with_more_requests_is_used(alpaca: Alpaca) -> None:
    broker = alpaca.broker(Clock(AT))
    alpaca.venue.most = alpaca.venue.remaining = 400
    for _ in range(340):
        broker.account()
    with pytest.raises(RateLimited, match="of the 400 requests"):
        broker.account()


def test_nobody_listens(alpaca: Alpaca) -> None:
    """Also on a connection that was kept from an earlier question."""
    broker = alpaca.broker()
    broker.instrument("AAPL")
    alpaca.server.close_door()
    with pytest.raises(NotSent):
        broker.submit(request())
    with pytest.raises(NotSent):
        alpaca.broker().submit(request())
    assert not alpaca.venue.posts()


def test_an_address_that_takes_no_connection_is_left_after_the_time_for_it() -> None:
    from brokers.alpaca.client import Client

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.socket() as first, socket.socket() as second:
            for each in (first, second):
                each.setblocking(False)
                each.connect_ex(address)
            url = f"http://127.0.0.1:{address[1]}"
            client = Client(
                api_key=KEY, api_secret=SECRET, trading_url=url, data_url=url,
                timeouts=Timeouts(connect=0.3, read=0.3, whole=1),
            )  # fmt: skip
            with pytest.raises(NotSent):
                client.post("/orders", {})
            client.close()


def test_an_order_that_needs_an_answer_first_was_not_sent_without_it(alpaca: Alpaca) -> None:
    alpaca.venue.fault("instrument", F.REFUSE_500)
    with pytest.raises(NotSent):
        alpaca.broker().submit(request())
    assert not alpaca.venue.posts()


def test_an_answer_that_is_too_large_is_left(
    alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brokers.alpaca.client.MOST_BYTES", 100)
    with pytest.raises(OutcomeUnknown):
        alpaca.broker().account()


def test_an_answer_that_comes_in_drops_has_an_end(alpaca: Alpaca) -> None:
    """Each read is in time; the whole is not."""
    broker = alpaca.broker(timeouts=Timeouts(connect=10, read=20, whole=0))
    with pytest.raises(OutcomeUnknown):
        broker.account()


BROKEN = (
    F.REFUSE_500,
    F.REFUSE_504,
    F.ACCEPT_THEN_CLOSE,
    F.CUT_BODY,
    F.TRUNCATED_JSON,
    F.EMPTY_ANSWER,
    F.REDIRECT,
)


@pytest.mark.parametrize("operation", ["open_orders", "positions", "fills", "account", "quotes"])
def test_a_read_that_fails_is_never_an_empty_answer(alpaca: Alpaca, operation: str) -> None:
    broker = alpaca.broker()
    filled = broker.submit(request())
    broker.submit(request(id="rests", kind="limit", limit_price="90"))
    reads: dict[str, Callable[[], object]] = {
        "open_orders": broker.open_orders,
        "positions": broker.positions,
        "fills": lambda: broker.fills(filled.at),
        "account": broker.account,
        "quotes": lambda: broker.quotes(["AAPL"]),
    }
    for kind in BROKEN:
        alpaca.venue.fault(operation, kind)
        with pytest.raises(OutcomeUnknown):
            reads[operation]()
    assert reads[operation]()


@pytest.mark.parametrize("kind", [F.REFUSE_500, F.ACCEPT_THEN_400, F.EMPTY_ANSWER])
def test_only_alpacas_own_404_denies_an_order(alpaca: Alpaca, kind: F) -> None:
    broker = alpaca.broker()
    alpaca.venue.fault("order", kind)
    with pytest.raises(OutcomeUnknown):
        broker.order("never")
    assert broker.order("never") is None


def test_no_key_is_in_what_is_raised_shown_or_logged(
    alpaca: Alpaca, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = alpaca.broker()
    said = [repr(broker), str(broker)]
    for kind in (F.REFUSE_401, F.REFUSE_500, F.ACCEPT_THEN_CLOSE, F.ACCEPT_THEN_HANG):
        alpaca.venue.fault("account", kind, seconds=30)
        with hurried() if kind in HANGS else nullcontext(), pytest.raises(BrokerError) as raised:
            broker.account()
        error: BaseException | None = raised.value
        while error is not None:
            said += [str(error), repr(error)]
            error = error.__cause__
    said += [record.getMessage() for record in caplog.records]
    assert not [each for each in said if KEY in each or SECRET in each]


def test_a_port_where_nobody_is_was_not_sent_anything() -> None:
    from brokers.alpaca.client import Client

    url = f"http://127.0.0.1:{free_port()}"
    client = Client(api_key=KEY, api_secret=SECRET, trading_url=url, data_url=url)
    with pytest.raises(NotSent):
        client.post("/orders", {})
    client.close()


def test_a_name_that_leads_nowhere_was_not_sent_anything() -> None:
    from brokers.alpaca.client import Client

    url = "http://nowhere.invalid"
    client = Client(api_key=KEY, api_secret=SECRET, trading_url=url, data_url=url)
    with pytest.raises(NotSent):
        client.post("/orders", {})
    client.close()
