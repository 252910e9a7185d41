"""Rows of the paper venue to and from the pure state that `venue` works on.

`take_turn` is the first statement of every transaction that changes an account here: an UPDATE
of its one ledger row. PostgreSQL lets the next one wait for the commit and SQLite has one writer
anyway, so what is read after it is final and no two processes match the same order.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet

from brokers.options import PaperOptions
from brokers.paper.ledger import Book, Holding
from brokers.paper.matching import WORKING, Execution, VenueOrder
from brokers.paper.models import PaperFill, PaperLedger, PaperOrder
from brokers.paper.venue import State
from brokers.types import FillReport, OrderReport, OrderRequest, ReportStatus
from tradehub.core.intent import Trail
from tradehub.core.money import ZERO, plain, plain_or_none
from tradehub.core.words import OrderSide, OrderType, TimeInForce
from tradehub.lib.prepared import Prepared

_WORKING = [status.value for status in WORKING]


def open_ledger(account_id: str, options: PaperOptions) -> None:
    """The account's book with its starting cash; nothing happens when there is one."""
    fresh = PaperLedger(account_id=account_id, cash=options.starting_cash)
    PaperLedger.objects.bulk_create([fresh], ignore_conflicts=True)


def take_turn(account_id: str, options: PaperOptions) -> None:
    """Inside a write transaction only."""
    mine = PaperLedger.objects.filter(account_id=account_id)
    if not mine.update(version=F("version") + 1):
        open_ledger(account_id, options)
        mine.update(version=F("version") + 1)


def read_state(account_id: str, options: PaperOptions) -> State:
    """The book and the working orders, oldest first."""
    ledger = _LEDGER.first(account=account_id)
    book = Book(options.starting_cash) if ledger is None else _book(ledger)
    rows = _WORKING_ROWS.all(account=account_id)
    return State(book, tuple(order_of(row) for row in rows))


_LEDGER = Prepared(
    lambda account: PaperLedger.objects.filter(account_id=account), texts=["account"]
)
_WORKING_ROWS = Prepared(lambda account: working_rows(account).order_by("id"), texts=["account"])


def working_rows(account_id: str) -> QuerySet[PaperOrder]:
    return PaperOrder.objects.filter(account_id=account_id, status__in=_WORKING)


def ended_rows(account_id: str, since: datetime) -> QuerySet[PaperOrder]:
    changed = PaperOrder.objects.filter(account_id=account_id, updated_at__gte=since)
    return changed.exclude(status__in=_WORKING)


_KNOWN = Prepared(
    lambda account, client_id: PaperOrder.objects.filter(
        account_id=account, client_order_id=client_id
    ).values_list("pk"),
    texts=["account", "client_id"],
)


def is_known(account_id: str, client_order_id: str) -> bool:
    return bool(_KNOWN.rows(account=account_id, client_id=client_order_id))


def write_state(
    account_id: str, before: State, after: State, fee_currency: str
) -> dict[str, OrderReport]:
    """Store what a step changed, in the transaction that took the turn; reports of what is new
    by client order id."""
    known = {order.id: order for order in before.orders}
    fresh: dict[str, PaperOrder] = {}
    fills: list[PaperFill] = []
    for order in after.orders:
        if order.id not in known:
            row = PaperOrder(account_id=account_id, **_first(order), **_changing(order))
            row.save(force_insert=True)
            fresh[order.id] = row
        elif order != known[order.id]:
            rows = PaperOrder.objects.filter(account_id=account_id, client_order_id=order.id)
            rows.update(**_changing(order))
    if after.executions:
        ids = {client_id: row.id for client_id, row in fresh.items()}
        fills = _write_fills(account_id, after.executions, ids)
    if after.book != before.book:
        PaperLedger.objects.filter(account_id=account_id).update(
            cash=after.book.cash, positions=_positions(after.book)
        )
    return {
        client_id: report_of(row, [each for each in fills if each.order_id == row.id], fee_currency)
        for client_id, row in fresh.items()
    }


def reports_of(
    account_id: str, client_order_ids: Collection[str], fee_currency: str
) -> dict[str, OrderReport]:
    rows = PaperOrder.objects.filter(
        account_id=account_id, client_order_id__in=client_order_ids
    ).prefetch_related("fills")
    return {row.client_order_id: report_of(row, row.fills.all(), fee_currency) for row in rows}


def report_of(row: PaperOrder, fills: Iterable[PaperFill], fee_currency: str) -> OrderReport:
    return OrderReport(
        client_order_id=row.client_order_id,
        venue_order_id=row.id,
        symbol=row.symbol,
        side=OrderSide(row.side),
        status=ReportStatus(row.status),
        quantity=row.quantity,
        filled_quantity=row.filled_quantity,
        at=row.updated_at,
        fills=tuple(
            _fill_report(fill, row, fee_currency)
            for fill in sorted(fills, key=lambda fill: fill.id)
        ),
        code=row.code,
        text=row.text,
    )


def fills_since(account_id: str, since: datetime, fee_currency: str) -> list[FillReport]:
    """Oldest first."""
    fills = PaperFill.objects.filter(account_id=account_id, at__gte=since)
    return [
        _fill_report(fill, fill.order, fee_currency)
        for fill in fills.select_related("order").order_by("id")
    ]


def order_of(row: PaperOrder) -> VenueOrder:
    trail = row.trail and Trail(_decimal(row.trail["percent"]), _decimal(row.trail["offset"]))
    request = OrderRequest(
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=OrderSide(row.side),
        order_type=OrderType(row.order_type),
        time_in_force=TimeInForce(row.time_in_force),
        quantity=row.asked_quantity,
        limit_price=row.limit_price,
        stop_price=row.stop_price,
        trail=trail or None,
        reduce_only=row.reduce_only,
        link=row.link,
    )
    return VenueOrder(
        request=request,
        quantity=row.quantity,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status=ReportStatus(row.status),
        filled=row.filled_quantity,
        triggered=row.triggered,
        best_price=row.best_price,
        filled_on=row.filled_on,
        code=row.code,
        text=row.text,
    )


def _first(order: VenueOrder) -> dict[str, Any]:
    """The columns that never change."""
    request = order.request
    trail = request.trail
    return {
        "client_order_id": request.client_order_id,
        "symbol": request.symbol,
        "side": request.side.value,
        "order_type": request.order_type.value,
        "time_in_force": request.time_in_force.value,
        "asked_quantity": request.quantity,
        "limit_price": request.limit_price,
        "stop_price": request.stop_price,
        "trail": trail
        and {"percent": plain_or_none(trail.percent), "offset": plain_or_none(trail.offset)},
        "reduce_only": request.reduce_only,
        "link": request.link,
        "created_at": order.created_at,
    }


def _changing(order: VenueOrder) -> dict[str, Any]:
    return {
        "quantity": order.quantity,
        "filled_quantity": order.filled,
        "triggered": order.triggered,
        "best_price": order.best_price,
        "filled_on": order.filled_on,
        "status": order.status.value,
        "code": order.code,
        "text": order.text and order.text[:300],
        "updated_at": order.updated_at,
    }


def _write_fills(
    account_id: str, executions: Iterable[Execution], new_ids: Mapping[str, str]
) -> list[PaperFill]:
    """`new_ids`: of the orders that were stored just now, so that they need no second look."""
    ids = dict(new_ids)
    executions = list(executions)
    older = {each.client_order_id for each in executions} - ids.keys()
    if older:
        rows = PaperOrder.objects.filter(account_id=account_id, client_order_id__in=older)
        ids |= dict(rows.values_list("client_order_id", "id"))
    return PaperFill.objects.bulk_create(
        PaperFill(
            account_id=account_id,
            order_id=ids[each.client_order_id],
            quantity=each.quantity,
            price=each.price,
            fee=each.fee,
            at=each.at,
        )
        for each in executions
    )


def _fill_report(fill: PaperFill, row: PaperOrder, fee_currency: str) -> FillReport:
    return FillReport(
        venue_fill_id=fill.id,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=OrderSide(row.side),
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_currency=fee_currency,
        at=fill.at,
    )


def _book(ledger: PaperLedger) -> Book:
    holdings = {
        symbol: Holding(Decimal(held["quantity"]), Decimal(held["average_price"]))
        for symbol, held in ledger.positions.items()
    }
    return Book(ledger.cash, holdings)


def _positions(book: Book) -> dict[str, dict[str, str]]:
    return {
        symbol: {"quantity": plain(held.quantity), "average_price": plain(held.average_price)}
        for symbol, held in sorted(book.holdings.items())
        if held.quantity != ZERO
    }


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
