"""Adopting: orders and fills at the venue that are not ours become rows, marked as external.

The second writer of orders beside `orders.recording`, whose rules hold here too: inside the
caller's write transaction, under the account's lock, idempotent by client order id and by the
venue's fill id. Nothing here is ever sent.
"""

from datetime import datetime
from decimal import Decimal

from django.db.models import F

from brokers.models import BrokerAccount
from brokers.types import OrderReport, ReportStatus
from orders.lifecycle import OrderEventName
from orders.models import Order, OrderEvent, Position
from orders.recording import apply_report
from tradehub.core.money import ZERO
from tradehub.core.words import (
    OrderRole,
    OrderSide,
    OrderSource,
    OrderStatus,
    OrderType,
    TimeInForce,
)

_TAKES_NO_NEWS = (OrderStatus.QUEUED, OrderStatus.SENDING, OrderStatus.DENIED)
"""Its lane's alone, or never sent: what it did all the same shows as a drift."""


def adopt_order(
    account: BrokerAccount, report: OrderReport, *, price: Decimal | None, now: datetime
) -> Order:
    """A row for an order that somebody else placed, with the fills it has. `price`: the symbol's
    now, for an order that names none; what it may cost counts against the limits. One that has a
    row, whatever name led to it, has news."""
    known = Order.objects.filter(account=account, client_order_id=report.client_order_id).first()
    if known is not None:
        silent = known.status in _TAKES_NO_NEWS
        return known if silent else record_news(account.pk, known.pk, report, now=now)
    filled = sum((fill.quantity for fill in report.fills), ZERO)
    order = Order.objects.create(
        owner_id=account.owner_id,
        account=account,
        leg="external",
        client_order_id=report.client_order_id,
        venue_order_id=report.venue_order_id,
        symbol=report.symbol,
        side=report.side.value,
        order_type=(report.order_type or _likely_type(report)).value,
        time_in_force=(report.time_in_force or TimeInForce.GTC).value,
        quantity=max(report.quantity, filled),
        limit_price=report.limit_price,
        stop_price=report.stop_price,
        reference_price=price,
        role=_role(account, report).value,
        status=OrderStatus.OPEN.value,
        source=OrderSource.EXTERNAL.value,
        created_at=now,
        submitted_at=report.at,
        updated_at=now,
    )
    event = OrderEventName.ACCEPT.value
    OrderEvent.objects.create(
        order=order, event=event, status=order.status, key="adopted", data={}, at=now
    )
    return apply_report(account.pk, order.pk, report, now=now)


def record_news(account_id: str, order_id: str, report: OrderReport, *, now: datetime) -> Order:
    """What a comparison found out about an order, ours or adopted. Of an adopted one the whole
    quantity may not have been known."""
    order = Order.objects.get(pk=order_id, account_id=account_id)
    if order.source == OrderSource.EXTERNAL:
        known = dict(order.fills.values_list("venue_fill_id", "quantity"))
        known |= {fill.venue_fill_id: fill.quantity for fill in report.fills}
        filled = sum(known.values(), ZERO)
        if filled > order.quantity:
            same = Order.objects.filter(pk=order_id)
            same.update(quantity=filled, version=F("version") + 1)
    return apply_report(account_id, order_id, report, now=now)


def _likely_type(report: OrderReport) -> OrderType:
    """What rests has a price; of what is gone nothing tells."""
    working = report.status in (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)
    return OrderType.LIMIT if working and report.venue_order_id else OrderType.MARKET


def _role(account: BrokerAccount, report: OrderReport) -> OrderRole:
    """An exit is what makes the account's net of the symbol smaller."""
    held = Position.objects.filter(account=account, symbol=report.symbol, is_open=True)
    net = sum(held.values_list("quantity", flat=True), ZERO)
    return OrderRole.EXIT if net * OrderSide(report.side).sign < 0 else OrderRole.ENTRY
