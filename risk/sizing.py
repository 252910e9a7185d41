"""Sizing: from an alert, a risk profile and an account to a quantity, with every step told.

Pure. A quantity is only ever rounded down. What can't be computed is a SizingProblem, never an
exception and never a guess: a missing equity, price or stop denies. Limits clip a size only where
the profile says `reduce`; otherwise the rules of `risk.engine` deny it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from risk import wording
from risk.rules.protection import risk_reward
from risk.rules.size import position_limit
from risk.types import Limits, Sizing, SizingMethod, SizingProblem, SizingStep, Snapshot
from tradehub.core.intent import Size
from tradehub.core.money import EXACT, HUNDRED, ONE, ZERO, percent_of, ratio, round_down
from tradehub.core.words import SizeMode


@dataclass(frozen=True, slots=True)
class SizingRules:
    """What a risk profile says of sizes."""

    method: SizingMethod = SizingMethod.SIGNAL
    value: Decimal | None = None
    """What the method is about: units, money, or percent."""
    conviction_risk_percent: Mapping[str, Decimal] = field(default_factory=dict)
    reduce: bool = False
    """Cut a size down to the limits instead of denying it."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The largest order that one limit leaves room for: a value or a quantity."""

    label: str
    """For example "the room under the position limit"."""
    value: Decimal | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SizingRequest:
    rules: SizingRules
    price: Decimal | None
    """What one unit is valued at, as in EntryPlan."""
    step: Decimal
    """Quantities at the venue are multiples of it; above zero."""
    min_quantity: Decimal = ZERO
    equity: Decimal | None = None
    buying_power: Decimal | None = None
    signal_size: Size = field(default_factory=Size)
    """The alert's own size."""
    signal_size_allowed: bool = False
    """The strategy's `signal_overrides` names `size`; the method `signal` needs no leave."""
    multiplier: Decimal = ONE
    """Of the subscription."""
    leverage: Decimal = ONE
    """For `margin_percent` only."""
    held_quantity: Decimal | None = None
    """Signed; for `percent_position` and `target_quantity` only."""
    conviction: str | None = None
    stop_price: Decimal | None = None
    target_prices: tuple[Decimal, ...] = ()
    caps: tuple[Cap, ...] = ()
    """Used where the profile says reduce; see `caps_from`."""


class _CannotSizeError(Exception):
    """Never leaves this module: `size_entry` turns it into a SizingProblem."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = SizingProblem(code, message)


def size_entry(request: SizingRequest) -> Sizing:
    steps: list[SizingStep] = []
    try:
        mode, value = _wanted(request)
        quantity, scaled = _METHODS[mode](request, value, steps)
    except _CannotSizeError as error:
        return Sizing(request.rules.method, None, steps=tuple(steps), problem=error.problem)
    if not scaled:
        quantity = _multiply(request, quantity, steps)
    if request.rules.reduce:
        quantity = _reduce(request, quantity, steps)
    quantity, problem = _round(request, quantity, steps)
    return _with_risk(request, quantity, tuple(steps), problem)


def caps_from(limits: Limits, snapshot: Snapshot) -> tuple[Cap, ...]:
    """The room that each limit leaves. What can't be computed is no cap: its rule denies then."""
    caps = []
    if limits.max_order_value is not None:
        caps.append(Cap("the largest order value", value=limits.max_order_value))
    if limits.max_order_quantity is not None:
        caps.append(Cap("the largest order quantity", quantity=limits.max_order_quantity))
    largest, _ = position_limit(snapshot, limits)
    if largest is not None and snapshot.symbol_position_value is not None:
        room = EXACT.subtract(largest, snapshot.symbol_position_value)
        caps.append(Cap("the room under the position limit", value=max(room, ZERO)))
    if limits.max_total_exposure is not None and snapshot.gross_exposure is not None:
        room = EXACT.subtract(limits.max_total_exposure, snapshot.gross_exposure)
        caps.append(Cap("the room under the exposure limit", value=max(room, ZERO)))
    equity, gross = snapshot.equity, snapshot.gross_exposure
    if limits.max_leverage is not None and equity is not None and gross is not None:
        room = EXACT.subtract(EXACT.multiply(equity, limits.max_leverage), gross)
        caps.append(Cap("the room under the leverage limit", value=max(room, ZERO)))
    if snapshot.buying_power is not None:
        caps.append(Cap("the free buying power", value=max(snapshot.buying_power, ZERO)))
    return tuple(caps)


def _wanted(request: SizingRequest) -> tuple[SizeMode, Decimal]:
    """Whose size counts, and how it is meant."""
    rules, size = request.rules, request.signal_size
    from_signal = rules.method is SizingMethod.SIGNAL or request.signal_size_allowed
    if from_signal and size.value is not None and size.mode is not SizeMode.DEFAULT:
        return size.mode, size.value
    if rules.method is SizingMethod.CONVICTION:
        return SizeMode.RISK_PERCENT, _conviction_percent(request)
    if rules.value is None:
        what = "The alert names no size and the" if rules.method is SizingMethod.SIGNAL else "The"
        raise _CannotSizeError("SIZE_MISSING", f"{what} risk profile has no sizing value.")
    return _MODES[rules.method], rules.value


_MODES = {
    SizingMethod.SIGNAL: SizeMode.PERCENT_EQUITY,
    SizingMethod.FIXED_QUANTITY: SizeMode.QUANTITY,
    SizingMethod.FIXED_NOTIONAL: SizeMode.NOTIONAL,
    SizingMethod.PERCENT_EQUITY: SizeMode.PERCENT_EQUITY,
    SizingMethod.PERCENT_BUYING_POWER: SizeMode.PERCENT_BUYING_POWER,
    SizingMethod.RISK_PERCENT: SizeMode.RISK_PERCENT,
    SizingMethod.RISK_AMOUNT: SizeMode.RISK_AMOUNT,
}


def _conviction_percent(request: SizingRequest) -> Decimal:
    table = request.rules.conviction_risk_percent
    known = wording.listing(sorted(table)) or "none"
    if not request.conviction:
        text = f"The alert names no conviction, which its size depends on (known: {known})."
        raise _CannotSizeError("SIZE_MISSING", text)
    percent = table.get(request.conviction.strip().lower())
    if percent is None:
        text = f'The conviction "{request.conviction[:40]}" has no risk percent (known: {known}).'
        raise _CannotSizeError("SIZE_MISSING", text)
    return percent


# Each method gives the quantity before rounding, and whether the multiplier is in it already.
_Method = Callable[[SizingRequest, Decimal, list[SizingStep]], tuple[Decimal, bool]]


def _quantity(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    steps.append(SizingStep(f"A quantity of {wording.quantity(value)}", value))
    return value, False


def _notional(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    return _at_price(request, value, steps), False


def _percent_equity(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    return _at_price(request, _equity_share(request, value, steps), steps), False


def _percent_buying_power(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    whole = _known(request.buying_power, "buying power")
    worth = _share(whole, value, "the free buying power", steps)
    return _at_price(request, worth, steps), False


def _margin_percent(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    margin = _equity_share(request, value, steps)
    worth = EXACT.multiply(margin, request.leverage)
    leverage = wording.quantity(request.leverage)
    steps.append(SizingStep(f"As margin at a leverage of {leverage}: {wording.money(worth)}"))
    return _at_price(request, worth, steps), False


def _risk_percent(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    return _at_risk(request, _equity_share(request, value, steps), steps), False


def _risk_amount(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    return _at_risk(request, value, steps), False


def _percent_position(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    """Of what is held, which the multiplier is in already."""
    held = _known(request.held_quantity, "position").copy_abs()
    quantity = percent_of(held, value)
    label = f"{wording.percent(value)} of the position of {wording.quantity(held)}"
    steps.append(SizingStep(f"{label}: {wording.quantity(quantity)}", quantity))
    return quantity, True


def _target_quantity(
    request: SizingRequest, value: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, bool]:
    """What is missing to the target; an entry from the other side is flat first."""
    held = _known(request.held_quantity, "position").copy_abs()
    target = EXACT.multiply(value.copy_abs(), request.multiplier)
    quantity = max(EXACT.subtract(target, held), ZERO)
    label = f"To a target of {wording.quantity(target)} from {wording.quantity(held)}"
    steps.append(SizingStep(f"{label}: {wording.quantity(quantity)}", quantity))
    return quantity, True


_METHODS: Mapping[SizeMode, _Method] = {
    SizeMode.QUANTITY: _quantity,
    SizeMode.NOTIONAL: _notional,
    SizeMode.PERCENT_EQUITY: _percent_equity,
    SizeMode.PERCENT_BUYING_POWER: _percent_buying_power,
    SizeMode.PERCENT_POSITION: _percent_position,
    SizeMode.RISK_PERCENT: _risk_percent,
    SizeMode.RISK_AMOUNT: _risk_amount,
    SizeMode.MARGIN_PERCENT: _margin_percent,
    SizeMode.TARGET_QUANTITY: _target_quantity,
}


def _known(number: Decimal | None, name: str) -> Decimal:
    if number is None:
        text = f"The account's {name} is not known, so the size can't be computed."
        raise _CannotSizeError("SIZE_MISSING", text)
    return number


def _price(request: SizingRequest) -> Decimal:
    if request.price is None or request.price <= 0:
        raise _CannotSizeError("PRICE_MISSING", "No price is known, so the size can't be computed.")
    return request.price


def _equity_share(request: SizingRequest, percent: Decimal, steps: list[SizingStep]) -> Decimal:
    return _share(_known(request.equity, "equity"), percent, "the equity", steps)


def _share(whole: Decimal, percent: Decimal, name: str, steps: list[SizingStep]) -> Decimal:
    share = max(percent_of(whole, percent), ZERO)
    label = f"{wording.percent(percent)} of {name} of {wording.money(whole)}"
    steps.append(SizingStep(f"{label}: {wording.money(share)}"))
    return share


def _at_price(request: SizingRequest, worth: Decimal, steps: list[SizingStep]) -> Decimal:
    price = _price(request)
    quantity = EXACT.divide(worth, price)
    label = f"{wording.money(worth)} at a price of {wording.money(price)}"
    steps.append(SizingStep(f"{label}: {wording.quantity(quantity)}", quantity))
    return quantity


def _at_risk(request: SizingRequest, amount: Decimal, steps: list[SizingStep]) -> Decimal:
    price, stop = _price(request), request.stop_price
    if stop is None:
        text = "The size follows from the distance to the stop, and the entry has no stop price."
        raise _CannotSizeError("STOP_LOSS_REQUIRED", text)
    if stop == price:
        text = f"The stop {wording.money(stop)} is the entry price: no distance to size by."
        raise _CannotSizeError("STOP_LOSS_WRONG_SIDE", text)
    distance = EXACT.subtract(price, stop).copy_abs()
    quantity = EXACT.divide(amount, distance)
    label = (
        f"Risking {wording.money(amount)} at {wording.money(distance)} a unit "
        f"(price {wording.money(price)}, stop {wording.money(stop)})"
    )
    steps.append(SizingStep(f"{label}: {wording.quantity(quantity)}", quantity))
    return quantity


def _multiply(request: SizingRequest, quantity: Decimal, steps: list[SizingStep]) -> Decimal:
    if request.multiplier == 1:
        return quantity
    product = EXACT.multiply(quantity, request.multiplier)
    label = f"Times the subscription's multiplier of {wording.quantity(request.multiplier)}"
    steps.append(SizingStep(f"{label}: {wording.quantity(product)}", product))
    return product


def _reduce(request: SizingRequest, quantity: Decimal, steps: list[SizingStep]) -> Decimal:
    for cap in request.caps:
        most = cap.quantity
        if cap.value is not None and request.price is not None and request.price > 0:
            most = EXACT.divide(cap.value, request.price)
        if most is not None and most < quantity:
            quantity = most
            room = wording.quantity(most) if cap.value is None else wording.money(cap.value)
            label = f"Reduced to {cap.label} of {room}: {wording.quantity(quantity)}"
            steps.append(SizingStep(label, quantity))
    return quantity


def _round(
    request: SizingRequest, quantity: Decimal, steps: list[SizingStep]
) -> tuple[Decimal, SizingProblem | None]:
    rounded = round_down(quantity, request.step)
    step, least = wording.quantity(request.step), wording.quantity(request.min_quantity)
    if rounded != quantity:
        label = f"Rounded down to the step of {step}: {wording.quantity(rounded)}"
        steps.append(SizingStep(label, rounded))
    if rounded > 0 and rounded >= request.min_quantity:
        return rounded, None
    if rounded > 0:
        text = f"The quantity {wording.quantity(rounded)} is below the venue's least of {least}."
        steps.append(SizingStep(f"Below the venue's least quantity of {least}: 0", ZERO))
    else:
        text = f"Nothing is left to send. {steps[-1].label}."
    return ZERO, SizingProblem("SIZE_ZERO", text)


def _with_risk(
    request: SizingRequest,
    quantity: Decimal,
    steps: tuple[SizingStep, ...],
    problem: SizingProblem | None,
) -> Sizing:
    sizing = Sizing(request.rules.method, quantity, steps=steps, problem=problem)
    price, stop, equity = request.price, request.stop_price, request.equity
    if price is None or price <= 0:
        return sizing
    sizing = replace(sizing, notional=EXACT.multiply(quantity, price))
    if stop is None:
        return sizing
    amount = EXACT.multiply(quantity, EXACT.subtract(price, stop).copy_abs())
    return replace(
        sizing,
        risk_amount=amount,
        risk_percent=EXACT.multiply(ratio(amount, equity), HUNDRED) if equity else None,
        risk_reward=risk_reward(price, stop, request.target_prices),
    )
