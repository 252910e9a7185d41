"""Orders as the decision drafts them, and the rows that they become.

Client order ids are made here: deterministic in the signal, the account and the leg, so whatever
is killed when, the same decision names the same order.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from orders.market import Market
from orders.models import Decision, LaneItem, Order
from orders.planning import EntryLeg, ExitLeg
from orders.terms import Terms
from tradehub.core.ids import client_order_id
from tradehub.core.intent import Intent
from tradehub.core.money import plain, plain_or_none, round_down, round_nearest
from tradehub.core.words import OrderRole, OrderSide, OrderType, TimeInForce, Verb
from tradehub.lib import live


@dataclass(frozen=True, slots=True, eq=False)
class OrderDraft:
    symbol: str
    side: OrderSide
    role: OrderRole
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: dict[str, str] | None
    reduce_only: bool
    extended_hours: bool
    reference_price: Decimal | None
    protection: dict[str, Any] | None = None
    after: "OrderDraft | None" = None
    replaces: str | None = None
    leverage: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields of an order that it would have."""
        return {
            "symbol": self.symbol,
            "side": self.side.value,
            "role": self.role.value,
            "order_type": self.order_type.value,
            "time_in_force": self.time_in_force.value,
            "quantity": plain(self.quantity),
            "limit_price": plain_or_none(self.limit_price),
            "stop_price": plain_or_none(self.stop_price),
            "trail": self.trail,
            "reference_price": plain_or_none(self.reference_price),
            "leverage": plain_or_none(self.leverage),
            "protection": self.protection,
        }


def exit_draft(leg: ExitLeg, intent: Intent, market: Market) -> OrderDraft:
    """Of the type that the alert gave, where that can work; else at the market: an exit is not
    lost to a default that the venue doesn't know or to a price that nobody named."""
    kind = _exit_type(intent, market)
    return _draft(
        replace(intent, time_in_force=_exit_time(kind, intent, market)),
        market,
        side=leg.side,
        role=OrderRole.EXIT,
        quantity=_on_step(leg.quantity, intent.symbol, market),
        order_type=kind,
    )


def _exit_type(intent: Intent, market: Market) -> OrderType:
    kind = intent.order_type
    if intent.verb is Verb.CLOSE_ALL or kind not in market.capabilities.order_types:
        return OrderType.MARKET
    needed = {
        OrderType.LIMIT: (intent.limit_price,),
        OrderType.STOP: (intent.stop_price,),
        OrderType.STOP_LIMIT: (intent.limit_price, intent.stop_price),
        OrderType.TRAILING_STOP: (intent.trail,),
    }
    if kind is None or None in needed.get(kind, ()):
        return OrderType.MARKET
    if kind is OrderType.TRAILING_STOP and not _trails(intent.symbol, market):
        return OrderType.MARKET
    return kind


def _trails(symbol: str | None, market: Market) -> bool:
    """Whether trailing stops of it are taken, as far as is known."""
    instrument = market.instruments.get(symbol or "")
    if instrument is None or instrument.order_types is None:
        return True
    return OrderType.TRAILING_STOP in instrument.order_types


def _exit_time(kind: OrderType, intent: Intent, market: Market) -> TimeInForce:
    able, wanted = market.capabilities.times_in_force, intent.time_in_force
    resting = kind not in (OrderType.MARKET, OrderType.LIMIT)
    at_once = wanted in (TimeInForce.IOC, TimeInForce.FOK)
    if wanted is not None and wanted in able and not (resting and at_once):
        return wanted
    return TimeInForce.DAY if TimeInForce.DAY in able else TimeInForce.GTC


def entry_draft(
    leg: EntryLeg,
    quantity: Decimal,
    intent: Intent,
    terms: Terms,
    market: Market,
    *,
    after: OrderDraft | None,
) -> OrderDraft:
    said = intent.to_json()
    protection = None
    if intent.stop_loss is not None or intent.take_profits:
        protection = {"stop_loss": said["stop_loss"], "take_profits": said["take_profits"]}
    return _draft(
        intent,
        market,
        side=leg.side,
        role=OrderRole.ENTRY,
        quantity=quantity,
        order_type=intent.order_type,
        protection=protection,
        after=after,
    )


def replacement_draft(
    order: Order, intent: Intent, quantity: Decimal, market: Market
) -> OrderDraft:
    """The same order with the prices of `intent`, for `quantity`."""
    side = OrderSide(order.side)
    return OrderDraft(
        symbol=order.symbol,
        side=side,
        role=OrderRole(order.role),
        quantity=_on_step(quantity, order.symbol, market),
        order_type=OrderType(order.order_type),
        time_in_force=TimeInForce(order.time_in_force),
        limit_price=_on_tick(intent.limit_price, order.symbol, market),
        stop_price=_on_tick(intent.stop_price, order.symbol, market),
        trail=order.trail,
        reduce_only=order.reduce_only,
        extended_hours=order.extended_hours,
        reference_price=market.price(order.symbol, side) or order.reference_price,
        protection=order.protection,
        replaces=order.pk,
        leverage=order.leverage,
    )


def _draft(
    intent: Intent,
    market: Market,
    *,
    side: OrderSide,
    role: OrderRole,
    quantity: Decimal,
    order_type: OrderType | None,
    protection: dict[str, Any] | None = None,
    after: OrderDraft | None = None,
) -> OrderDraft:
    assert intent.symbol is not None
    kind = order_type or OrderType.MARKET
    limited = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    triggered = kind in (OrderType.STOP, OrderType.STOP_LIMIT)
    return OrderDraft(
        symbol=intent.symbol,
        side=side,
        role=role,
        quantity=quantity,
        order_type=kind,
        time_in_force=intent.time_in_force or TimeInForce.DAY,
        limit_price=_on_tick(intent.limit_price, intent.symbol, market) if limited else None,
        stop_price=_on_tick(intent.stop_price, intent.symbol, market) if triggered else None,
        trail=intent.to_json()["trail"] if kind is OrderType.TRAILING_STOP else None,
        reduce_only=role is OrderRole.EXIT,
        extended_hours=bool(intent.extended_hours),
        reference_price=market.price(intent.symbol, side) or intent.reference_price,
        protection=protection,
        after=after,
        leverage=intent.leverage if role is OrderRole.ENTRY else None,
    )


def _on_step(quantity: Decimal, symbol: str | None, market: Market) -> Decimal:
    """A target's difference may lie between two steps. Less than one is left to the venue."""
    instrument = market.instruments.get(symbol or "")
    rounded = None if instrument is None else round_down(quantity, instrument.quantity_step)
    return rounded or quantity


def _on_tick(price: Decimal | None, symbol: str, market: Market) -> Decimal | None:
    instrument = market.instruments.get(symbol)
    if price is None or instrument is None or instrument.price_tick is None:
        return price
    return round_nearest(price, instrument.price_tick)


def write_orders(
    drafts: list[OrderDraft], decision: Decision, item: LaneItem, terms: Terms, *, now: datetime
) -> list[Order]:
    """The rows, in the order in which they are to be sent. Runs in the decision's transaction."""
    rows: dict[int, Order] = {}
    for number, draft in enumerate(drafts):
        leg = str(number)
        order = Order.objects.create(
            owner_id=decision.owner_id,
            account_id=decision.account_id,
            strategy_id=terms.strategy,
            signal_id=decision.signal_id,
            decision=decision,
            leg=leg,
            client_order_id=order_client_id(item, decision.account_id, leg),
            symbol=draft.symbol,
            side=draft.side.value,
            order_type=draft.order_type.value,
            time_in_force=draft.time_in_force.value,
            quantity=draft.quantity,
            limit_price=draft.limit_price,
            stop_price=draft.stop_price,
            trail=draft.trail,
            reduce_only=draft.reduce_only,
            extended_hours=draft.extended_hours,
            leverage=draft.leverage,
            protection=draft.protection,
            after=None if draft.after is None else rows[id(draft.after)],
            replaces_id=draft.replaces,
            role=draft.role.value,
            source=terms.source.value,
            reference_price=draft.reference_price,
            created_at=now,
            updated_at=now,
        )
        rows[id(draft)] = order
        live.notify(order.owner_id, "order", order.pk, 1, status=order.status, symbol=order.symbol)
    return list(rows.values())


def order_client_id(item: LaneItem, account_id: str, leg: str) -> str:
    origin = item.signal_id or f"item:{item.pk}"
    return new_client_order_id(origin, account_id, leg)


def new_client_order_id(origin: str, account_id: str, leg: str) -> str:
    """With this installation's own key: a second hub can't make the same id."""
    return client_order_id(key=settings.INSTALL_KEY, origin=origin, account=account_id, leg=leg)
