"""Read models: filters, sums, the equity curve."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from accounts.models import User
from brokers import services as brokers_services
from brokers.models import AccountSnapshot
from dashboard import selectors
from dashboard.equity import equity_curves_for
from dashboard.tests.builders import (
    World,
    make_decision,
    make_fill,
    make_invalid_signal,
    make_signal,
)
from orders.models import Drift, Reconciliation
from orders.selectors import AccountSummary, account_summaries
from tradehub.core.words import Outcome
from tradehub.testing.builders import make_account


def test_signals_by_outcome_status_and_symbol(world: World, now: datetime) -> None:
    denied = make_signal(world.strategy, None, now, symbol="BTCUSDT")
    make_decision(denied, world.account, now, outcome=Outcome.DENIED)
    invalid = make_invalid_signal(world.strategy, now)
    owner = world.owner
    assert list(selectors.signals_for(owner, status="denied")) == [denied]
    assert list(selectors.signals_for(owner, status="invalid")) == [invalid]
    assert list(selectors.signals_for(owner, status="approved")) == [world.signal]
    assert list(selectors.signals_for(owner, symbol="binance:btc/usdt")) == [denied]
    assert list(selectors.signals_for(owner, symbol='"}')) == []
    assert selectors.signals_for(owner, strategy=world.strategy.pk).count() == 3
    assert selectors.signals_for(owner, strategy="str_other").count() == 0


def test_a_row_says_what_it_asked_and_the_gravest_outcome(world: World, now: datetime) -> None:
    second = brokers_services.create_account(
        owner=world.owner, kind="paper", environment="paper", label="Second", now=now
    )
    make_decision(world.signal, second, now, outcome=Outcome.DENIED, code="PRICE_STALE")
    row = selectors.signal_row(selectors.signals_for(world.owner).get(pk=world.signal.pk))
    assert (row.what, row.size, row.outcome) == ("Enter long AAPL", "10", "denied")
    assert [reason["code"] for reason in row.reasons] == ["PRICE_STALE"]


def test_orders_by_group_and_symbol(world: World) -> None:
    owner = world.owner
    assert list(selectors.orders_for(owner, status="filled")) == [world.order]
    assert list(selectors.orders_for(owner, status="working")) == []
    assert list(selectors.orders_for(owner, symbol="aapl")) == [world.order]
    assert list(selectors.orders_for(owner, symbol="!!")) == []


def test_a_sum_with_an_unknown_part_is_unknown(world: World, now: datetime) -> None:
    summaries = [*account_summaries(world.owner)]
    known = selectors.totals_by_currency(summaries)
    assert [(each.currency, each.equity) for each in known] == [("USD", Decimal(100_000))]
    broken = AccountSummary(world.account, None, None, None, "USD", "no answer")
    total = selectors.totals_by_currency([*summaries, broken])[0]
    assert total.equity is None
    assert total.cash is None


def test_currencies_are_never_added_together(world: World, now: datetime) -> None:
    brokers_services.create_account(
        owner=world.owner,
        kind="paper",
        environment="paper",
        label="Euro",
        options={"currency": "EUR", "starting_cash": "500"},
        now=now,
    )
    totals = selectors.totals_by_currency([*account_summaries(world.owner)])
    assert {(each.currency, each.equity) for each in totals} == {
        ("USD", Decimal(100_000)),
        ("EUR", Decimal(500)),
    }


def test_the_curve_ends_at_todays_equity_and_steps_by_realized_pnl_and_fees(
    world: World, now: datetime
) -> None:
    make_fill(world.order, now + timedelta(hours=1), pnl="100", fee="2")
    make_fill(world.order, now + timedelta(hours=2), pnl="-30.5")
    later = now + timedelta(hours=3)
    (curve,) = equity_curves_for(world.owner, now=later)
    values = [value for _, value in curve.points]
    assert values[-1] == Decimal(100_000)
    steps = [after - before for before, after in pairwise(values)]
    assert steps[1:3] == [Decimal(98), Decimal("-30.5")]
    assert [at for at, _ in curve.points] == sorted({at for at, _ in curve.points})


def test_the_overview_counts_refusals_once(world: World, now: datetime) -> None:
    denied = make_signal(world.strategy, None, now)
    make_decision(denied, world.account, now, outcome=Outcome.DENIED)
    make_invalid_signal(world.strategy, now)
    overview = selectors.overview_for(world.owner, now=now + timedelta(hours=1))
    assert overview.signals_today == 3
    assert overview.refused_today == 2
    assert overview.open_positions == 1
    later = selectors.overview_for(world.owner, now=now + timedelta(hours=30))
    assert (later.signals_today, later.refused_today) == (0, 0)


def test_the_shell_of_another_user_is_empty(world: World, bob: User) -> None:
    shell = selectors.shell_for(bob)
    assert (shell.total, shell.stops, shell.unprotected) == (0, [], [])


def test_what_differs_from_the_venue_is_in_its_owner_s_shell_alone(
    world: World, bob: User, now: datetime
) -> None:
    drift = Drift.objects.create(
        account=world.account, symbol="AAPL", ours=Decimal(1), theirs=Decimal(2), seen_at=now
    )
    waits = Reconciliation.objects.create(account=world.account, due_at=now, required_at=now)
    shell = selectors.shell_for(world.owner)
    assert (shell.drifts, shell.unreconciled) == ([], [])
    Drift.objects.update(confirmed_at=now)
    Reconciliation.objects.update(error="OUTCOME_UNKNOWN")
    shell = selectors.shell_for(world.owner)
    assert (shell.drifts, shell.unreconciled) == ([drift], [waits])
    assert selectors.shell_for(bob).drifts == []
    assert selectors.shell_for(bob).unreconciled == []
    Drift.objects.update(healed_at=now)
    Reconciliation.objects.update(required_at=None)
    shell = selectors.shell_for(world.owner)
    assert (shell.drifts, shell.unreconciled) == ([], [])


def test_the_curve_is_what_was_noted_of_each_account(world: World, now: datetime) -> None:
    """Two accounts: each counts with its last number, and before its first with that one."""
    other = make_account(world.owner, now, label="Second")
    for account, hours, equity in (
        (world.account, 1, "100"),
        (other, 2, "50"),
        (world.account, 3, "110.5"),
    ):
        AccountSnapshot.objects.create(
            account=account,
            at=now + timedelta(hours=hours),
            equity=equity,
            cash=equity,
            buying_power=equity,
            currency="USD",
            grain="fine",
        )
    later = now + timedelta(hours=4)
    (curve,) = equity_curves_for(world.owner, now=later)
    totals = [Decimal(150), Decimal(150), Decimal("160.5"), Decimal(200_000)]
    assert [value for _, value in curve.points] == totals
    assert curve.points[-1][0] == int(later.timestamp() * 1000)
