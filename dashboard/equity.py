"""The equity curve: what the accounts of each currency were worth together, as time passed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import User
from brokers.models import AccountSnapshot
from dashboard.selectors import CurrencyTotal, totals_by_currency
from orders.models import Fill
from orders.selectors import account_summaries, positions_with_marks
from tradehub.core.money import ZERO

CHART_POINTS = 2_000


@dataclass(frozen=True, slots=True)
class Curve:
    """Equity of the accounts of one currency: times in milliseconds and decimal strings."""

    currency: str
    accounts: list[str]
    points: list[tuple[int, Decimal]]


def equity_curves_for(user: User, *, now: datetime) -> list[Curve]:
    """What was noted of each account's worth, and now's at the end. Of a hub too young for that:
    from each fill what it realized, net of its fee; the start is now's equity less everything
    since, so the curve ends where the account stands."""
    summaries = [each for each in account_summaries(user) if each.equity is not None]
    rows = Fill.objects.filter(owner=user, account__in=[each.account.pk for each in summaries])
    fills = list(rows.order_by("-at").values_list("account_id", "at", "realized_pnl", "fee_value"))
    newest = fills[:CHART_POINTS][::-1]
    open_pnl: dict[str, Decimal] = defaultdict(Decimal)
    for view in positions_with_marks(user):
        open_pnl[view.position.account_id] += view.unrealized_pnl or ZERO
    curves = []
    for total in totals_by_currency(summaries):
        noted = snapshots_of(total.accounts)
        if len(noted) > 1 and total.equity is not None:
            noted[_ms(now)] = total.equity
            curves.append(Curve(total.currency, total.accounts, sorted(noted.items())))
            continue
        changes = [(at, pnl - fee) for acc, at, pnl, fee in newest if acc in total.accounts]
        unrealized = sum((open_pnl[each] for each in total.accounts), ZERO)
        curves.append(_curve(total, changes, unrealized, now))
    return curves


def snapshots_of(account_ids: Sequence[str]) -> dict[int, Decimal]:
    """Their sum at every time at which one of them was noted: each counts with its last number,
    and before its first with that one."""
    rows = AccountSnapshot.objects.filter(account__in=account_ids).order_by("-at")
    noted = list(rows.values_list("account_id", "at", "equity")[:CHART_POINTS])[::-1]
    worth: dict[str, Decimal] = {}
    for account_id, _, equity in noted:
        worth.setdefault(account_id, equity)
    points: dict[int, Decimal] = {}
    for account_id, at, equity in noted:
        worth[account_id] = equity
        points[_ms(at)] = sum(worth.values(), ZERO)
    return points


def _curve(
    total: CurrencyTotal,
    changes: list[tuple[datetime, Decimal]],
    unrealized: Decimal,
    now: datetime,
) -> Curve:
    assert total.equity is not None
    value = total.equity - unrealized - sum((change for _, change in changes), ZERO)
    start = changes[0][0] - timedelta(minutes=1) if changes else now - timedelta(hours=1)
    points = {_ms(start): value}
    for at, change in changes:
        value += change
        points[_ms(at)] = value
    points[_ms(now)] = total.equity
    return Curve(total.currency, total.accounts, sorted(points.items()))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
