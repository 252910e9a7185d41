"""The two books that are compared: what we have recorded, and what the venue tells.

Reads only. The venue is asked with no transaction open, and what it could not tell is None. Where
it names no client order id, its own id takes that place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

import structlog
from django.db import DatabaseError
from django.db.models import Q

from brokers.base import Broker
from brokers.types import FillReport, OrderReport
from orders.lifecycle import WORKING
from orders.market import name_of
from orders.models import Drift, Fill, Order, Position
from orders.reconciliation import (
    ExternalFills,
    ExternalOrder,
    Finding,
    Missing,
    OurBooks,
    OurOrder,
    TheirBooks,
)
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderStatus

T = TypeVar("T")
log = structlog.get_logger(__name__)

ASKS_AT_ONCE = 20
"""Single orders asked for in one look; the others wait for the next."""
_NAMELESS = "venue:", "fill:"
_WORKING = [each.value for each in WORKING]


class _Asking:
    """Questions to a venue until one fails: what it could not answer is None, and so is all that
    would have been asked after it, as a venue in trouble is not asked more and more."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self.error = ""

    def ask(self, question: Callable[[], T]) -> T | None:
        if self.error:
            return None
        try:
            return question()
        except DatabaseError:
            raise  # ours
        except Exception as error:  # whatever an adapter does, nothing was told
            self.error = name_of(error)
            log.warning("venue_not_read", account=self._account_id, error=self.error)
            return None


def read_theirs(broker: Broker, account_id: str, *, since: datetime) -> tuple[TheirBooks, str]:
    """Everything that the venue tells; and why it told no more, or an empty text."""
    asking = _Asking(account_id)
    orders = asking.ask(broker.open_orders)
    fills = asking.ask(lambda: broker.fills(since))
    positions = asking.ask(lambda: tuple(broker.positions()))
    names = _names_of_ours(account_id, orders or (), fills or ())
    theirs = TheirBooks(
        None if orders is None else tuple(_named_order(each, names) for each in orders),
        None if fills is None else tuple(_named_fill(each, names) for each in fills),
        positions,
    )
    return theirs, asking.error


def _names_of_ours(
    account_id: str, orders: Iterable[OrderReport], fills: Iterable[FillReport]
) -> dict[str, str]:
    """Client order ids by the venue's own, of what it lists without the former."""
    nameless = {each.venue_order_id for each in orders if not each.client_order_id}
    nameless |= {each.venue_order_id for each in fills if not each.client_order_id}
    ours = Order.objects.filter(account_id=account_id, venue_order_id__in=nameless - {""})
    return dict(ours.values_list("venue_order_id", "client_order_id"))


def ask_further(
    broker: Broker, account_id: str, theirs: TheirBooks, findings: Iterable[Finding]
) -> tuple[TheirBooks, str]:
    """The same books with the answers about single orders, for which a list left a question."""
    asking = _Asking(account_id)
    asked: dict[str, OrderReport | None] = {}
    for name in _in_question(findings)[:ASKS_AT_ONCE]:
        if name.startswith(_NAMELESS):
            asked[name] = None  # nothing to ask by; the lists are all there is
            continue
        answer = asking.ask(partial(_order, broker, name))
        if answer is not None:
            asked[name] = answer[0]
    return replace(theirs, asked=asked), asking.error


def prices_of(broker: Broker, account_id: str, findings: Iterable[Finding]) -> dict[str, Decimal]:
    """Of the symbols of strange orders that name no price."""
    symbols = {
        each.report.symbol
        for each in findings
        if isinstance(each, ExternalOrder) and each.report.limit_price is None
    }
    if not symbols:
        return {}
    quotes = _Asking(account_id).ask(lambda: broker.quotes(sorted(symbols))) or {}
    return {symbol: quote.last for symbol, quote in quotes.items()}


def read_ours(account_id: str, theirs: TheirBooks, *, baseline: datetime | None) -> OurBooks:
    """What of our books a comparison with these needs."""
    reports = [*(theirs.open_orders or ()), *filter(None, theirs.asked.values())]
    fills = [*(theirs.fills or ()), *(fill for report in reports for fill in report.fills)]
    names = {each.client_order_id for each in reports} | {each.client_order_id for each in fills}
    rows = Order.objects.filter(
        Q(status__in=_WORKING) | Q(client_order_id__in=names), account_id=account_id
    )
    known = Fill.objects.filter(
        account_id=account_id, venue_fill_id__in={each.venue_fill_id for each in fills}
    )
    drifting = Drift.objects.filter(account_id=account_id, healed_at__isnull=True)
    return OurBooks(
        orders={each.client_order_id: each for each in map(_our_order, rows)},
        fills=frozenset(known.values_list("venue_fill_id", flat=True)),
        positions=_net_positions(account_id),
        drifting=frozenset(drifting.values_list("symbol", flat=True)),
        baseline=baseline,
    )


def _our_order(row: Order) -> OurOrder:
    return OurOrder(
        row.pk,
        row.client_order_id,
        row.symbol,
        OrderStatus(row.status),
        row.quantity,
        row.filled_quantity,
    )


def _net_positions(account_id: str) -> dict[str, Decimal]:
    net: dict[str, Decimal] = {}
    rows = Position.objects.filter(account_id=account_id, is_open=True)
    for symbol, quantity in rows.values_list("symbol", "quantity"):
        net[symbol] = EXACT.add(net.get(symbol, ZERO), quantity)
    return {symbol: quantity for symbol, quantity in net.items() if quantity}


def _order(broker: Broker, name: str) -> tuple[OrderReport | None]:
    """Boxed: None is an answer."""
    return (broker.order(name),)


def _in_question(findings: Iterable[Finding]) -> list[str]:
    names = []
    for each in findings:
        if isinstance(each, Missing):
            names.append(each.client_order_id)
        elif isinstance(each, ExternalFills | ExternalOrder) and _is_half_told(each):
            names.append(each.report.client_order_id)
    return names


def _is_half_told(found: ExternalFills | ExternalOrder) -> bool:
    """Its fills without the order, or the order without all of its fills."""
    told = sum((fill.quantity for fill in found.report.fills), ZERO)
    return isinstance(found, ExternalFills) or told < found.report.filled_quantity


def _named_order(report: OrderReport, names: Mapping[str, str]) -> OrderReport:
    if report.client_order_id:
        return report
    name = names.get(report.venue_order_id) or f"venue:{report.venue_order_id}"[:128]
    fills = tuple(replace(fill, client_order_id=name) for fill in report.fills)
    return replace(report, client_order_id=name, fills=fills)


def _named_fill(fill: FillReport, names: Mapping[str, str]) -> FillReport:
    if fill.client_order_id:
        return fill
    name = names.get(fill.venue_order_id) or f"fill:{fill.venue_fill_id}"[:128]
    return replace(fill, client_order_id=name)
