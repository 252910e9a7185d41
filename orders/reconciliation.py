"""Reconciliation: our books against the venue's, as (ours, theirs) -> findings.

Pure. A part of the venue's books that is None was not told: nothing is concluded from it, least of
all that something is flat or gone. What was told, even if empty, counts. Fills are one by the
venue's fill id. An order of ours that is leaving right now (`sending`) is its lane's alone, and the
position of its symbol is not judged meanwhile. Nor is anything of that symbol taken for somebody
else's which the venue tells without a client order id: it may be that order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from brokers.types import FillReport, OrderReport, ReportStatus, VenuePosition
from orders.lifecycle import AT_VENUE, ENDED
from tradehub.core.money import EXACT, ZERO
from tradehub.core.words import OrderStatus

IN_FLIGHT = frozenset({OrderStatus.SENDING, OrderStatus.UNCONFIRMED})
_ASKED_FOR = AT_VENUE | {OrderStatus.UNCONFIRMED}
_TAKES_NO_FILL = frozenset({OrderStatus.QUEUED, OrderStatus.DENIED})
"""What such an order did to the position all the same shows as a drift."""
NAMELESS = "venue:", "fill:"
"""How names begin that are made here, for what the venue tells without a client order id."""
_ENDINGS = frozenset({ReportStatus.CANCELED, ReportStatus.REJECTED, ReportStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class OurOrder:
    id: str
    client_order_id: str
    symbol: str
    status: OrderStatus
    quantity: Decimal
    filled_quantity: Decimal = ZERO
    venue_order_id: str = ""
    in_review: bool = False
    """Handed to its owner: nobody knows for how long it stays in doubt."""


@dataclass(frozen=True, slots=True)
class OurBooks:
    orders: Mapping[str, OurOrder]
    """By client order id: all that work, and whichever ended ones the venue speaks of."""
    fills: frozenset[str]
    """The venue's ids of the fills that are recorded."""
    positions: Mapping[str, Decimal]
    """The account's net by symbol, signed; with what is too little to be traded."""
    dust: Mapping[str, Decimal] = field(default_factory=dict)
    """Of that net, what is held in positions that are none for its smallness."""
    drifting: frozenset[str] = frozenset()
    """Symbols that differed when we looked last."""
    baseline: datetime | None = None
    """When positions were first taken over from the venue: older strange fills are in them."""


@dataclass(frozen=True, slots=True)
class TheirBooks:
    open_orders: tuple[OrderReport, ...] | None
    fills: tuple[FillReport, ...] | None
    positions: tuple[VenuePosition, ...] | None
    asked: Mapping[str, OrderReport | None] = field(default_factory=dict)
    """Single orders that were asked for; None: the venue is sure that it does not know it."""
    held_for: float = 0.0
    """Seconds after which our own rate budget has room for what was not asked."""


@dataclass(frozen=True, slots=True)
class OrderNews:
    """An order of ours is not what we have recorded."""

    order_id: str
    report: OrderReport


@dataclass(frozen=True, slots=True)
class Missing:
    """We think that it works, and the venue lists it no more: ask for it alone."""

    order_id: str
    client_order_id: str
    symbol: str
    venue_order_id: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """We think that it works, and the venue, asked for it alone, does not know it."""

    order_id: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class StillOpen:
    """It has ended as far as we know, and works at the venue."""

    order_id: str
    client_order_id: str
    venue_order_id: str = ""


@dataclass(frozen=True, slots=True)
class ExternalOrder:
    report: OrderReport


@dataclass(frozen=True, slots=True)
class ExternalFills:
    """Of one order that is not ours and of which nothing else is known."""

    report: OrderReport


@dataclass(frozen=True, slots=True)
class PositionDrift:
    """`ours` is what we hold with all other findings applied."""

    symbol: str
    ours: Decimal
    theirs: Decimal
    average_price: Decimal | None
    """The venue's; None when it holds nothing."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """A symbol that differed does so no more."""

    symbol: str


Finding = (
    OrderNews
    | Missing
    | Denied
    | StillOpen
    | ExternalOrder
    | ExternalFills
    | PositionDrift
    | Agreed
)


def reconcile(ours: OurBooks, theirs: TheirBooks) -> tuple[Finding, ...]:
    """What must happen to our books, in the order in which it is to be done."""
    fresh = _fresh_fills(ours, theirs)
    findings: list[Finding] = []
    for client_id in sorted(ours.orders):
        findings += _of_order(ours.orders[client_id], theirs, fresh.get(client_id, ()))
    findings += _external(ours, theirs, fresh)
    findings += _of_positions(ours, theirs, findings)
    return tuple(findings)


def with_fills(report: OrderReport, fills: Iterable[FillReport]) -> OrderReport:
    """The report with these fills in it too, oldest first."""
    known = {fill.venue_fill_id: fill for fill in (*report.fills, *fills)}
    return replace(report, fills=tuple(sorted(known.values(), key=_when)))


def told_by_fills(fills: tuple[FillReport, ...]) -> OrderReport:
    """What is known of an order of which only fills were told."""
    last = max(fills, key=lambda fill: fill.at)
    total = sum((fill.quantity for fill in fills), ZERO)
    status = ReportStatus.PARTIALLY_FILLED
    report = OrderReport(last.client_order_id, "", last.symbol, last.side, status, total, total,
                         last.at)  # fmt: skip
    return with_fills(report, fills)


def _fresh_fills(ours: OurBooks, theirs: TheirBooks) -> dict[str, tuple[FillReport, ...]]:
    """Fills that are not recorded yet, by client order id, wherever they were told."""
    reports = [*(theirs.open_orders or ()), *filter(None, theirs.asked.values())]
    told = [*(theirs.fills or ()), *(fill for report in reports for fill in report.fills)]
    seen = set(ours.fills)
    fresh: dict[str, list[FillReport]] = {}
    for fill in told:
        if fill.venue_fill_id not in seen:
            seen.add(fill.venue_fill_id)
            fresh.setdefault(fill.client_order_id, []).append(fill)
    return {client_id: tuple(fills) for client_id, fills in fresh.items()}


def _report_of(client_id: str, theirs: TheirBooks) -> OrderReport | None:
    """An answer about the order alone is newer than the list."""
    listed = (each for each in theirs.open_orders or () if each.client_order_id == client_id)
    return theirs.asked.get(client_id) or next(listed, None)


def _of_order(
    order: OurOrder, theirs: TheirBooks, fresh: tuple[FillReport, ...]
) -> Iterator[Finding]:
    if order.status is OrderStatus.SENDING:
        return
    report = _report_of(order.client_order_id, theirs)
    if order.status in ENDED:
        works = report is not None and report.status not in (*_ENDINGS, ReportStatus.FILLED)
        if works and order.status is not OrderStatus.FILLED:
            yield StillOpen(order.id, order.client_order_id, order.venue_order_id)
    elif report is None:
        yield from _if_missing(order, theirs, fresh)
    elif not fresh and _is_news(order, report):
        yield OrderNews(order.id, report)
    if fresh and order.status not in _TAKES_NO_FILL:
        said = told_by_fills(fresh) if report is None else with_fills(report, fresh)
        yield OrderNews(order.id, said)


def _if_missing(
    order: OurOrder, theirs: TheirBooks, fresh: tuple[FillReport, ...]
) -> Iterator[Finding]:
    if order.status not in _ASKED_FOR or theirs.open_orders is None:
        return
    filled = order.filled_quantity + sum((fill.quantity for fill in fresh), ZERO)
    if filled >= order.quantity:
        return
    if order.client_order_id in theirs.asked:
        yield Denied(order.id, order.client_order_id)
    else:
        yield Missing(order.id, order.client_order_id, order.symbol, order.venue_order_id)


def _is_news(order: OurOrder, report: OrderReport) -> bool:
    """Of an order that works as far as we know, without a new fill."""
    if order.status is OrderStatus.QUEUED:
        return False
    if report.status in _ENDINGS or order.status is OrderStatus.UNCONFIRMED:
        return True
    all_here = ZERO < report.filled_quantity <= order.filled_quantity
    return report.status is ReportStatus.FILLED and all_here


def _external(
    ours: OurBooks, theirs: TheirBooks, fresh: Mapping[str, tuple[FillReport, ...]]
) -> Iterator[Finding]:
    reports = {each.client_order_id: each for each in theirs.open_orders or ()}
    reports |= {name: report for name, report in theirs.asked.items() if report is not None}
    leaving = {each.symbol for each in ours.orders.values() if _may_lack_its_number(each)}
    for name in sorted({*reports, *fresh} - set(ours.orders)):
        fills = tuple(fill for fill in fresh.get(name, ()) if _counts(fill, ours))
        report = reports.get(name)
        symbols = {each.symbol for each in fills} | ({report.symbol} if report else set())
        if name.startswith(NAMELESS) and symbols & leaving:
            continue
        if report is None:
            if fills:
                yield ExternalFills(told_by_fills(fills))
        elif fills or report.status in (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED):
            yield ExternalOrder(with_fills(replace(report, fills=()), fills))


def _may_lack_its_number(order: OurOrder) -> bool:
    return order.status in IN_FLIGHT and not order.in_review and not order.venue_order_id


def _counts(fill: FillReport, ours: OurBooks) -> bool:
    return ours.baseline is None or fill.at >= ours.baseline


def _when(fill: FillReport) -> tuple[datetime, str]:
    return fill.at, fill.venue_fill_id


def _of_positions(
    ours: OurBooks, theirs: TheirBooks, findings: Iterable[Finding]
) -> Iterator[Finding]:
    """Without the fills nobody can say whether a difference is one."""
    if theirs.positions is None or theirs.fills is None:
        return
    held = {each.symbol: each for each in theirs.positions if each.quantity}
    expected = _with_fills_of(findings, ours)
    moving = {each.symbol for each in ours.orders.values() if each.status in IN_FLIGHT}
    for symbol in sorted({*expected, *held, *ours.drifting} - moving):
        mine, there = expected.get(symbol, ZERO), held.get(symbol)
        quantity = ZERO if there is None else there.quantity
        least = ZERO if there is None else there.least
        # Dust that was swept away at the venue is missed by nobody.
        swept = EXACT.subtract(mine, ours.dust.get(symbol, ZERO))
        if _differs(mine, quantity, least) and _differs(swept, quantity, least):
            price = None if there is None else there.average_price
            yield PositionDrift(symbol, mine, quantity, price)
        elif symbol in ours.drifting:
            yield Agreed(symbol)


def _differs(mine: Decimal, theirs: Decimal, least: Decimal) -> bool:
    """By something that can be traded: `least` is of the account's net, not of each position."""
    return mine != theirs and abs(mine - theirs) >= least


def _with_fills_of(findings: Iterable[Finding], ours: OurBooks) -> dict[str, Decimal]:
    expected = dict(ours.positions)
    for finding in findings:
        if not isinstance(finding, OrderNews | ExternalOrder | ExternalFills):
            continue
        for fill in finding.report.fills:
            if fill.venue_fill_id not in ours.fills:
                before = expected.get(fill.symbol, ZERO)
                expected[fill.symbol] = EXACT.add(before, fill.side.sign * fill.moved)
    return expected
