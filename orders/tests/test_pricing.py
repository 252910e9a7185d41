"""What a price means: which orders it may fill, how often one is looked at, and what pages show."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from brokers.models import BrokerAccount
from brokers.paper.prices import TRADED_FOR
from brokers.prices.board import Board, Heard
from brokers.prices.places import SPOT_LIVE, Place
from brokers.prices.shared import known_prices, tell
from brokers.types import Quote
from orders import pricing
from orders.marking import Marker
from orders.models import Order, Position
from orders.pricing import Pricer, Waiting, may_fill
from orders.triggers import TELLS_FOR
from tradehub.lib import live
from tradehub.lib.heartbeat import redis_client
from tradehub.testing.hub import make_hub

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BTC = Place(SPOT_LIVE, "BTCUSDT")


@pytest.fixture(autouse=True)
def redis_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test before may have found it away."""
    monkeypatch.setattr("brokers.prices.shared._quiet_until", 0.0)


def quote(bid: int, ask: int, last: int) -> Quote:
    return Quote("BTCUSDT", Decimal(bid), Decimal(ask), Decimal(last), NOW, "binance")


@pytest.mark.parametrize(
    ("side", "kind", "prices", "bid", "ask", "last", "fills"),
    [
        ("buy", "limit", {"limit_price": 100}, 99, 100, 105, True),
        ("buy", "limit", {"limit_price": 100}, 99, 101, 95, False),
        ("sell", "limit", {"limit_price": 100}, 100, 101, 95, True),
        ("sell", "limit", {"limit_price": 100}, 99, 100, 105, False),
        ("sell", "stop", {"stop_price": 100}, 99, 101, 100, True),
        ("sell", "stop", {"stop_price": 100}, 99, 101, 101, False),
        ("buy", "stop", {"stop_price": 100}, 99, 101, 100, True),
        ("buy", "stop", {"stop_price": 100}, 99, 101, 99, False),
        # A stop limit that was triggered waits for its limit.
        ("buy", "stop_limit", {"stop_price": 100, "limit_price": 98}, 97, 98, 97, True),
        ("buy", "stop_limit", {"stop_price": 100, "limit_price": 98}, 98, 99, 99, False),
        ("sell", "trailing_stop", {}, 99, 101, 100, True),
    ],
)
def test_which_resting_order_a_price_may_fill(
    side: str, kind: str, prices: dict[str, int], bid: int, ask: int, last: int, fills: bool
) -> None:
    given = {name: Decimal(price) for name, price in prices.items()}
    order = Order(side=side, order_type=kind, **given)
    assert may_fill(order, quote(bid, ask, last)) is fills


@dataclass
class Turns:
    jobs: list[tuple[str, str]] = field(default_factory=list)

    def put(self, account_id: str, kind: str, job: Callable[[], object], /) -> bool:
        self.jobs.append((account_id, kind))
        return True


def told(board: Board, price: str, at: datetime = NOW) -> None:
    board.put(BTC, "all", {"name": "BTCUSDT", "bid": price, "ask": price, "last": price}, at)


@pytest.fixture
def waiting() -> Waiting:
    order = Order(pk="ord_1", side="buy", order_type="limit", limit_price=Decimal(100))
    return Waiting(BrokerAccount(id="acc_1", kind="paper"), "BTCUSDT", order)


def test_a_price_that_is_met_is_handed_on_and_not_ten_times_a_second(
    waiting: Waiting, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, turns, passed = Board(), Turns(), [100.0]
    monkeypatch.setattr(pricing, "monotonic", lambda: passed[0])
    pricer = Pricer(board, redis_client(), turns.put, lambda: NOW, {BTC: [waiting]})
    told(board, "101")
    assert pricer.press() == 0
    for _ in range(3):
        told(board, "99")
        pricer.press()
    assert turns.jobs == [("acc_1", "paper")]
    assert pricer.press() == 0, "nothing was told"
    passed[0] += pricing.AGAIN_SECONDS
    board.again([BTC])
    assert pricer.press() == 1


def test_an_old_price_means_nothing(waiting: Waiting, redis_server: str) -> None:
    board, turns = Board(), Turns()
    pricer = Pricer(board, redis_client(), turns.put, lambda: NOW, {BTC: [waiting]})
    told(board, "99", NOW - timedelta(seconds=5))
    assert pricer.press() == 0


@pytest.mark.django_db
def test_what_something_waits_for_is_named_before_what_is_only_held(
    alice: Any, now: datetime
) -> None:
    hub = make_hub(alice, now, {"max_order_value": "100000"}, options={"price_source": "binance"})
    given = {
        "owner": alice,
        "account": hub.account,
        "is_open": True,
        "quantity": Decimal(1),
        "updated_at": now,
    }
    for symbol in ("AAAUSDT", "ZZZUSDT", "not a pair"):
        Position.objects.create(**given, symbol=symbol, average_entry_price=Decimal(1))
    watched = {"stop_price": None, "targets": [], "watched": [{"price": "2", "quantity": "1"}]}
    Position.objects.filter(symbol="ZZZUSDT").update(protection=watched)
    pricer = Pricer(Board(), redis_client(), Turns().put, hub.clock)
    assert [each.name for each in pricer.needed()] == ["ZZZUSDT", "AAAUSDT"]


@pytest.mark.django_db
def test_a_mark_comes_from_the_feed_and_its_venue_is_not_asked(
    alice: Any, now: datetime, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = BrokerAccount.objects.create(
        owner=alice, kind="binance_spot", environment="live", label="Real"
    )
    given = {
        "owner": alice,
        "account": account,
        "is_open": True,
        "quantity": Decimal(2),
        "updated_at": now,
    }
    Position.objects.create(**given, symbol="BTCUSDT", average_entry_price=Decimal(90))
    frames: list[dict[str, Any]] = []
    monkeypatch.setattr(live.publisher, "put", lambda owner, frame: frames.append(frame))
    asked: list[str] = []

    class Venue:
        def quote(self, symbol: str) -> Quote | None:
            asked.append(symbol)
            return None

        def account(self) -> Any:
            from brokers.errors import NotSent

            raise NotSent("away")

    monkeypatch.setattr("orders.marking.connect", lambda account, **more: Venue())
    tell(redis_client(), {BTC: Heard(quote(99, 101, 100), now)}, now=now)
    marker = Marker(clock=lambda: now)
    assert marker.publish() == 1
    assert [(each["type"], each["mark_price"], each["unrealized_pnl"]) for each in frames] == [
        ("mark", "100", "20")
    ]
    assert not asked
    assert Marker(clock=lambda: now + timedelta(seconds=6)).publish() == 0
    assert asked == ["BTCUSDT"]


# ---- how long a price lives ----


def test_a_price_that_is_told_again_lives_no_longer(
    waiting: Waiting, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour, left_of_it = timedelta(hours=1), timedelta(minutes=10)  # Redis has a clock of its own
    for module in ("board", "shared"):
        monkeypatch.setattr(f"brokers.prices.{module}.FRESH", hour)
    board, passed = Board(), [NOW]
    pricer = Pricer(board, redis_client(), Turns().put, lambda: passed[0], {BTC: [waiting]})
    told(board, "100")
    pricer.press()
    passed[0] = NOW + hour - left_of_it
    board.again([BTC])
    pricer.press()
    assert known_prices([BTC], now=passed[0])
    left = cast(int, redis_client().pttl("tradehub:price:binance_spot:live:BTCUSDT"))
    assert 0 < left <= left_of_it / timedelta(milliseconds=1), "Redis lets it go then too"
    tell(redis_client(), {BTC: Heard(quote(100, 100, 100), NOW)}, now=NOW)
    assert known_prices([BTC], now=NOW + hour) == {}


def test_many_orders_of_one_account_are_one_look_at_it(
    redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pricing, "monotonic", lambda: 100.0)
    board, turns = Board(), Turns()
    accounts = [BrokerAccount(id=each, kind="paper") for each in ("acc_1", "acc_2")]
    resting = [
        Waiting(account, "BTCUSDT", Order(side="sell", order_type="trailing_stop"))
        for account in accounts
        for _ in range(100)
    ]
    pricer = Pricer(board, redis_client(), turns.put, lambda: NOW, {BTC: resting})
    told(board, "100")
    assert pricer.press() == 2
    assert turns.jobs == [("acc_1", "paper"), ("acc_2", "paper")]


@pytest.mark.parametrize(("waited", "does"), [(4.9, True), (5.0, False)])
def test_a_price_that_waited_for_its_turn_is_judged_again(
    waited: float, does: bool, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, jobs, passed = Board(), [], [NOW]
    watched: list[Any] = []
    monkeypatch.setattr(pricing, "watch_prices", lambda *given: watched.append(given))
    monkeypatch.setattr(pricing, "asks", lambda position, quote: True)
    one = Waiting(BrokerAccount(id="acc_1", kind="paper"), "BTCUSDT", Position(pk="pos_1"))

    def put(account_id: str, kind: str, job: Callable[[], object], /) -> bool:
        jobs.append(job)
        return True

    pricer = Pricer(board, redis_client(), put, lambda: passed[0], {BTC: [one]})
    told(board, "100")
    assert pricer.press() == 1
    passed[0] += timedelta(seconds=waited)
    jobs[0]()
    assert bool(watched) is does


def test_paper_fills_by_prices_as_old_as_those_that_positions_heed() -> None:
    assert TRADED_FOR == TELLS_FOR
