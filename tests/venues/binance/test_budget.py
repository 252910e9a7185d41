"""The rate of an address, among accounts and processes: who waits, and who passes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from brokers.binance.client import VenueClient
from brokers.binance.errors import Answer
from brokers.binance.seats import close_seats
from brokers.binance.spot import SpotBroker
from brokers.binance.weights import (
    ORDERS,
    TABLES,
    UNLISTED,
    WEIGHTS,
    Api,
    look_weight,
    row_of,
    weight_of,
)
from brokers.budget import Budget, at
from brokers.budgeting import UNTOLD, Priority
from brokers.doctor import look_at
from brokers.errors import OrderRejected, OutcomeUnknown, RateLimited
from brokers.types import OrderRequest, ReportStatus
from orders.venue_books import read_theirs
from tests.venues.binance.api import ROUTES
from tests.venues.binance.fixtures import KEY, Desk, SpotVenue, make_account, make_broker
from tests.venues.contract.desk import order
from tradehub.testing.hub import Clock

AT = datetime(2026, 3, 18, 15, 0, 10, tzinfo=UTC)
OTHER = "apikey2"


@pytest.fixture
def clock(spot_venue: SpotVenue) -> Clock:
    clock = Clock(AT)
    spot_venue.venue.clock = clock
    spot_venue.open()
    spot_venue.open(OTHER, "another-secret")
    return clock


@pytest.fixture
def two(
    alice: Any, spot_venue: SpotVenue, clock: Clock, redis_server: str
) -> tuple[SpotBroker, SpotBroker]:
    """Of two accounts in two processes, each with a connection to Redis of its own. Both have
    bought, so rules, prices and the clock are known."""
    found = []
    for key, secret in ((KEY, "secret-of-apikey1"), (OTHER, "another-secret")):
        broker = make_broker(make_account(alice, key, secret), clock)
        redis = Redis.from_url(redis_server)
        broker.client._budget = Budget(lambda redis=redis: redis)  # type: ignore[misc]  # bound
        broker.submit(ask(f"bought-{key}"))
        found.append(broker)
    return found[0], found[1]


def ask(name: str, side: str = "buy", kind: str = "market", **more: Any) -> OrderRequest:
    return order(Desk, side, more.pop("quantity", "1"), kind, id=name, **more)


def waits(broker: SpotBroker, **what: OrderRequest) -> float:
    """How many seconds an entry would."""
    with pytest.raises(RateLimited) as limited:
        broker.submit(what.get("request", ask("entry")))
    return round(limited.value.retry_after)


def test_a_429_in_one_process_slows_the_other(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue, clock: Clock
) -> None:
    spot_venue.venue.fault("account", "refuse_429", key=KEY, retry_after=30)
    with pytest.raises(RateLimited):
        two[0].account()
    asked = len(spot_venue.venue.notes)
    assert waits(two[1]) == 30
    assert len(spot_venue.venue.notes) == asked
    sale = ask("sale", "sell", quantity="0.5", reduce_only=True)
    assert two[1].submit(sale).status is ReportStatus.FILLED  # with what it asks, its turn
    with pytest.raises(RateLimited) as limited:
        two[1].order("sale")
    assert limited.value.retry_after <= 1
    clock.wait(1)
    assert two[1].order("sale") is not None
    clock.wait(30)
    assert two[1].submit(ask("later")).status is ReportStatus.FILLED


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "30"}, 30), ({}, UNTOLD)])
def test_a_429_without_words_slows_too(
    two: tuple[SpotBroker, SpotBroker],
    spot_venue: SpotVenue,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    seconds: float,
) -> None:
    """Whatever stands before the venue answers with a page of its own: nothing is certain of the
    request, and the address is asked for patience all the same."""
    page = Answer(429, headers, b"<html>")
    monkeypatch.setattr(two[0].client, "_exchange", lambda *asked: page)
    with pytest.raises(OutcomeUnknown):
        two[0].account()
    assert waits(two[1]) == seconds


@pytest.mark.parametrize(("answers", "seconds"), [(False, 10), (True, UNTOLD)])
def test_a_429_without_words_slows_for_longer_only_where_nothing_comes_through(
    two: tuple[SpotBroker, SpotBroker],
    spot_venue: SpotVenue,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    answers: bool,
    seconds: float,
) -> None:
    """In the process that is told so."""
    page, client = Answer(429, {}, b"<html>"), two[0].client
    for number in range(2):
        clock.wait(6)
        if number and answers:
            two[0].account()
        with monkeypatch.context() as before:
            before.setattr(client, "_exchange", lambda *asked: page)
            with pytest.raises(OutcomeUnknown):
                two[0].account()
    assert waits(two[1]) == seconds


def test_a_418_in_one_process_stops_the_other(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue, clock: Clock
) -> None:
    spot_venue.venue.weight_limit = 0
    for _ in range(4):  # it goes on after the venue's 429
        two[0].client._budget.forget()
        with pytest.raises(RateLimited):
            two[0].account()
    asked = len(spot_venue.venue.notes)
    for question in (
        lambda: two[1].submit(ask("sale", "sell", quantity="0.5", reduce_only=True)),
        lambda: two[1].cancel("bought-apikey2"),
        lambda: two[1].order("bought-apikey2"),
        two[1].account,
    ):
        with pytest.raises(RateLimited) as limited:
            question()
        assert round(limited.value.retry_after) == spot_venue.venue.retry_after
    assert len(spot_venue.venue.notes) == asked
    spot_venue.venue.weight_limit = 6000
    clock.wait(spot_venue.venue.retry_after)
    assert two[1].account().cash > 0


def test_exits_pass_while_entries_wait(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue, clock: Clock
) -> None:
    """Most of the minute is used, by somebody else at the same address."""
    two[1].submit(ask("rests", kind="limit", limit_price="90"))
    spot_venue.venue.weigh(5300)
    two[0].client.get_account()  # whose answer tells it
    assert waits(two[1]) == 50
    with pytest.raises(RateLimited):
        two[1].open_orders()
    sale = ask("sale", "sell", quantity="0.5", reduce_only=True)
    assert two[1].submit(sale).status is ReportStatus.FILLED
    assert two[1].cancel("rests").status is ReportStatus.CANCELED
    clock.wait(50)
    assert two[1].submit(ask("later")).status is ReportStatus.FILLED


def test_background_reads_stop_first(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue
) -> None:
    spot_venue.venue.weigh(4300)
    two[0].client.get_account()
    for question in (two[1].positions, two[1].open_orders, lambda: two[1].fills(AT)):
        with pytest.raises(RateLimited):
            question()
    assert two[1].submit(ask("entry")).status is ReportStatus.FILLED


@pytest.mark.parametrize(("missing", "begins"), [(1, False), (0, True)])
def test_a_comparison_begins_only_where_all_of_it_has_room(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue, missing: int, begins: bool
) -> None:
    """Its open orders weigh 80, and would be thrown away without what follows: 44."""
    venue = spot_venue.venue
    used = int(venue.weigh(0)["X-MBX-USED-WEIGHT-1M"])
    venue.weigh(4200 - 124 - 20 + missing - used)
    two[0].client.get_account()  # 20, and its answer tells it
    asked = len(venue.notes)
    with at(Priority.LAST):
        theirs, error = read_theirs(two[1], "acc_1", since=AT + timedelta(minutes=1))
    assert (theirs.positions is not None, not error) == (begins, begins)
    assert (len(venue.notes) > asked) == begins


def test_too_many_orders_are_of_the_account_only(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue, clock: Clock
) -> None:
    text = "Too many new orders; current limit is 100 orders per 10 SECOND."
    spot_venue.venue.fault("submit", "reject", key=KEY, code="-1015", text=text)
    with pytest.raises(RateLimited):
        two[0].submit(ask("refused"))
    assert waits(two[0]) > 0
    assert two[0].account().cash > 0
    assert two[1].submit(ask("other")).status is ReportStatus.FILLED


def test_the_venue_counts_the_orders(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Those that are unfilled: filled ones are free again, so ours are no measure."""
    for number in range(120):
        two[0].submit(ask(f"filled{number}", quantity="0.06"))
    monkeypatch.setattr(spot_venue.venue, "order_count", 86)
    two[0].submit(ask("told"))
    assert 0 < waits(two[0]) <= 10
    clock.wait(10)
    assert two[0].submit(ask("later")).status is ReportStatus.FILLED


def test_a_refusal_of_our_own_is_certain(
    two: tuple[SpotBroker, SpotBroker], spot_venue: SpotVenue
) -> None:
    spot_venue.venue.weigh(5300)
    two[0].client.get_account()
    with pytest.raises(RateLimited) as limited:
        two[1].submit(ask("entry"))
    assert limited.value.venue_code == "HELD"
    assert limited.value.text.startswith("Nothing was sent.")
    assert spot_venue.venue.posts("entry") == 0


def test_a_look_weighs_no_more_than_is_taken_for_it(desk: Desk) -> None:
    """The account doctor's, of an account that holds something."""
    desk.place("buy", "1")
    before = int(desk.venue.weigh(0)["X-MBX-USED-WEIGHT-1M"])
    assert look_at(desk.account).complete
    weighed = int(desk.venue.weigh(0)["X-MBX-USED-WEIGHT-1M"]) - before
    assert weighed <= look_weight(Api.SPOT) <= weighed + 25


def test_a_process_without_redis_goes_on(alice: Any, spot_venue: SpotVenue, clock: Clock) -> None:
    broker = make_broker(make_account(alice), clock)
    broker.client._budget = Budget(lambda: Redis.from_url("unix:///nowhere/redis.sock"))
    broker.submit(ask("bought"))
    spot_venue.venue.weigh(5300)
    broker.client.get_account()
    assert waits(broker) == 50
    sale = ask("sale", "sell", quantity="0.5", reduce_only=True)
    assert broker.submit(sale).status is ReportStatus.FILLED


def test_no_question_of_ours_is_without_a_row(alice: Any, spot_venue: SpotVenue) -> None:
    """What the fake serves, the adapter asks."""
    for method, path in ROUTES:
        api = Api.WALLET if path.startswith("/sapi") else Api.SPOT
        assert (
            row_of(api, method, path.removeprefix("/sapi").removeprefix("/api")).weight < UNLISTED
        )
    assert row_of(Api.SPOT, "GET", "/v3/notListed").weight == UNLISTED


def test_weights_are_those_that_the_venue_counts() -> None:
    """The same pages read twice: the fake has a table of its own."""
    shapes: list[dict[str, str]] = [
        {},
        {"symbol": "BTCUSDT"},
        {"symbol": "BTCUSDT", "orderId": "1"},
        {"symbols": '["BTCUSDT","ETHUSDT"]'},
    ]
    for (method, path), route in ROUTES.items():
        if path.startswith("/sapi"):
            continue
        row = row_of(Api.SPOT, method, path.removeprefix("/api"))
        for params in shapes if "ticker" in path else shapes[:-1]:
            assert weight_of(row, params) == route.weigh(params), (path, params)


def test_futures_and_spot_are_counted_apart(alice: Any, spot_venue: SpotVenue) -> None:
    client = make_broker(make_account(alice)).client
    client.FUTURES_URL = f"{spot_venue.server.url}/fapi"
    spot = client._cost("get", f"{client.API_URL}/v3/openOrders", {})
    futures = client._cost("get", f"{client.FUTURES_URL}/v1/openOrders", {})
    assert (spot.api, futures.api) == (Api.SPOT, Api.FUTURES)
    assert spot.charges[0].scope != futures.charges[0].scope
    assert (spot.charges[0].weight, futures.charges[0].weight) == (80, 40)
    placed = client._cost("post", f"{client.FUTURES_URL}/v1/algoOrder", {"symbol": "BTCUSDT"})
    assert [each.limit.most for each in placed.charges] == [2400, 300, 1200]
    cancel = client._cost("delete", f"{client.FUTURES_URL}/v1/order", {"symbol": "BTCUSDT"})
    assert cancel.priority is Priority.FIRST


def test_the_limits_that_the_venue_tells_hold(desk: Desk) -> None:
    desk.venue.weight_limit = 1000
    desk.place("buy", "1")  # for which the rules are read
    client = desk.broker.client
    cost = client._cost("post", f"{client.API_URL}/v3/order", {"symbol": "BTCUSDT"})
    assert [each.limit.most for each in cost.charges] == [1000, 100, 160_000]


def test_every_api_has_its_tables() -> None:
    assert set(TABLES) == set(WEIGHTS) == set(ORDERS) == set(Api)


def test_the_client_of_a_seat_uses_the_budget_of_the_process(
    alice: Any, spot_venue: SpotVenue
) -> None:
    from brokers.budget import budget

    spot_venue.open()
    client: VenueClient = make_broker(make_account(alice)).client
    assert client._budget is budget
    close_seats()


def test_errors_other_than_of_the_rate_slow_nobody(desk: Desk) -> None:
    desk.venue.fault("account", "refuse_500", key=KEY)
    with pytest.raises(OutcomeUnknown):
        desk.broker.account()
    desk.venue.fault("submit", "reject", key=KEY)
    with pytest.raises(OrderRejected):
        desk.place("buy", "1")
    assert desk.place("buy", "1").filled_quantity == 1
    assert desk.broker.client.now() - desk.broker.account().at < timedelta(minutes=1)
