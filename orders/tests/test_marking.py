"""Marks and feeds: whose prices an account is shown, and what a venue that is away keeps back."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from brokers.errors import RateLimited
from brokers.models import BrokerAccount, Examination
from brokers.prices.asking import source_quotes
from brokers.prices.board import Board, Heard
from brokers.prices.places import STOCKS_IEX, Place, sip_of
from brokers.prices.shared import streamed_quotes, tell
from brokers.types import Quote
from orders.marking import Marker
from orders.models import Position
from orders.pricing import Pricer
from tradehub.lib import live, logs
from tradehub.lib.heartbeat import redis_client
from tradehub.testing.hub import make_hub

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def redis_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test before may have found it away."""
    monkeypatch.setattr("brokers.prices.shared._quiet_until", 0.0)


def at_alpaca(owner: Any, *, feed: str = "iex", passed: bool | None = True) -> BrokerAccount:
    account = BrokerAccount.objects.create(
        owner=owner, kind="alpaca", environment="test", label=feed, options={"feed": feed}
    )
    Examination.objects.update_or_create(account=account, defaults={"passed": passed})
    return account


def hold(account: BrokerAccount, now: datetime, symbol: str = "AAPL") -> Position:
    return Position.objects.create(
        owner=account.owner,
        account=account,
        symbol=symbol,
        is_open=True,
        quantity=Decimal(1),
        average_entry_price=Decimal(1),
        updated_at=now,
    )


def apple(price: int, now: datetime) -> Heard:
    there = Decimal(price)
    return Heard(Quote("AAPL", there, there, there, now, "alpaca"), now)


def marks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Position and price, as they are sent."""
    found: list[tuple[str, str]] = []

    def put(owner: int, frame: dict[str, Any]) -> None:
        if frame["type"] == "mark":
            found.append((frame["id"], frame["mark_price"]))

    monkeypatch.setattr(live.publisher, "put", put)
    return found


class Asked:
    """A venue that knows one price, and is not asked what an account is worth."""

    asked: list[str] = []  # of all of a test's, and made anew by it

    def __init__(self, account: BrokerAccount, **_: Any) -> None:
        self._label = account.label

    def quote(self, symbol: str) -> Quote | None:
        self.asked.append(self._label)
        price = Decimal(200 if self._label == "sip" else 100)
        return Quote(symbol, price, price, price, NOW, "alpaca")

    def account(self) -> Any:
        raise RateLimited("Not now.")


@pytest.fixture
def venues(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of the accounts whose venue was asked for a price."""
    monkeypatch.setattr(Asked, "asked", [])
    monkeypatch.setattr("orders.marking.connect", Asked)
    return Asked.asked


@pytest.mark.django_db
@pytest.mark.parametrize("losing", ["no account", "disabled", "not passed"])
def test_who_has_no_account_at_alpaca_reads_no_feed_of_it(
    losing: str,
    alice: Any,
    bob: Any,
    now: datetime,
    redis_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = at_alpaca(alice)
    at_alpaca(bob)  # whose key would be lent
    hub = make_hub(alice, now, {"max_order_value": "100000"}, options={"price_source": "alpaca"})
    position, place = hold(hub.account, now), Place(STOCKS_IEX, "AAPL")
    tell(redis_client(), {place: apple(123, now)}, now=now)
    sent = marks(monkeypatch)
    pricer = Pricer(Board(), redis_client(), lambda *_: True, hub.clock)
    monkeypatch.setattr("brokers.prices.asking._ask", lambda *_: {})

    def told() -> tuple[Any, ...]:
        sent.clear()
        Marker(clock=hub.clock).publish()
        return (
            pricer.needed(),
            [*streamed_quotes(hub.account, ["AAPL"], now=now)],
            [*source_quotes(hub.account.pk, "alpaca", ["AAPL"], hub.clock)],
            list(sent),
        )

    assert told() == ([place], ["AAPL"], ["AAPL"], [(position.pk, "123")])
    if losing == "no account":
        own.delete()
    elif losing == "disabled":
        BrokerAccount.objects.filter(pk=own.pk).update(enabled=False)
    else:
        Examination.objects.filter(account=own).update(passed=False)
    assert told() == ([], [], [], [])


@pytest.mark.django_db
def test_a_mark_is_of_the_feed_that_its_account_reads(
    alice: Any, bob: Any, now: datetime, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, free = hold(at_alpaca(alice, feed="sip"), now), hold(at_alpaca(bob), now)
    told = {
        Place(sip_of(alice.pk), "AAPL"): apple(200, now),
        Place(STOCKS_IEX, "AAPL"): apple(100, now),
    }
    tell(redis_client(), told, now=now)
    sent = marks(monkeypatch)
    assert Marker(clock=lambda: now).publish() == 2
    assert sorted(sent) == sorted([(paid.pk, "200"), (free.pk, "100")])


@pytest.mark.django_db
def test_what_is_asked_for_is_shared_by_those_who_read_the_same_feed(
    alice: Any,
    bob: Any,
    now: datetime,
    redis_server: str,
    monkeypatch: pytest.MonkeyPatch,
    venues: list[str],
) -> None:
    paid = hold(at_alpaca(alice, feed="sip"), now)
    free = [hold(at_alpaca(bob), now), hold(at_alpaca(alice), now)]
    sent = marks(monkeypatch)
    assert Marker(clock=lambda: now).publish() == 3
    assert sorted(sent) == sorted([(paid.pk, "200"), *((each.pk, "100") for each in free)])
    assert sorted(venues) == ["iex", "sip"]


@pytest.mark.django_db
def test_nobody_else_reads_what_an_owner_pays_for(
    alice: Any, bob: Any, now: datetime, redis_server: str
) -> None:
    tell(redis_client(), {Place(sip_of(alice.pk), "AAPL"): apple(200, now)}, now=now)
    mine, other = at_alpaca(alice, feed="sip"), at_alpaca(bob, feed="sip")  # bob only says so
    assert streamed_quotes(mine, ["AAPL"], now=now)["AAPL"].last == 200
    assert streamed_quotes(other, ["AAPL"], now=now) == {}


# ---- a venue that does not answer ----


@pytest.mark.django_db
def test_a_venue_that_does_not_answer_keeps_no_mark_that_a_feed_tells(
    alice: Any,
    now: datetime,
    redis_server: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(self: Asked, symbol: str) -> Quote | None:
        raise RateLimited("Not now.")

    account, passed = at_alpaca(alice), [100.0]
    hold(account, now, "AAA")
    told = hold(account, now)
    tell(redis_client(), {Place(STOCKS_IEX, "AAPL"): apple(100, now)}, now=now)
    sent = marks(monkeypatch)
    monkeypatch.setattr(Asked, "quote", refuse)
    monkeypatch.setattr("orders.marking.connect", Asked)
    monkeypatch.setattr(logs, "monotonic", lambda: passed[0])
    marker = Marker(clock=lambda: now)

    def said() -> int:
        """How often, in ten looks."""
        caplog.clear()
        for _ in range(10):
            marker.publish()
        return sum("marks_failed" in each.getMessage() for each in caplog.records)

    assert said() == 1
    assert sent == [(told.pk, "100")]
    assert said() == 0
    passed[0] += logs.SELDOM_SECONDS
    assert said() == 1


def test_an_account_that_breaks_keeps_no_other_from_its_marks(
    alice: Any, bob: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is not in FIELD_ENCRYPTION_KEYS any more, so it can't even be connected."""
    ours = make_hub(alice, now)
    ours.send(action="buy", quantity=1)
    broken = BrokerAccount(owner=bob, kind="alpaca", environment="test", label="Broken")
    broken.pk = "acc_" + "0" * 26
    broken.sealed_credentials = "v1:deadbeef:AAAA"
    broken.save(force_insert=True)
    hold(broken, now)
    sent = marks(monkeypatch)
    marker = Marker(clock=ours.clock)
    marker._moved[broken.pk] = broken
    marker.publish()
    assert [pk for pk, _ in sent] == [ours.position().pk]
    assert marker._moved == {}
