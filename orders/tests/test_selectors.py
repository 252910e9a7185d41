"""What accounts and positions are worth; what is not known is None with its reason."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import User
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.paper.adapter import PaperBroker
from orders.models import DayStart, Position
from orders.selectors import account_summaries, account_summary, positions_with_marks
from orders.work import drain_lane
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User, now: datetime) -> BrokerAccount:
    return make_account(alice, now, starting_cash="10000")


def trade(account: BrokerAccount, now: datetime, *prices: int) -> None:
    """A buy of 10 at the first price; the others move the account."""
    strategy = make_strategy(account.owner, account, make_profile(account.owner, now))
    token = make_token(strategy)
    for number, price in enumerate(prices):
        at = now + timedelta(minutes=number)
        action = "cancel" if number else "buy"
        alert = {"symbol": "AAPL", "action": action, "quantity": 10, "price": price, "id": number}
        deliver(token, alert, at)
        drain_lane(account.pk, clock=lambda at=at: at)  # type: ignore[misc]  # bound now


def test_a_position_is_marked_at_the_venues_price(account: BrokerAccount, now: datetime) -> None:
    trade(account, now, 100, 110)
    (view,) = positions_with_marks(account.owner)
    assert (view.mark_price, view.unrealized_pnl) == (Decimal(110), Decimal(100))
    assert view.mark_at is not None


def test_a_short_gains_when_the_price_falls(account: BrokerAccount, now: datetime) -> None:
    trade(account, now, 100, 90)
    Position.objects.update(quantity="-10")
    (view,) = positions_with_marks(account.owner)
    assert view.unrealized_pnl == Decimal(100)


def test_todays_pnl_is_since_the_days_first_decision(account: BrokerAccount, now: datetime) -> None:
    trade(account, now, 100, 110)
    found = account_summary(account, now=now + timedelta(minutes=5))
    assert (found.equity, found.cash) == (Decimal(10_100), Decimal(9_000))
    assert found.todays_pnl == Decimal(100)
    assert (found.currency, found.error) == ("USD", "")


def test_yesterdays_start_is_not_todays(account: BrokerAccount, now: datetime) -> None:
    trade(account, now, 100, 110)
    tomorrow = now + timedelta(days=1)
    assert account_summary(account, now=tomorrow).todays_pnl is None
    Position.objects.update(is_open=False)
    assert account_summary(account, now=tomorrow).todays_pnl == 0
    assert DayStart.objects.count() == 1


def test_a_venue_that_does_not_answer_is_an_error_not_a_zero(
    account: BrokerAccount, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(account, now, 100)

    def fail(*_: object) -> None:
        raise BrokerError("The venue is away.")

    monkeypatch.setattr(PaperBroker, "account", fail)
    monkeypatch.setattr(PaperBroker, "quote", fail)
    (summary,) = account_summaries(account.owner)
    assert (summary.equity, summary.todays_pnl) == (None, None)
    assert summary.error == "The venue is away."
    (view,) = positions_with_marks(account.owner)
    assert (view.mark_price, view.unrealized_pnl) == (None, None)


def test_only_ones_own(account: BrokerAccount, bob: User, now: datetime) -> None:
    trade(account, now, 100)
    assert account_summaries(bob) == []
    assert positions_with_marks(bob) == []
