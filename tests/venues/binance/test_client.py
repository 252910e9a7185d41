"""The SDK's client as we wrap it: what leaves, what is kept, and what never happens."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as project

from brokers.binance.client import VenueClient
from brokers.binance.seats import LIVE, TEST, addresses_of, seat_of
from brokers.binance.spot import open_spot
from brokers.doctor import look_at
from brokers.errors import BadCredentials, BrokerError, NotSent, OutcomeUnknown, RateLimited
from brokers.services import update_account
from brokers.types import OrderRequest
from tests.venues.binance.fixtures import (
    KEY,
    PATIENT,
    SECRET,
    Desk,
    SpotVenue,
    make_account,
    make_broker,
)
from tests.venues.contract.desk import order
from tradehub.lib.clock import utc_now

AT = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)


@pytest.fixture
def client(alice: Any, spot_venue: SpotVenue) -> VenueClient:
    spot_venue.open()
    return make_broker(make_account(alice)).client


class Clock:
    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at


def test_every_signed_request_is_open_for_five_seconds(
    client: VenueClient, spot_venue: SpotVenue
) -> None:
    client.get_account(recvWindow=60_000)
    (note,) = spot_venue.venue.asked("account")
    assert note.params["recvWindow"] == "5000"


def test_making_a_client_asks_nobody_and_makes_no_loop(alice: Any, spot_venue: SpotVenue) -> None:
    spot_venue.open()
    account = make_account(alice)
    made: list[bool] = []

    def make() -> None:
        make_broker(account)
        try:
            asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:
            made.append(False)
        else:
            made.append(True)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert made == [False]
    assert spot_venue.venue.notes == []


def test_connections_are_kept_and_closed(client: VenueClient, spot_venue: SpotVenue) -> None:
    for _ in range(5):
        client.get_account()
    assert spot_venue.server.accepted == 1


def test_the_venues_clock_is_asked_once_and_followed(alice: Any, spot_venue: SpotVenue) -> None:
    clock = Clock()
    spot_venue.venue.clock = clock
    spot_venue.venue.skew = timedelta(seconds=-7)
    spot_venue.open()
    broker = make_broker(make_account(alice), clock)
    for _ in range(3):
        broker.client.get_account()
    assert len(spot_venue.venue.asked("time")) == 1
    assert broker.client.site.offset(clock()) == timedelta(seconds=-7)
    clock.at += timedelta(hours=1)
    broker.client.get_account()
    assert len(spot_venue.venue.asked("time")) == 2


def test_a_refused_timestamp_sets_the_clock_anew(alice: Any, spot_venue: SpotVenue) -> None:
    """Refused before it was looked at, so it is certain; and the next request passes."""
    clock = Clock()
    spot_venue.venue.clock = clock
    spot_venue.open()
    broker = make_broker(make_account(alice), clock)
    broker.client.get_account()
    spot_venue.venue.skew = timedelta(seconds=5.5)
    asked = order_of("1")
    with pytest.raises(NotSent) as refused:
        broker.submit(asked)
    assert refused.value.venue_code == "-1021"
    assert broker.submit(asked).filled_quantity == 1
    assert len(spot_venue.venue.asked("time")) == 2


def test_an_order_is_not_sent_while_the_clock_is_not_known(
    client: VenueClient, spot_venue: SpotVenue
) -> None:
    for kind in ("refuse_500", "accept_then_close", "truncated_json", "empty_list"):
        spot_venue.venue.fault("time", kind, key=KEY)
        with pytest.raises(NotSent):
            client.create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1")
    assert spot_venue.venue.asked("submit") == []


def test_who_was_told_to_wait_asks_nothing_until_then(alice: Any, spot_venue: SpotVenue) -> None:
    clock = Clock()
    spot_venue.venue.clock = clock
    spot_venue.open()
    spot_venue.open("apikey2", "another-secret")
    first = make_broker(make_account(alice), clock)
    second = make_broker(make_account(alice, "apikey2", "another-secret"), clock)
    first.client.get_account()
    spot_venue.venue.fault("account", "refuse_429", key=KEY, retry_after=7)
    with pytest.raises(RateLimited):
        first.account()
    before = len(spot_venue.venue.notes)
    clock.at += timedelta(seconds=6)
    with pytest.raises(RateLimited) as limited:
        second.account()  # weights are of the address: of every account here
    assert limited.value.retry_after == 1
    assert len(spot_venue.venue.notes) == before
    clock.at += timedelta(seconds=1)
    assert second.account().equity == 30_000


def test_threads_read_their_own_answers(client: VenueClient, spot_venue: SpotVenue) -> None:
    """The SDK keeps the last answer on the client and reads it there: maybe another thread's."""
    symbols = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "ETHBTC"] * 25
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: client.get_symbol_ticker(symbol=each), symbols))
    assert [each["symbol"] for each in found] == symbols


def test_a_redirect_is_not_followed(client: VenueClient, spot_venue: SpotVenue) -> None:
    client.get_account()
    spot_venue.venue.fault("submit", "redirect", key=KEY)
    with pytest.raises(OutcomeUnknown):
        client.create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="1")
    assert len(spot_venue.venue.asked("submit")) == 1


def test_nobody_listens(client: VenueClient, spot_venue: SpotVenue) -> None:
    client.get_account()
    spot_venue.server.close_door()
    with pytest.raises(NotSent):
        client.get_account()


def test_an_answer_that_comes_byte_by_byte_is_left(
    client: VenueClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte starts a time-out anew; the whole has a time of its own."""

    class Dripped:
        connect = 10.0
        reads = iter((20.0, 0.3))  # for a byte, for them all

        @property
        def read(self) -> float:
            return next(self.reads)

    monkeypatch.setattr(client, "_timeouts", Dripped())
    with dripping() as url:
        client.API_URL = f"{url}/api"
        with pytest.raises(OutcomeUnknown) as failed:
            client.get_server_time()
    assert "OSError" in failed.value.text


@contextmanager
def dripping() -> Iterator[str]:
    """A server that answers one request in three seconds, a byte at a time."""
    door = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        connection, _ = door.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
            while not stopping.wait(0.05):
                connection.sendall(b" ")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        stopping.set()
        thread.join()
        door.close()


def test_no_secret_is_in_a_text(alice: Any, spot_venue: SpotVenue) -> None:
    spot_venue.open()
    account = make_account(alice)
    broker = make_broker(account)
    texts = [repr(broker), repr(broker.client), repr(seat_of(account, utc_now, PATIENT))]
    for kind in ("refuse_500", "accept_then_close", "refuse_401", "truncated_json"):
        spot_venue.venue.fault("account", kind, key=KEY)
        with pytest.raises(BrokerError) as failed:
            broker.account()
        texts += [str(failed.value), repr(failed.value)]
        assert failed.value.__cause__ is None or SECRET not in repr(failed.value.__cause__)
    assert SECRET not in str(account)
    for text in texts:
        assert SECRET not in text
        assert KEY not in text
        assert "signature" not in text


def test_an_account_without_a_key_is_told_so(alice: Any, spot_venue: SpotVenue) -> None:
    account = make_account(alice)
    account.sealed_credentials = ""
    with pytest.raises(BadCredentials):
        open_spot(account, utc_now)


@pytest.mark.parametrize("key", [f" {KEY}", f"{KEY}\n", f"\t{KEY} "])
def test_what_was_pasted_around_a_key_is_left_out(
    alice: Any, spot_venue: SpotVenue, key: str
) -> None:
    spot_venue.open()
    assert make_broker(make_account(alice, key, f" {SECRET}\n")).account().cash == 30_000


@pytest.mark.parametrize("key", [f"{KEY}…", f"{KEY} {KEY}", f"{KEY}\n{KEY}", "ключ", "  "])
def test_a_key_that_can_be_no_header_is_refused_before_anything_is_sent(
    alice: Any, spot_venue: SpotVenue, key: str
) -> None:
    look = look_at(make_account(alice, key))
    (line,) = look.hindrances
    assert look.complete
    assert line.code == "BAD_CREDENTIALS"
    assert KEY not in line.text
    assert spot_venue.venue.notes == []


def test_replaced_credentials_open_a_new_seat(alice: Any, spot_venue: SpotVenue) -> None:
    spot_venue.open()
    spot_venue.open("apikey2", "another-secret", USDT="7")
    account = make_account(alice)
    assert make_broker(account).account().cash == 30_000
    fresh = {"api_key": "apikey2", "api_secret": "another-secret"}
    update_account(account=account, now=utc_now(), actor=alice, credentials=fresh)
    assert make_broker(account).account().cash == 7


def test_live_and_test_have_their_own_addresses(settings: Any) -> None:
    settings.VENUE_URLS = {**project.VENUE_URLS, "BINANCE_SPOT_REST_URL": ""}
    assert addresses_of("live") == LIVE
    assert addresses_of("test") == TEST
    settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_REST_URL": "http://proxy:1"}
    assert {addresses_of(each).spot for each in ("live", "test")} == {"http://proxy:1"}


def order_of(quantity: str) -> OrderRequest:
    return order(Desk, "buy", quantity)
