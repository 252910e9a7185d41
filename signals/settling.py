"""A signal's status, settled from what became of its work on each account.

`settle_signal` runs inside the transaction that moved a lane item or an order. A final status is
never left again: what happens later to a resting order is the order's own story. It is called for
every event of every order, so the usual answer, "not yet", costs one query.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from orders.lifecycle import UNSETTLED
from orders.models import Decision, LaneItem, Order, Position
from signals.models import Signal
from tradehub.core.words import OrderRole, Outcome, SignalStatus
from tradehub.lib import live
from tradehub.lib.prepared import Prepared

OPEN = (SignalStatus.RECEIVED.value, SignalStatus.HELD.value)
_TOO_LATE = {"SIGNAL_STALE", "SIGNAL_OUT_OF_ORDER"}
_VERSION = {SignalStatus.RECEIVED: 1, SignalStatus.HELD: 2}
_FINAL_VERSION = 3


def settle_signal(signal_id: str) -> None:
    rows = _ITEMS.rows(signal=signal_id)
    if not rows or rows[0][1] not in OPEN:
        return
    status = _status(signal_id, {row[0] for row in rows})
    if status is None or status.value == rows[0][1]:
        return
    if Signal.objects.filter(pk=signal_id, status__in=OPEN).update(status=status.value):
        version = _VERSION.get(status, _FINAL_VERSION)
        live.notify(rows[0][2], "signal", signal_id, version, status=status.value)


def _status(signal_id: str, items: set[str]) -> SignalStatus | None:
    """None: it stays as it is, since something is still to be done."""
    if LaneItem.Status.HELD.value in items:
        return SignalStatus.HELD
    if LaneItem.Status.QUEUED.value in items:
        return None
    orders = [_Row(*row) for row in _ORDERS.rows(signal=signal_id)]
    if _is_under_way(orders):
        return None
    if LaneItem.Status.PARKED.value in items:
        return SignalStatus.FAILED
    if orders:
        return SignalStatus.PROCESSED
    decisions = list(Decision.objects.filter(signal_id=signal_id).values_list("outcome", "reasons"))
    if decisions and all(_came_too_late(*each) for each in decisions):
        return SignalStatus.STALE
    return SignalStatus.PROCESSED


def _came_too_late(outcome: str, reasons: list[dict[str, Any]]) -> bool:
    return outcome == Outcome.DENIED and any(each["code"] in _TOO_LATE for each in reasons)


class _Row(NamedTuple):
    """Of an order, what settling asks."""

    pk: str
    status: str
    parent_id: str | None
    role: str
    protection: dict[str, Any] | None
    filled_quantity: Decimal
    account_id: str
    strategy_id: str | None
    symbol: str


_ORDERS = Prepared(
    lambda signal: Order.objects.filter(signal_id=signal).values_list(*_Row._fields),
    texts=["signal"],
)
_ITEMS = Prepared(
    lambda signal: LaneItem.objects.filter(
        signal_id=signal, kind=LaneItem.Kind.DECIDE.value
    ).values_list("status", "signal__status", "signal__owner_id"),
    texts=["signal"],
)


def _is_under_way(orders: Sequence[_Row]) -> bool:
    """One is queued, sending or unconfirmed, or its protection is still to be placed."""
    if any(each.status in UNSETTLED for each in orders):
        return True
    guarded = {each.parent_id for each in orders}
    bare = [
        each
        for each in orders
        if each.role == OrderRole.ENTRY
        and each.protection
        and each.filled_quantity
        and each.pk not in guarded
    ]
    return bool(bare) and _protection_is_queued(bare)


def _protection_is_queued(entries: Sequence[_Row]) -> bool:
    first = entries[0]
    positions = Position.objects.filter(
        account_id__in=[each.account_id for each in entries],
        symbol__in=[each.symbol for each in entries],
        strategy_id=first.strategy_id,
    )
    return LaneItem.objects.filter(
        kind=LaneItem.Kind.PROTECT.value,
        status=LaneItem.Status.QUEUED.value,
        subject__in=positions.values("pk"),
    ).exists()
