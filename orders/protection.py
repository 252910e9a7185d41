"""Stop and target: what a position asked for against what works for it at the venue.

Pure. Children are good till canceled whatever the entry said. `plan_children` is asked after every
change of a position; it answers which children to cancel and which to place, so a crash between
any two steps is mended by asking again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_UP, Context, Decimal
from typing import Any

from tradehub.core.intent import StopLoss, TakeProfit
from tradehub.core.money import (
    EXACT,
    MAX_DIGITS,
    ONE,
    ZERO,
    percent_of,
    plain,
    round_down,
    round_nearest,
)
from tradehub.core.words import OrderRole, OrderSide

LOWEST = Decimal("1e-8")
"""The lowest price that a stop may have where no tick is known."""
_SHARES = Context(prec=MAX_DIGITS, rounding=ROUND_UP)
WATCHED = "watched"
"""Under which name a position keeps the targets that are watched."""
STOP_LIMIT = "stop_limit"
"""And this, how far its stop reaches."""


@dataclass(frozen=True, slots=True)
class Target:
    price: Decimal
    fraction: Decimal = ONE
    number: int = field(default=0, compare=False)
    """Which of those that its entry asked for."""


@dataclass(frozen=True, slots=True)
class Protection:
    """In prices. Empty when a position asked for none."""

    stop_price: Decimal | None = None
    targets: tuple[Target, ...] = ()

    def __bool__(self) -> bool:
        return self.stop_price is not None or bool(self.targets)

    def on_tick(self, tick: Decimal | None) -> "Protection":
        """With prices that the venue takes."""
        if tick is None:
            return self
        stop = self.stop_price
        if stop is not None:
            stop = max(round_nearest(stop, tick), tick)
        targets = tuple(
            replace(each, price=max(round_nearest(each.price, tick), tick)) for each in self.targets
        )
        return Protection(stop, targets)

    def to_json(self) -> dict[str, Any]:
        return {
            "stop_price": None if self.stop_price is None else plain(self.stop_price),
            "targets": [
                {
                    "price": plain(each.price),
                    "fraction": plain(each.fraction),
                    "number": each.number,
                }
                for each in self.targets
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Protection":
        if data is None:
            return cls()
        stop = data["stop_price"]
        return cls(
            None if stop is None else Decimal(stop),
            tuple(
                Target(Decimal(t["price"]), Decimal(t["fraction"]), t.get("number", place))
                for place, t in enumerate(data["targets"])
            ),
        )


@dataclass(frozen=True, slots=True)
class Child:
    """A protective order that is working now."""

    id: str
    role: OrderRole
    price: Decimal
    quantity: Decimal
    """Not yet filled."""
    partner: str | None = None
    """Id of the one that it rests with as a pair, while that works too."""


@dataclass(frozen=True, slots=True)
class StopLimit:
    """Of a stop that works and is a limit once it has triggered."""

    price: Decimal
    """Beyond it the stop does not trade."""
    jumped_at: datetime | None = None
    """Since when the price is there, and the stop protects nothing."""


@dataclass(frozen=True, slots=True)
class NewChild:
    role: OrderRole
    side: OrderSide
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class ChildPlan:
    cancel: tuple[str, ...] = ()
    place: tuple[NewChild, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.cancel or self.place)


def resolve_protection(
    side: OrderSide,
    basis: Decimal,
    stop_loss: StopLoss | None,
    take_profits: Sequence[TakeProfit],
    tick: Decimal | None = None,
) -> Protection:
    """Prices for an entry on `side` at `basis` (its fill, or before that the reference price)."""
    stop = None
    if stop_loss is not None:
        stop = _price(basis, -side.sign, stop_loss, tick)
        if stop is not None and stop <= 0:
            stop = tick or LOWEST  # asked for, so never dropped: it would not be missed
    targets = []
    for number, each in enumerate(take_profits):
        price = _price(basis, side.sign, each, tick)
        if price is not None and price > 0:
            targets.append(Target(price, each.fraction, number))
    return Protection(stop, tuple(targets))


def plan_children(
    quantity: Decimal, protection: Protection, working: Sequence[Child], step: Decimal
) -> ChildPlan:
    """`quantity`: the signed position. Children that fit stay; others are replaced."""
    wanted = _wanted(quantity, protection, step)
    cancel = []
    for child in working:
        match = next((new for new in wanted if _fits(child, new)), None)
        if match is None:
            cancel.append(child.id)
        else:
            wanted.remove(match)
    return ChildPlan(tuple(cancel), tuple(wanted))


def plan_guard(
    quantity: Decimal,
    protection: Protection,
    working: Sequence[Child],
    step: Decimal,
    pair_step: Decimal | None = None,
    tried: Callable[[NewChild], bool] = lambda target: False,
) -> ChildPlan:
    """As `plan_children`, where what rests holds what it would sell: one stop of all, as a pair
    with the target where there is just one. Other targets are watched, and so is one whose stop
    rests alone already, since a stop that fits is never cancelled for a target.

    `pair_step`: of which quantities pairs are taken; None for none. `tried`: whether a pair with
    that target would be refused, so that the stop is not held up by it."""
    if protection.stop_price is None:
        return plan_children(quantity, protection, working, step)
    wanted = _wanted(quantity, Protection(protection.stop_price), step)
    target = _paired_target(quantity, protection, step, pair_step)
    kept = _kept(working, wanted, target)
    cancel = tuple(each.id for each in working if each.id not in kept)
    if not kept and wanted and target is not None and not tried(target):
        wanted.append(target)
    return ChildPlan(cancel, () if kept else tuple(wanted))


def _paired_target(
    quantity: Decimal, protection: Protection, step: Decimal, pair_step: Decimal | None
) -> NewChild | None:
    """The one target that is of all that is held."""
    size = round_down(abs(quantity), step)
    if pair_step is None or size % pair_step:
        return None
    targets = target_orders(quantity, protection, step)
    return targets[0] if [each.quantity for each in targets] == [size] else None


def _kept(
    working: Sequence[Child], wanted: Sequence[NewChild], target: NewChild | None
) -> set[str]:
    """Ids of the stop that fits and its partner. A partner that doesn't takes its stop with it, as
    the venue ends both."""
    by_id = {child.id: child for child in working}
    for stop in (each for each in working if any(_fits(each, new) for new in wanted)):
        partner = by_id.get(stop.partner or "")
        if partner is None:
            return {stop.id}
        if target is not None and _fits(partner, target):
            return {stop.id, partner.id}
    return set()


def _fits(child: Child, new: NewChild) -> bool:
    return (new.role, new.price, new.quantity) == (child.role, child.price, child.quantity)


def _wanted(quantity: Decimal, protection: Protection, step: Decimal) -> list[NewChild]:
    size = round_down(abs(quantity), step)  # the rest can't be traded
    if not size:
        return []
    targets = target_orders(quantity, protection, step)
    if protection.stop_price is None:
        return targets
    stop = NewChild(OrderRole.STOP_LOSS, closing_side(quantity), protection.stop_price, size)
    return [stop, *targets]


def target_orders(
    quantity: Decimal, protection: Protection, step: Decimal, least: Decimal = ZERO
) -> list[NewChild]:
    """What each target takes of the signed position, in the order in which they were given.

    Less than `least` can't be sold: a smaller share falls to the next target, a smaller rest to
    the one before it."""
    left = size = round_down(abs(quantity), step)
    wanted = []
    for target in protection.targets:
        share = min(left, round_down(EXACT.multiply(size, target.fraction), step))
        if target.fraction == ONE or left - share < least:
            share = left
        if share > ZERO and share >= least:
            side = closing_side(quantity)
            wanted.append(NewChild(OrderRole.TAKE_PROFIT, side, target.price, share))
            left -= share
    return wanted


def after_target(
    held: Protection, price: Decimal, filled: Decimal, before: Decimal, *, done: bool
) -> Protection:
    """What is asked for once `filled` of the position, which was `before`, was sold at that target.

    Shares are of what is left, so that each target keeps its own quantity. `done`: the target's
    order has filled as a whole; then it is gone, and who shared the rest shares all of it."""
    if not held.targets:
        return held
    reached = min(held.targets, key=lambda each: abs(each.price - price))
    others = list(held.targets)
    others.remove(reached)
    left = EXACT.subtract(abs(before), filled)
    if done:
        rest = EXACT.subtract(ONE, reached.fraction)
        kept = others if rest > 0 else []
        return _shared(held.stop_price, [(each, each.fraction) for each in kept], rest)
    if left <= 0:
        return Protection(held.stop_price)
    shares = []
    for each in held.targets:
        share = EXACT.multiply(each.fraction, abs(before))
        if each is reached:
            share = max(EXACT.subtract(share, filled), LOWEST)
        shares.append((each, left if each.fraction == ONE else share))
    return _shared(held.stop_price, shares, left)


def after_entry(held: Protection, asked: Protection, before: Decimal, after: Decimal) -> Protection:
    """What is asked for once the entry that asked for it has made more of the position.

    Of what it added each target takes its share, of what was held before what was left to it: in
    all no more than its share of the whole entry, however parts and targets came about."""
    whole = abs(after)
    left = {each.number: taken for each, taken in _amounts(held.targets, abs(before))}
    shares = []
    for each, taken in _amounts(asked.targets, EXACT.subtract(whole, abs(before))):
        share = EXACT.add(taken, left.get(each.number, ZERO))
        shares.append((each, whole if each.fraction == ONE else share))
    return _shared(asked.stop_price, shares, whole)


def _amounts(targets: Sequence[Target], size: Decimal) -> list[tuple[Target, Decimal]]:
    """What each takes of so much, before it is rounded; a whole one takes what is left."""
    left, amounts = size, []
    for each in targets:
        taken = left if each.fraction == ONE else min(left, EXACT.multiply(size, each.fraction))
        amounts.append((each, taken))
        left = EXACT.subtract(left, taken)
    return amounts


def _shared(
    stop_price: Decimal | None, shares: Sequence[tuple[Target, Decimal]], whole: Decimal
) -> Protection:
    """Rounded up at the last digit, or a share would lose a whole step as it is rounded down."""
    targets = (
        replace(each, fraction=min(ONE, _SHARES.divide(share, whole))) for each, share in shares
    )
    return Protection(stop_price, tuple(targets))


def closing_side(quantity: Decimal) -> OrderSide:
    return OrderSide.SELL if quantity > 0 else OrderSide.BUY


def with_watched(data: Mapping[str, Any], targets: Sequence[NewChild]) -> dict[str, Any]:
    """What a position keeps of its protection, with the targets that are watched now."""
    kept = {name: value for name, value in data.items() if name != WATCHED}
    if targets:
        kept[WATCHED] = [
            {"price": plain(each.price), "quantity": plain(each.quantity)} for each in targets
        ]
    return kept


def read_watched(quantity: Decimal, data: Mapping[str, Any] | None) -> list[NewChild]:
    """The targets that are watched of the signed position."""
    listed = (data or {}).get(WATCHED, ())
    side = closing_side(quantity)
    return [
        NewChild(OrderRole.TAKE_PROFIT, side, Decimal(each["price"]), Decimal(each["quantity"]))
        for each in listed
    ]


def with_stop_limit(data: Mapping[str, Any], limit: StopLimit | None) -> dict[str, Any]:
    kept = {name: value for name, value in data.items() if name != STOP_LIMIT}
    if limit is not None:
        at = limit.jumped_at
        kept[STOP_LIMIT] = {
            "price": plain(limit.price),
            "jumped_at": None if at is None else at.isoformat(),
        }
    return kept


def read_stop_limit(data: Mapping[str, Any] | None) -> StopLimit | None:
    kept = (data or {}).get(STOP_LIMIT)
    if kept is None:
        return None
    at = kept["jumped_at"]
    return StopLimit(Decimal(kept["price"]), None if at is None else datetime.fromisoformat(at))


def _price(
    basis: Decimal, sign: int, given: StopLoss | TakeProfit, tick: Decimal | None
) -> Decimal | None:
    """`sign`: which way from the basis the level lies."""
    if given.price is not None:
        price = given.price
    elif given.percent is not None:
        price = basis + sign * percent_of(basis, given.percent)
    elif given.offset is not None:
        price = basis + sign * given.offset
    else:
        return None
    if tick is not None:
        return round_nearest(price, tick)
    # Without a tick: as many digits as a stored number may have.
    return price if len(price.as_tuple().digits) <= MAX_DIGITS else round_nearest(price, LOWEST)
