"""The entry as it would be sent: how it is valued, sized and protected, before any rule is asked.

Pure but for the types it is handed. A percent or an offset of a stop is judged here from the
price the entry would have now; the real level is set from the fill.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from brokers.types import Instrument
from orders.facts import Facts
from orders.market import Market
from orders.planning import EntryLeg
from orders.protection import Protection, resolve_protection
from orders.stop_fits import StopFit, stop_fit, why_no_stop
from orders.terms import Terms
from risk.sizing import Cap, SizingRequest, SizingRules, caps_from, size_entry
from risk.types import Check, EntryPlan, Sizing, SizingMethod, Snapshot
from tradehub.core.intent import Intent, Size
from tradehub.core.money import EXACT, ONE, ZERO, plain, ratio
from tradehub.core.reasons import REASONS
from tradehub.core.words import OrderSide, OrderType, SizeMode, TimeInForce, Verb

_NO_INSTRUMENT = Instrument(symbol="", quantity_step=ONE)
_AT_ANY_PRICE = (OrderType.MARKET, OrderType.STOP, OrderType.TRAILING_STOP)
_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
_FINEST = Decimal("1e-18")
"""The step of a size whose instrument can't be had: an exit is not rounded away."""


@dataclass(frozen=True, slots=True)
class Proposal:
    plan: EntryPlan
    snapshot: Snapshot
    sizing_request: SizingRequest
    refusal: Check | None = None
    """What makes the rest pointless: the venue can't do it at all."""
    stop: StopFit | None = None
    """What its stop would be at the venue."""

    def with_sizing(self, sizing: Sizing) -> EntryPlan:
        problem, fit = sizing.problem, self.stop
        if fit is None:
            return replace(self.plan, quantity=sizing.quantity, problem=problem)
        return replace(
            self.plan,
            quantity=sizing.quantity,
            problem=problem or fit.problem(sizing.quantity),
            stop_value=fit.value(sizing.quantity),
        )


def propose_entry(
    leg: EntryLeg, intent: Intent, terms: Terms, facts: Facts, market: Market
) -> Proposal:
    assert intent.symbol is not None
    snapshot = facts.snapshot(intent.symbol, terms.strategy, leg.side, market)
    snapshot = replace(snapshot, buying_power=_power(snapshot.buying_power, intent, market))
    instrument = market.instruments.get(intent.symbol)
    price = entry_price(intent, leg.side, market)
    protection = _protection(intent, leg.side, price)
    most, why_most = _most(instrument, leg, intent, facts)
    plan = EntryPlan(
        symbol=intent.symbol,
        side=leg.side,
        quantity=None,
        price=price,
        reference_price=intent.limit_price or intent.reference_price,
        has_stop=intent.stop_loss is not None,
        stop_price=protection.stop_price,
        target_prices=tuple(each.price for each in protection.targets),
        min_notional=(instrument or _NO_INSTRUMENT).min_notional,
        min_stop_value=(instrument or _NO_INSTRUMENT).exit_min_notional,
        max_quantity=most,
        max_quantity_why=why_most,
        signal_at=intent.aged_from(facts.received_at),
        sent_at=facts.sequence.sent_at,
        newer_at=facts.sequence.newer_at(intent.symbol),
        max_age_seconds=intent.max_age_seconds,
        leverage=intent.leverage,
        price_good_for=_good_for(intent, market),
        delayed=str(intent.extras.get("exchange") or "").endswith(("_DL", "_DLY")),
    )
    request = _sizing_of(plan, snapshot, instrument or _NO_INSTRUMENT, intent, terms, facts)
    if leg.quantity is not None:
        request = _fixed(request, leg.quantity)
    fit = stop_fit(instrument, leg.side, plan.stop_price, snapshot.held_quantity)
    refusal = _why_not(leg, intent, terms, facts, market) or _no_stop(intent, market, fit)
    return Proposal(plan, snapshot, request, refusal, fit)


def _sizing_of(
    plan: EntryPlan,
    snapshot: Snapshot,
    instrument: Instrument,
    intent: Intent,
    terms: Terms,
    facts: Facts,
) -> SizingRequest:
    return SizingRequest(
        rules=facts.sizing_rules,
        price=plan.price,
        step=_step(instrument, intent.order_type),
        min_quantity=instrument.min_quantity,
        equity=facts.equity,
        buying_power=snapshot.buying_power,
        signal_size=intent.size,
        signal_size_allowed="size" in terms.overrides,
        multiplier=terms.multiplier,
        leverage=intent.leverage or ONE,
        held_quantity=snapshot.held_quantity,
        conviction=intent.conviction,
        stop_price=plan.stop_price,
        target_prices=plan.target_prices,
        caps=(*caps_from(facts.limits, snapshot), *_venue_caps(plan)),
    )


def _power(power: Decimal | None, intent: Intent, market: Market) -> Decimal | None:
    """The venue counts it at the account's leverage; the entry may ask for one of its own."""
    counted = None if market.account is None else market.account.leverage
    if power is None or counted is None or intent.leverage is None:
        return power
    return ratio(EXACT.multiply(power, intent.leverage), counted)


def _good_for(intent: Intent, market: Market) -> int | None:
    """What may rest waits for a price; what is to fill at once has to have one."""
    at_market = intent.order_type is OrderType.MARKET
    return market.capabilities.fills_within if at_market else None


def _most(
    instrument: Instrument | None, leg: EntryLeg, intent: Intent, facts: Facts
) -> tuple[Decimal | None, str]:
    """The venue's largest order, and why it may be no larger: what the account would then hold
    has to fit into one order at the market, as its stop may be one."""
    assert intent.symbol is not None
    if instrument is None:
        return None, ""
    most, closable = instrument.most(intent.order_type), instrument.most(OrderType.MARKET)
    if closable is None:
        return most, ""
    held = facts.book.committed(intent.symbol, leg.side)
    room = max(ZERO, EXACT.subtract(closable, held))
    if most is not None and most <= room:
        return most, ""
    return room, (
        f"The venue closes at most {plain(closable)} {intent.symbol} with one order at the market, "
        f"and {plain(held)} are held or about to be entered."
    )


def _step(instrument: Instrument, kind: OrderType | None) -> Decimal:
    return (
        instrument.market_step if kind is OrderType.MARKET else None
    ) or instrument.quantity_step


def _venue_caps(plan: EntryPlan) -> tuple[Cap, ...]:
    if plan.max_quantity is None:
        return ()
    label = "the venue's largest order"
    if plan.max_quantity_why:
        label = "the room under the venue's largest order at the market"
    return (Cap(label, quantity=plan.max_quantity),)


def entry_price(intent: Intent, side: OrderSide, market: Market) -> Decimal | None:
    """What a unit is valued at: the limit, else the trigger, else what the market asks."""
    assert intent.symbol is not None
    if intent.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        return intent.limit_price
    if intent.order_type is OrderType.STOP:
        return intent.stop_price
    return market.price(intent.symbol, side)


def wanted_quantity(intent: Intent, terms: Terms, facts: Facts, market: Market) -> Decimal | None:
    """The alert's own size in units, scaled by the multiplier and rounded down to the step, so 0
    when it is less than that; None when it named none or it can't be told.

    An entry's size that the profile ignores is not the alert's either: its numbers speak of
    another account. The size of an exit always counts."""
    mode = intent.size.mode
    if intent.size.value is None or mode in (SizeMode.DEFAULT, SizeMode.TARGET_QUANTITY):
        return None
    is_exit = intent.verb in (Verb.EXIT, Verb.REDUCE, Verb.CLOSE_ALL)
    own = facts.sizing_rules.method is SizingMethod.SIGNAL or "size" in terms.overrides
    if not is_exit and not own:
        return None
    assert intent.symbol is not None
    instrument = market.instruments.get(intent.symbol)
    sized = size_entry(
        SizingRequest(
            rules=SizingRules(),
            price=market.price(intent.symbol) or intent.reference_price,
            step=_FINEST if instrument is None else instrument.quantity_step,
            equity=facts.equity,
            buying_power=facts.buying_power,
            signal_size=intent.size,
            multiplier=terms.multiplier,
            held_quantity=facts.book.standing(intent.symbol, terms.strategy).held,
        )
    )
    return sized.quantity


def _fixed(request: SizingRequest, quantity: Decimal) -> SizingRequest:
    """The intent itself fixes the quantity; it was scaled by the multiplier already."""
    return replace(
        request,
        rules=replace(request.rules, method=SizingMethod.SIGNAL),
        signal_size=Size(SizeMode.QUANTITY, quantity),
        multiplier=ONE,
    )


def _protection(intent: Intent, side: OrderSide, price: Decimal | None) -> Protection:
    if price is None:
        return Protection()
    return resolve_protection(side, price, intent.stop_loss, intent.take_profits)


def _against_others(intent: Intent, leg: EntryLeg, terms: Terms, facts: Facts) -> str | None:
    """A venue nets an account's positions: a long of one strategy and a short of another would
    eat each other, and neither could be closed as what it is."""
    assert intent.symbol is not None
    net = facts.book.net_of_others(intent.symbol, terms.strategy)
    return "OPPOSITE_HELD" if net * leg.side.sign < 0 else None


def _why_not(
    leg: EntryLeg, intent: Intent, terms: Terms, facts: Facts, market: Market
) -> Check | None:
    assert intent.symbol is not None
    instrument = market.instruments.get(intent.symbol)
    code = _not_reconciled(intent, facts, market) or _refusal(intent, instrument, market)
    if code is not None:
        return denial(code)
    closed = _closed(intent, instrument, facts.now)
    if closed is not None:
        return denial("MARKET_CLOSED", closed)
    code = _against_others(intent, leg, terms, facts)
    return None if code is None else denial(code)


def _no_stop(intent: Intent, market: Market, fit: StopFit | None) -> Check | None:
    assert intent.symbol is not None
    instrument = market.instruments.get(intent.symbol)
    if instrument is None or intent.stop_loss is None:
        return None
    why = why_no_stop(instrument, market.capabilities, fit)
    return None if why is None else denial("UNSUPPORTED_BY_VENUE", why)


def denial(code: str, message: str = "") -> Check:
    """With the registry's own words, where there are none of this case."""
    return Check(code, False, None, None, message or REASONS[code].meaning)


def _not_reconciled(intent: Intent, facts: Facts, market: Market) -> str | None:
    """What works or fills at the venue is not known, so no limit could be kept."""
    if not market.synced:
        return "ACCOUNT_NOT_RECONCILED"
    if intent.symbol in facts.drifting:
        return "SYMBOL_NOT_RECONCILED"
    waits = any(each.symbol == intent.symbol and each.in_review for each in facts.book.working)
    return "SYMBOL_NOT_RECONCILED" if waits else None


def _refusal(intent: Intent, instrument: Instrument | None, market: Market) -> str | None:
    if instrument is None:
        return "SYMBOL_UNKNOWN"
    if not instrument.tradable:
        return "MARKET_CLOSED"
    able = market.capabilities
    kinds = able.order_types if instrument.order_types is None else instrument.order_types
    if intent.order_type not in able.order_types & kinds:
        return "UNSUPPORTED_BY_VENUE"
    if intent.time_in_force not in able.times_in_force:
        return "UNSUPPORTED_BY_VENUE"
    trails = intent.stop_loss is not None and intent.stop_loss.trail is not None
    return "UNSUPPORTED_BY_VENUE" if trails else None


def _closed(intent: Intent, instrument: Instrument | None, now: datetime) -> str | None:
    """Why an entry that would wait for the open, and fill at whatever price it has, can't go.

    One with a limit may wait; one for an auction is to; extended hours have rules of their own."""
    hours = None if instrument is None else instrument.hours
    if hours is None or hours.open_at(now) or intent.order_type not in _AT_ANY_PRICE:
        return None
    if intent.extended_hours or intent.time_in_force in _AUCTIONS:
        return None
    kind = intent.order_type.value.replace("_", " ")
    return (
        f"{hours.why_closed(now)} A {kind} order would wait for the open and fill at whatever "
        "price it has, so no entry of that kind is sent. A limit order may wait."
    )
