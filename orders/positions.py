"""The one writer of positions: what fills make of them, and what they ask for as protection.

Runs inside the transaction of `orders.recording`, under the account's lock. A position belongs to
an account, a symbol and a strategy; what no strategy of ours holds has none. Whatever changes one
that asked for a stop or target queues a look by the lane (`orders.protecting`) in the same commit.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.models import BrokerAccount
from brokers.types import FillReport
from orders.ledger import FillEffect, Holding, apply_fill, without_dust
from orders.lifecycle import WORKING
from orders.models import LaneItem, Order, Position
from orders.protection import (
    NewChild,
    Protection,
    StopLimit,
    after_entry,
    after_target,
    resolve_protection,
    with_stop_limit,
    with_watched,
)
from tradehub.core.intent import StopLoss, TakeProfit, read_stop_loss, read_take_profits
from tradehub.core.money import EXACT, ZERO, plain
from tradehub.core.words import OrderRole, OrderSide, OrderSource, OrderStatus
from tradehub.lib import live


class ConcurrentChange(Exception):
    """The row moved since it was read; the transaction is rolled back and may run again."""


def find_position(order: Order) -> Position | None:
    """The position that the order belongs to."""
    return Position.objects.filter(
        account_id=order.account_id, symbol=order.symbol, strategy_id=order.strategy_id
    ).first()


def shares_symbol(order: Order) -> bool:
    """Whether somebody else holds a part of the account's position, which the venue has as one."""
    rows = Position.objects.filter(account_id=order.account_id, symbol=order.symbol, is_open=True)
    return rows.exclude(strategy_id=order.strategy_id).exists()


def move_position(order: Order, fill: FillReport, *, first: bool, now: datetime) -> Any:
    """Apply one execution of `order`; returns what it realized, before its fee."""
    if order.source == OrderSource.EXTERNAL:
        shares = _shares(order.owner_id, order.account_id, fill.symbol, _change(fill), now)
    else:
        own = _position_of(order, now)
        if order.role == OrderRole.ENTRY or abs(_change(fill)) <= _closable(own, fill.side):
            return _apply(own, order, fill, first=first, now=now)
        shares = _shares_of_exit(own, fill, now)
    realized, cost = ZERO, fill.cost
    for position, part in shares:
        piece = replace(fill, quantity=part, kept=ZERO, fee_value=cost)
        # It says nothing about what another strategy's position asked for.
        its = order if position.strategy_id == order.strategy_id else None
        realized += _apply(position, its, piece, first=False, now=now)
        cost = ZERO
    return realized


def adopt_quantity(
    *, account: BrokerAccount, symbol: str, change: Decimal, price: Decimal, now: datetime
) -> None:
    """Take over what the venue holds more (or less, below zero) than we know of, without a fill:
    what it closes realizes nothing, what it opens was bought at `price`."""
    side = OrderSide.BUY if change > 0 else OrderSide.SELL
    for position, part in _shares(account.owner_id, account.pk, symbol, change, now):
        closes = position.quantity * side.sign < 0
        at_price = position.average_entry_price if closes else price
        piece = FillReport("", "", symbol, side, part, at_price, ZERO, "", now)
        _apply(position, None, piece, first=False, now=now)


def _apply(
    position: Position, order: Order | None, fill: FillReport, *, first: bool, now: datetime
) -> Any:
    held = Holding(position.quantity, position.average_entry_price)
    effect = apply_fill(held, fill.side, fill.moved, fill.price)
    effect = without_dust(effect, fill.least, was_open=position.is_open)
    protection = _protection_after(position, order, fill, effect)
    asked_before = position.protected is not None
    _save_position(
        position,
        now,
        quantity=effect.holding.quantity,
        average_entry_price=effect.holding.average_price,
        is_open=not effect.flat,
        protection=protection,
        protected=None if protection is None else False,
        **_totals(position, order, fill, effect, first),
    )
    if protection is not None or asked_before:
        queue_protection(position, now=now)
    if effect.opened:
        _look_at_others(position, now)
    return effect.realized_pnl


def _look_at_others(position: Position, now: datetime) -> None:
    """A stop that closes whatever is held would close this one too, from now on."""
    stops = Order.objects.filter(
        account_id=position.account_id,
        symbol=position.symbol,
        closes_all=True,
        status__in=[each.value for each in WORKING],
    ).exclude(link=position.pk)
    for other in Position.objects.filter(pk__in=stops.values("link")):
        queue_protection(other, now=now)


def _change(fill: FillReport) -> Decimal:
    return fill.side.sign * fill.moved


def _closable(position: Position, side: OrderSide) -> Decimal:
    """How much of it an execution on that side closes."""
    return max(ZERO, -side.sign * position.quantity)


def _shares(
    owner_id: int, account_id: str, symbol: str, change: Decimal, now: datetime
) -> list[tuple[Position, Decimal]]:
    """Whose position an execution that is not ours changes, and by how much of it.

    What is closed by hand was held by somebody: first what no strategy owns, then the strategies'
    positions, oldest first, or their exits would open the opposite, and last what was left of
    former ones as too little to sell alone. The rest is nobody's."""
    rows = list(Position.objects.filter(account_id=account_id, symbol=symbol))
    shares, left = _closing([each for each in rows if each.is_open], change, now)
    if left:
        rest = left.copy_sign(change)
        dust, left = _closing([each for each in rows if not each.is_open], rest, now)
        shares += dust
    if left:
        mine = next((each for each, _ in shares if each.strategy_id is None), None)
        shares.append((mine or _position(owner_id, account_id, symbol, None, now), left))
    return shares


def _shares_of_exit(
    own: Position, fill: FillReport, now: datetime
) -> list[tuple[Position, Decimal]]:
    """Whose positions an exit changes that took more than its own has: its stop had filled too.

    A venue knows one position of the account and symbol, and has closed another's with it. What
    nobody holds stays with its own: an entry of that may be told late."""
    closed = _closable(own, fill.side)
    beyond = EXACT.subtract(_change(fill), fill.side.sign * closed)
    rows = _open_positions(own.account_id, own.symbol)
    shares, left = _closing([each for each in rows if each.pk != own.pk], beyond, now)
    mine = EXACT.add(closed, left)
    return [(own, mine), *shares] if mine else shares


def _open_positions(account_id: str, symbol: str) -> list[Position]:
    return list(Position.objects.filter(account_id=account_id, symbol=symbol, is_open=True))


def _closing(
    rows: Sequence[Position], change: Decimal, now: datetime
) -> tuple[list[tuple[Position, Decimal]], Decimal]:
    """Which of the positions the change closes, and how much of it is left then."""
    opposite = [each for each in rows if each.quantity * change < 0]
    opposite.sort(key=lambda each: (each.strategy_id is not None, each.opened_at or now, each.pk))
    shares, left = [], abs(change)
    for position in opposite:
        part = min(left, abs(position.quantity))
        if part:
            shares.append((position, part))
            left = EXACT.subtract(left, part)
    return shares, left


def _totals(
    position: Position, order: Order | None, fill: FillReport, effect: FillEffect, first: bool
) -> dict[str, Any]:
    if effect.opened:
        return {"realized_pnl": -fill.cost, "fees": fill.cost, "adds": 0, "opened_at": fill.at}
    added = first and order is not None and order.role == OrderRole.ENTRY
    return {
        "realized_pnl": position.realized_pnl + effect.realized_pnl - fill.cost,
        "fees": position.fees + fill.cost,
        "adds": position.adds + added,
    }


def queue_protection(position: Position, *, now: datetime, after: timedelta | None = None) -> None:
    """Ask the lane to make stop and target fit the position; once, however often asked.

    `after`: not at once, for what was tried in vain before."""
    waiting = LaneItem.objects.filter(
        account_id=position.account_id,
        kind=LaneItem.Kind.PROTECT,
        status=LaneItem.Status.QUEUED,
        subject=position.pk,
    )
    if after is None:
        waiting.filter(due_at__gt=now).update(due_at=now)
    if not waiting.exists():
        LaneItem.objects.create(
            account_id=position.account_id,
            kind=LaneItem.Kind.PROTECT,
            subject=position.pk,
            due_at=now + (after or timedelta()),
            created_at=now,
        )


def set_protected(
    position: Position,
    protected: bool | None,
    *,
    now: datetime,
    watched: Sequence[NewChild] = (),
    stop_limit: StopLimit | None = None,
) -> None:
    """Whether what the position asked for works: its stop at the venue, its targets there or
    watched. False raises the alarm. `stop_limit`: how far that stop reaches."""
    changes: dict[str, Any] = {}
    if position.protected != protected:
        changes["protected"] = protected
    if position.protection is not None:
        kept = with_stop_limit(with_watched(position.protection, watched), stop_limit)
        if kept != position.protection:
            changes["protection"] = kept
    if changes:
        _save_position(position, now, **changes)


def _protection_after(
    position: Position, order: Order | None, fill: FillReport, effect: FillEffect
) -> dict[str, Any] | None:
    """What the position asks for after a fill of `order`, with the entry that asked for it, which
    its children will have as their parent."""
    if effect.flat:
        return None
    before = None if effect.opened else position.protection
    entry = None if before is None else before["entry"]
    held = Protection.from_json(before)
    if order is not None and _asks(order, entry, effect):
        asked = _asked_by(order)
        if not effect.opened and _is_more(order, entry, fill):
            asked = after_entry(held, asked, position.quantity, effect.holding.quantity)
        held, entry = asked, order.pk
    elif order is not None and order.role == OrderRole.TAKE_PROFIT:
        taken = abs(EXACT.subtract(position.quantity, effect.holding.quantity))
        held = _without_target(held, order, taken, position.quantity)
    return held.to_json() | {"entry": entry} if held else None


def _asks(order: Order, entry: str | None, effect: FillEffect) -> bool:
    """An entry on the side that is held, unless a newer one has asked since."""
    if order.role != OrderRole.ENTRY or order.protection is None:
        return False
    on_its_side = effect.holding.quantity * OrderSide(order.side).sign > 0
    return on_its_side and (entry is None or order.pk >= entry)


def _is_more(order: Order, entry: str | None, fill: FillReport) -> bool:
    """It has asked already, with an earlier fill, or the order has whose place it took."""
    if entry is None:  # all that it asked for was done
        return order.filled_quantity > fill.quantity
    earlier: Order | None = order
    while earlier is not None and earlier.pk != entry:
        earlier = earlier.replaces
    return earlier is not None


def _asked_by(entry: Order) -> Protection:
    assert entry.protection is not None
    assert entry.average_fill_price is not None
    stop, targets = protection_asked(entry.protection)
    return resolve_protection(OrderSide(entry.side), entry.average_fill_price, stop, targets)


def protection_asked(data: dict[str, Any]) -> tuple[StopLoss | None, tuple[TakeProfit, ...]]:
    """An entry's `protection` column, in the words of its intent."""
    return read_stop_loss(data["stop_loss"]), read_take_profits(data["take_profits"])


def _without_target(held: Protection, order: Order, taken: Decimal, before: Decimal) -> Protection:
    """With less of the target, or without it."""
    if order.limit_price is None:
        return held
    done = order.status == OrderStatus.FILLED
    return after_target(held, order.limit_price, taken, before, done=done)


def _position_of(order: Order, now: datetime) -> Position:
    return _position(order.owner_id, order.account_id, order.symbol, order.strategy_id, now)


def _position(
    owner_id: int, account_id: str, symbol: str, strategy_id: str | None, now: datetime
) -> Position:
    position, _ = Position.objects.get_or_create(
        account_id=account_id,
        symbol=symbol,
        strategy_id=strategy_id,
        defaults={"owner_id": owner_id, "updated_at": now},
    )
    return position


def _save_position(position: Position, now: datetime, **changes: Any) -> None:
    changes |= {"version": position.version + 1, "updated_at": now}
    moved = Position.objects.filter(pk=position.pk, version=position.version).update(**changes)
    if moved != 1:
        raise ConcurrentChange(position.pk)
    for name, value in changes.items():
        setattr(position, name, value)
    live.notify(
        position.owner_id,
        "position",
        position.pk,
        position.version,
        symbol=position.symbol,
        quantity=plain(position.quantity),
        protected=position.protected,
    )
