"""Replacing a working order: another takes its place, with other prices or for another quantity.

First it is decided, as a manual order is; what asks for no more than the old order did, or exits,
passes without the limits (I7). The new order is a row of its own and waits. A venue that can do
both at once is asked for that. Else, or where that came to nothing, the old one is cancelled by an
item of the lane, and only when the venue has told how it ended does the new one leave, for what is
left.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast

from brokers.base import ReplacingBroker
from brokers.errors import BrokerError, NotReplaced, NotSent
from brokers.models import BrokerAccount
from brokers.types import OrderReport, OrderRequest
from orders.book import Working
from orders.cancelling import INSIST_FOR
from orders.children import CHILD_ROLES
from orders.deciding import Ruling, judge_entry, write_decision
from orders.drafts import OrderDraft, replacement_draft, write_orders
from orders.facts import Facts, open_symbols, read_facts
from orders.gate import refusal_at_the_gate
from orders.lanes import hold_lane
from orders.lifecycle import AT_VENUE, ENDED
from orders.manual import Change, manual_terms
from orders.market import Market, read_market
from orders.models import Decision, LaneItem, Order
from orders.planning import EntryLeg
from orders.positions import protection_asked
from orders.remaining import (
    NOT_REPLACEABLE,
    end_replacement,
    is_cancel_waiting,
    mark_replaced,
    release_replacement,
    waiting_replacement,
)
from orders.sending import Desk, NotYet, attempt_order, mark_sending, record_answer
from orders.syncing import NotRecorded, sync_orders
from orders.terms import Terms
from risk.types import Check
from tradehub.core.intent import Intent, Size
from tradehub.core.money import EXACT, plain, ratio
from tradehub.core.words import (
    OrderRole,
    OrderSide,
    OrderSource,
    OrderStatus,
    OrderType,
    PositionSide,
    SizeMode,
    SubscriptionMode,
    TimeInForce,
    Verb,
)
from tradehub.lib.db import in_write_transaction

_LEFT = (*(each.value for each in AT_VENUE), OrderStatus.FILLED.value)
_STANDS = (OrderStatus.QUEUED.value, *_LEFT)
Shape = tuple[Decimal, Decimal | None, Decimal | None]
"""Quantity in all, limit price, stop price."""


# ---- what is asked ----


def why_not_replaceable(order: Order) -> str:
    """A sentence; empty for an order that can be replaced."""
    if order.source == OrderSource.EXTERNAL:
        return "It was placed outside of TradeHub. Change it where it was placed."
    if order.role in CHILD_ROLES:
        return "It protects a position, and follows what the position asks for."
    if order.status in ENDED:
        return f"It is {order.status} already."
    if order.status not in AT_VENUE:
        return f"It is {order.status}: the venue has not said yet that it works."
    if waiting_replacement(order.pk) is not None:
        return "It is being replaced already."
    if is_cancel_waiting(order.pk):
        return "It is being cancelled."
    return ""


def amended_intent(order: Order, change: Change) -> Intent:
    """The order as it is to be, in the words of an alert; its size is the quantity in all."""
    nothing: dict[str, None] = {"stop_loss": None, "take_profits": None}
    stop, targets = protection_asked(order.protection or nothing)
    buys = (order.side == OrderSide.BUY) == (order.role == OrderRole.ENTRY)
    return Intent(
        symbol=order.symbol,
        verb=Verb.AMEND,
        side=PositionSide.LONG if buys else PositionSide.SHORT,
        size=Size(SizeMode.QUANTITY, change.quantity or order.quantity),
        order_type=OrderType(order.order_type),
        limit_price=change.limit_price or order.limit_price,
        stop_price=change.stop_price or order.stop_price,
        stop_loss=stop,
        take_profits=targets,
        time_in_force=TimeInForce(order.time_in_force),
        extended_hours=order.extended_hours or None,
        leverage=order.leverage,
    )


def changes_nothing(order: Order, intent: Intent) -> bool:
    return _before(order) == _after(intent)


def terms_of_order(order: Order, source: OrderSource) -> Terms:
    """Those under which it was decided; what its owner says now counts as said."""
    terms = Terms(order.strategy_id, None)
    if order.decision is not None:
        terms = Terms.from_json(order.decision.item.terms)
    return replace(manual_terms(terms, source), mode=SubscriptionMode.AUTO)


# ---- the work ----


def replace_at_venue(desk: Desk, account: BrokerAccount, item: LaneItem) -> None:
    """Decide once, however often it is begun; then replace at once where the venue can, else have
    the old order cancelled. Raises NotYet and LostLane."""
    if not Decision.objects.filter(item=item).exists():
        market = _read(desk, account, item)
        in_write_transaction(lambda: _decide(desk, account, item, market))
        if desk.broker.capabilities().replaces:
            _at_once(desk, item)
    in_write_transaction(lambda: _go_on(desk, item))


def _decide(desk: Desk, account: BrokerAccount, item: LaneItem, market: Market) -> None:
    now = desk.clock()
    hold_lane(desk.claim, now=now)
    ruling = _rule(item, account, market, now)
    decision = write_decision(item, account, ruling, market, now=now, cancels=ruling.cancels)
    write_orders(ruling.drafts, decision, item, Terms.from_json(item.terms), now=now)


def _at_once(desk: Desk, item: LaneItem) -> None:
    """One request for both, while nothing of the old order has filled and nobody cancels it. A new
    order that is refused leaves the old one as it is."""

    def commit() -> tuple[Order, Order] | None:
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        old, new = Order.objects.get(pk=item.subject), waiting_replacement(item.subject)
        if new is None or old.status != OrderStatus.OPEN or old.filled_quantity:
            return None
        if is_cancel_waiting(old.pk):
            return None
        return (old, new) if mark_sending(new, now=now, at_once=True) else None

    both = in_write_transaction(commit)
    if both is None:
        return
    old, new = both
    ended: list[OrderReport] = []

    def submit(request: OrderRequest) -> OrderReport:
        name = desk.broker.capabilities().name_of(old.client_order_id, old.venue_order_id)
        try:
            done = cast(ReplacingBroker, desk.broker).replace(name, request)
        except NotReplaced as error:
            raise NotSent(error.text, venue_code=error.venue_code) from error
        ended.append(done.ended)
        if isinstance(done.placed, BrokerError):
            raise done.placed
        return done.placed

    try:
        attempt_order(desk, new, submit=submit)
    except NotYet:
        _record(desk, old, ended)
        raise
    _record(desk, old, ended)


def _record(desk: Desk, old: Order, ended: list[OrderReport]) -> None:
    for report in ended:
        record_answer(desk, old, report)


def _go_on(desk: Desk, item: LaneItem) -> None:
    """An item of its own cancels the old order, with the time that it needs, unless what was to
    replace it came to nothing."""
    now = desk.clock()
    hold_lane(desk.claim, now=now)
    old = Order.objects.get(pk=item.subject)
    decision = Decision.objects.get(item=item)
    new = Order.objects.filter(decision=decision).first()
    if not decision.cancels or (new is not None and new.status not in _STANDS):
        return
    if new is not None and old.status in ENDED and new.status in _LEFT:
        if old.status == OrderStatus.CANCELED:
            mark_replaced(old, new)
        return
    cancel = {"account_id": old.account_id, "kind": LaneItem.Kind.CANCEL.value, "subject": old.pk}
    if not LaneItem.objects.filter(status=LaneItem.Status.QUEUED.value, **cancel).exists():
        LaneItem.objects.create(due_at=now, created_at=now, **cancel)


def _read(desk: Desk, account: BrokerAccount, item: LaneItem) -> Market:
    synced = True
    try:
        sync_orders(account, desk.broker, clock=desk.clock)
    except (BrokerError, NotRecorded):
        synced = False
    symbol = Intent.from_json(item.intents[0]).symbol or ""
    market = read_market(desk.broker, [symbol, *open_symbols(account)])
    return replace(market, synced=synced)


def _rule(item: LaneItem, account: BrokerAccount, market: Market, now: datetime) -> Ruling:
    ruling = Ruling()
    order = Order.objects.get(pk=item.subject, account=account)
    why = why_not_replaceable(order)
    if why:
        ruling.nothing.append(Check(NOT_REPLACEABLE, False, None, None, why))
        return ruling
    intent = Intent.from_json(item.intents[0])
    assert intent.size.value is not None
    left = EXACT.subtract(intent.size.value, order.filled_quantity)
    if left > 0:
        draft = replacement_draft(order, intent, left, market)
        if order.role == OrderRole.ENTRY and _asks_for_more(order, intent):
            _judge(order, draft, intent, item, market, ruling, now)
        else:
            ruling.denials.extend(_unfit(order, draft, market, now))
            ruling.checks.extend(ruling.denials)
        if ruling.denials:
            return ruling
        ruling.drafts = [draft]
    ruling.cancels.append(order.pk)
    return ruling


def _asks_for_more(order: Order, intent: Intent) -> bool:
    """A smaller quantity at the same prices, or a buy at a lower limit, is no new risk."""
    (was, limit, stop), (total, new_limit, new_stop) = _before(order), _after(intent)
    if total > was or stop != new_stop:
        return True
    if limit == new_limit:
        return False
    lower = limit is not None and new_limit is not None and new_limit < limit
    return not (lower and order.side == OrderSide.BUY)


def _before(order: Order) -> Shape:
    return order.quantity, order.limit_price, order.stop_price


def _after(intent: Intent) -> Shape:
    assert intent.size.value is not None
    return intent.size.value, intent.limit_price, intent.stop_price


def _judge(
    order: Order,
    draft: OrderDraft,
    intent: Intent,
    item: LaneItem,
    market: Market,
    ruling: Ruling,
    now: datetime,
) -> None:
    """As a manual entry, in a book from which the old order is gone. What doesn't fit is denied
    and never cut: the owner named the quantity, and the old order works on."""
    terms = Terms.from_json(item.terms)
    facts = read_facts(item, item.account, terms, [intent], market, now=now)
    facts.sizing_rules = replace(facts.sizing_rules, reduce=False)
    _take_out(order, facts, market)
    leg = EntryLeg(draft.side, draft.quantity)
    judge_entry(leg, None, intent, terms, facts, market, ruling)


def _take_out(order: Order, facts: Facts, market: Market) -> None:
    """The venue holds buying power for it, which the new one may use; it is no trade of its own."""
    (mine,) = (each for each in facts.book.working if each.id == order.pk)
    facts.book.cancel({order.pk})
    facts.trades_today -= order.created_at >= facts.day_start
    if facts.buying_power is not None:
        held = _held_for(mine, order.leverage, market)
        facts.buying_power = EXACT.add(facts.buying_power, held)


def _held_for(working: Working, leverage: Decimal | None, market: Market) -> Decimal:
    """At the account's leverage, as the venue counts its buying power: an order at less than that
    holds more of it."""
    value = EXACT.multiply(working.remaining, working.price or Decimal(0))
    counted = None if market.account is None else market.account.leverage
    if counted is None or leverage is None:
        return value
    return ratio(EXACT.multiply(value, counted), leverage)


def _unfit(order: Order, draft: OrderDraft, market: Market, now: datetime) -> list[Check]:
    """What the last gate or the venue would refuse, when the old order is gone already."""
    new = Order(
        owner_id=order.owner_id,
        account_id=order.account_id,
        strategy_id=order.strategy_id,
        role=order.role,
        created_at=now,
    )
    refusal = refusal_at_the_gate(new, now=now) or _too_small(draft, market)
    return [] if refusal is None else [Check(refusal[0], False, None, None, refusal[1])]


def _too_small(draft: OrderDraft, market: Market) -> tuple[str, str] | None:
    instrument = market.instruments.get(draft.symbol)
    price = draft.limit_price or draft.stop_price or draft.reference_price
    if instrument is None or price is None:
        return None
    value = EXACT.multiply(draft.quantity, price)
    if draft.quantity >= instrument.min_quantity and value >= instrument.min_notional:
        return None
    text = f"What is left, {plain(draft.quantity)}, is less than the venue takes as an order."
    return "SIZE_ZERO", text


# ---- after the cancel ----


def pass_on(desk: Desk, item: LaneItem) -> None:
    """`item` has cancelled its order: what waits to replace it goes out, or ends. Raises NotYet
    until the venue has told how the old one ended; after a minute the new one is given up."""
    if not Order.objects.filter(replaces_id=item.subject).exists():
        return

    def work() -> Order | None:
        """The new order, while it waits."""
        now = desk.clock()
        hold_lane(desk.claim, now=now)
        old, new = Order.objects.get(pk=item.subject), waiting_replacement(item.subject)
        if new is None:
            _note_replaced(old)
        elif old.status in ENDED:
            release_replacement(old, new, now=now)
        elif now - item.created_at >= INSIST_FOR:
            text = "The venue did not cancel the order that it was to replace; that one works on."
            end_replacement(new, text, now)
        else:
            return new
        return None

    if in_write_transaction(work) is not None:
        raise NotYet("OUTCOME_UNKNOWN", 1.0)


def _note_replaced(old: Order) -> None:
    left = Order.objects.filter(replaces=old, status__in=_LEFT).order_by("-id").first()
    if left is not None and old.status == OrderStatus.CANCELED:
        mark_replaced(old, left)
