"""The two books that are compared: what we have recorded, and what the venue tells.

Reads only. The venue is asked with no transaction open, and what it could not tell is None. Where
it names no client order id, its own id takes that place; a venue without client order ids is asked
by its own, and what it has no name for is not asked about, so nothing follows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

import structlog
from django.db import DatabaseError
from django.db.models import Q

from brokers.base import Broker
from brokers.budget import HELD
from brokers.errors import RateLimited
from brokers.types import ClientIds, FillReport, OrderReport
from orders.lifecycle import NEEDS_REVIEW, WORKING
from orders.market import name_of
from orders.models import Drift, Fill, Order, Position
from orders.reconciliation import (
    NAMELESS,
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
R = TypeVar("R", OrderReport, FillReport)
log = structlog.get_logger(__name__)

ASKS_AT_ONCE = 20
"""Single orders asked for in one look; the others wait for the next."""
_WORKING = [each.value for each in WORKING]


class _Asking:
    """Questions to a venue until one fails: what it could not answer is None, and so is all that
    would have been asked after it, as a venue in trouble is not asked more and more."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self.error = ""
        self.held_for = 0.0

    def ask(self, question: Callable[[], T]) -> T | None:
        if self.error:
            return None
        try:
            return question()
        except DatabaseError:
            raise  # ours
        except Exception as error:  # whatever an adapter does, nothing was told
            self.error = name_of(error)
            if isinstance(error, RateLimited) and error.venue_code == HELD:
                self.held_for = error.retry_after
            log.warning("venue_not_read", account=self._account_id, error=self.error)
            return None


@dataclass(frozen=True, slots=True)
class _Question:
    """About one order: its name in the comparison, and the venue's own id where we have it."""

    name: str
    venue_order_id: str
    symbol: str

    def is_about(self, report: OrderReport) -> bool:
        if report.client_order_id:
            return report.client_order_id == self.name
        return report.venue_order_id == self.venue_order_id


def read_theirs(
    broker: Broker, account_id: str, *, since: datetime, symbols: Collection[str] | None = None
) -> tuple[TheirBooks, str]:
    """Everything that the venue tells; and why it told no more, or an empty text. Orders and fills
    may be those of `symbols` alone."""
    asking = _Asking(account_id)
    orders = asking.ask(lambda: broker.open_orders(symbols))
    fills = asking.ask(lambda: broker.fills(since, symbols))
    positions = asking.ask(lambda: tuple(broker.positions()))
    names = _names_of_ours(account_id, orders or (), fills or ())
    theirs = TheirBooks(
        None if orders is None else tuple(_named_order(each, names) for each in orders),
        None if fills is None else tuple(_named_fill(each, names) for each in fills),
        positions,
        held_for=asking.held_for,
    )
    return theirs, asking.error


def symbols_at_work(account_id: str, *, since: datetime, doubted: Iterable[str]) -> set[str]:
    """Those in which anything of ours is open, has changed `since`, or is `doubted` (orders)."""
    orders = Order.objects.filter(
        Q(status__in=_WORKING) | Q(updated_at__gte=since) | Q(pk__in=doubted),
        account_id=account_id,
    )
    positions = Position.objects.filter(account_id=account_id, is_open=True)
    return {*orders.values_list("symbol", flat=True), *positions.values_list("symbol", flat=True)}


def _names_of_ours(
    account_id: str, orders: Iterable[OrderReport], fills: Iterable[FillReport]
) -> dict[str, str]:
    """Client order ids by the venue's own, of what it lists without the former."""
    nameless = {each.venue_order_id for each in orders if not each.client_order_id}
    nameless |= {each.venue_order_id for each in fills if not each.client_order_id}
    ours = Order.objects.filter(account_id=account_id, venue_order_id__in=nameless - {""})
    return dict(ours.values_list("venue_order_id", "client_order_id"))


def named_anew(account_id: str, theirs: TheirBooks) -> TheirBooks:
    """The same books: since they were read the venue may have told the number of an order of ours,
    and what it listed under that without a name is of that order."""
    orders = [_bare(each) for each in theirs.open_orders or ()]
    fills = [_bare(each) for each in theirs.fills or ()]
    names = _names_of_ours(account_id, orders, fills)
    if not names:
        return theirs
    return replace(
        theirs,
        open_orders=theirs.open_orders and tuple(_named_order(each, names) for each in orders),
        fills=theirs.fills and tuple(_named_fill(each, names) for each in fills),
        asked=dict(_asked_anew(name, report, names) for name, report in theirs.asked.items()),
    )


def _asked_anew(
    name: str, report: OrderReport | None, names: Mapping[str, str]
) -> tuple[str, OrderReport | None]:
    if report is None or not name.startswith(NAMELESS):
        return name, report
    report = _named_order(_bare(report), names)
    return report.client_order_id, report


def ask_further(
    broker: Broker,
    account_id: str,
    theirs: TheirBooks,
    findings: Iterable[Finding],
    *,
    since: datetime,
) -> tuple[TheirBooks, str]:
    """The same books with the answers about single orders, for which a list left a question.

    One that is not known when it is asked for is looked for among those that ended `since`."""
    asking = _Asking(account_id)
    asked: dict[str, OrderReport | None] = {}
    denied: list[_Question] = []
    by_its_own = broker.capabilities().client_ids is ClientIds.NONE
    for each in _questions(findings)[:ASKS_AT_ONCE]:
        by = each.venue_order_id if by_its_own else each.name
        if by_its_own and not by:
            continue
        if by.startswith(NAMELESS):
            asked[each.name] = None  # nothing to ask by; the lists are all there is
            continue
        answer = asking.ask(partial(_order, broker, by))
        if answer is not None:
            asked[each.name] = _answer_about(each.name, answer[0])
            denied += [each] if answer[0] is None else []
    if denied:
        _look_among_ended(asking, broker, since, denied, asked)
    held_for = max(theirs.held_for, asking.held_for)
    return replace(theirs, asked=asked, held_for=held_for), asking.error


def _look_among_ended(
    asking: _Asking,
    broker: Broker,
    since: datetime,
    denied: Iterable[_Question],
    asked: dict[str, OrderReport | None],
) -> None:
    """An id may be free again when its order has ended. Unless the list was told, nobody knows."""
    symbols = {each.symbol for each in denied}
    ended = asking.ask(lambda: broker.closed_orders(since, symbols))
    for each in denied:
        if ended is None:
            del asked[each.name]
            continue
        found = [report for report in ended if each.is_about(report)]
        asked[each.name] = _answer_about(each.name, found[-1] if found else None)


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
        dust=_net_positions(account_id, is_open=False),
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
        row.venue_order_id,
        row.reason == NEEDS_REVIEW,
    )


def _net_positions(account_id: str, **only: bool) -> dict[str, Decimal]:
    net: dict[str, Decimal] = {}
    rows = Position.objects.filter(account_id=account_id, **only)
    for symbol, quantity in rows.values_list("symbol", "quantity"):
        net[symbol] = EXACT.add(net.get(symbol, ZERO), quantity)
    return {symbol: quantity for symbol, quantity in net.items() if quantity}


def _order(broker: Broker, name: str) -> tuple[OrderReport | None]:
    """Boxed: None is an answer."""
    return (broker.order(name),)


def _questions(findings: Iterable[Finding]) -> list[_Question]:
    questions = []
    for each in findings:
        if isinstance(each, Missing):
            questions.append(_Question(each.client_order_id, each.venue_order_id, each.symbol))
        elif isinstance(each, ExternalFills | ExternalOrder) and _is_half_told(each):
            report = each.report
            told = (report.venue_order_id, *(fill.venue_order_id for fill in report.fills))
            questions.append(
                _Question(report.client_order_id, next(filter(None, told), ""), report.symbol)
            )
    return questions


def _is_half_told(found: ExternalFills | ExternalOrder) -> bool:
    """Its fills without the order, or the order without all of its fills."""
    told = sum((fill.quantity for fill in found.report.fills), ZERO)
    return isinstance(found, ExternalFills) or told < found.report.filled_quantity


def _answer_about(name: str, report: OrderReport | None) -> OrderReport | None:
    """Under the name by which it was asked for, if the venue tells none."""
    if report is None or report.client_order_id:
        return report
    return _under(name, report)


def _bare(told: R) -> R:
    """As the venue told it."""
    made = told.client_order_id.startswith(NAMELESS)
    return replace(told, client_order_id="") if made else told


def _named_order(report: OrderReport, names: Mapping[str, str]) -> OrderReport:
    if report.client_order_id:
        return report
    return _under(names.get(report.venue_order_id) or _nameless(report.venue_order_id), report)


def _under(name: str, report: OrderReport) -> OrderReport:
    fills = tuple(replace(fill, client_order_id=name) for fill in report.fills)
    return replace(report, client_order_id=name, fills=fills)


def _named_fill(fill: FillReport, names: Mapping[str, str]) -> FillReport:
    """With the order that it is of, where the venue tells whose it is."""
    if fill.client_order_id:
        return fill
    number = fill.venue_order_id
    name = _nameless(number) if number else f"fill:{fill.venue_fill_id}"[:128]
    return replace(fill, client_order_id=names.get(number) or name)


def _nameless(venue_order_id: str) -> str:
    return f"venue:{venue_order_id}"[:128]
