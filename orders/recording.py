"""The one writer of orders and fills: what happened becomes rows.

Every function here runs inside the caller's write transaction, under the account's lock, so reports
from a lane, a poll and a stream can't interleave: a held lane is one, all others take it first
(`lock_account`). News is idempotent: an event by its key, a fill by the venue's fill id. Deciding
what to send is not done here.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from brokers.types import FillReport, OrderReport, ReportStatus
from orders.ledger import average_fill_price
from orders.lifecycle import (
    ENDED,
    NEEDS_REVIEW,
    UNSETTLED,
    WORKING,
    OrderEventName,
    next_status,
)
from orders.models import Fill, Lane, LaneItem, Order, OrderEvent, Position
from orders.positions import (
    ConcurrentChange,
    find_position,
    move_position,
    queue_protection,
    set_protected,
    shares_symbol,
)
from orders.settling import settle
from tradehub.core.intent import iso
from tradehub.core.money import ZERO, plain
from tradehub.core.words import OrderRole, OrderStatus
from tradehub.lib import live, metrics
from tradehub.lib.prepared import Prepared

E = OrderEventName
ALREADY_FLAT = "ALREADY_FLAT"
_CHILD_ROLES = (OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT)
ASK_OWNER = "Look at the venue: if it is there it will be found; if not, say so."


def lock_account(account_id: str) -> None:
    """Writers of one account take turns: a row lock on PostgreSQL; SQLite has one writer anyway."""
    lane = Lane.objects.filter(pk=account_id)
    if not lane.update(holder=F("holder")):
        Lane.objects.bulk_create([Lane(pk=account_id)], ignore_conflicts=True)
        lane.update(holder=F("holder"))


def record_event(
    order: Order,
    event: OrderEventName,
    *,
    key: str,
    now: datetime,
    data: dict[str, Any] | None = None,
    ours: bool = False,
    **changes: Any,
) -> bool:
    """Move an order by one event. False when this news was recorded before.

    `ours`: the caller knows that the key is new. Raises IllegalTransition, and ConcurrentChange
    when the order moved since it was read."""
    if not ours and OrderEvent.objects.filter(order=order, key=key).exists():
        return False
    after = next_status(OrderStatus(order.status), event)
    changes |= {"status": after.value, "version": order.version + 1, "updated_at": now}
    moved = Order.objects.filter(pk=order.pk, version=order.version).update(**changes)
    if moved != 1:
        raise ConcurrentChange(order.pk)
    for name, value in changes.items():
        setattr(order, name, value)
    OrderEvent.objects.create(
        order=order, event=event.value, status=after.value, key=key, data=data or {}, at=now
    )
    transaction.on_commit(metrics.orders.labels(order.role, order.status).inc)
    if order.status in ENDED and order.role == OrderRole.EXIT:
        _release_dependents(order, now)
    _tell(order)
    if order.status not in UNSETTLED:
        settle(order.signal_id)
    return True


def say_of(order: Order, text: str) -> None:
    """What is known now of an order, for its owner: nothing else of it changes."""
    same = Order.objects.filter(pk=order.pk, version=order.version)
    if same.update(reason_text=text, version=order.version + 1):
        order.version, order.reason_text = order.version + 1, text
        _tell(order)


def _tell(order: Order) -> None:
    live.notify(
        order.owner_id,
        "order",
        order.pk,
        order.version,
        status=order.status,
        symbol=order.symbol,
        side=order.side,
        role=order.role,
        filled_quantity=plain(order.filled_quantity),
        reason=order.reason,
    )


def makes_way(order: Order) -> bool:
    """What waits for it may go out: it has filled, or found that nothing was left to do."""
    return order.status == OrderStatus.FILLED or order.reason == ALREADY_FLAT


def _release_dependents(order: Order, now: datetime) -> None:
    """An order that waited for this exit goes out when it filled or had nothing to do; or never.
    It waits on for the one that takes the exit's place."""
    heir = None if makes_way(order) else _heir(order)
    if heir is not None:
        Order.objects.filter(after=order, status=OrderStatus.QUEUED.value).update(after=heir)
        if heir.status not in ENDED:
            return
        order = heir
    for waiting in Order.objects.filter(after=order, status=OrderStatus.QUEUED.value):
        if makes_way(order):
            LaneItem.objects.create(
                account_id=order.account_id,
                kind=LaneItem.Kind.SEND,
                subject=waiting.pk,
                due_at=now,
                created_at=now,
            )
        else:
            text = f"The order it waited for was {order.status}, not filled."
            record_event(waiting, E.CANCEL, key="cancel", now=now, reason_text=text)


def _heir(order: Order) -> Order | None:
    """What takes its place and may make way, or has done so."""
    heirs = Order.objects.filter(replaces=order).order_by("-id")
    return next((each for each in heirs if each.status not in ENDED or makes_way(each)), None)


def record_report(account_id: str, order_id: str, report: OrderReport, *, now: datetime) -> Order:
    """What the venue says of an order, for a caller that doesn't hold the account's lane."""
    lock_account(account_id)
    return apply_report(account_id, order_id, report, now=now)


def apply_report(
    account_id: str,
    order_id: str,
    report: OrderReport,
    *,
    now: datetime,
    left_at: datetime | None = None,
) -> Order:
    """New fills first, then its status. The caller has the account's lock (a held lane is one).

    `left_at`: when the first request for it began; until now only its commit was known."""
    order = _ORDER.first(pk=order_id, account=account_id)
    if order is None:
        raise Order.DoesNotExist(order_id)
    # What only fills told of does not name the order; it keeps its number.
    venue: dict[str, Any] = {"venue_order_id": report.venue_order_id or order.venue_order_id}
    if report.closes_all:
        venue["closes_all"] = True
    was_wide, doubted = order.closes_all, order.status == OrderStatus.UNCONFIRMED
    if left_at is not None:
        venue["submitted_at"] = left_at
    for fill in report.fills:
        _record_fill(order, fill, venue, now)
    status = OrderStatus(order.status)
    if report.status in _LIVES and status in (OrderStatus.SENDING, OrderStatus.UNCONFIRMED):
        key = f"accept:{order.attempts}"
        record_event(order, E.ACCEPT, key=key, now=now, reason="", reason_text="", **venue)
    elif report.status is ReportStatus.FILLED and _is_all(order, report):
        record_event(order, E.FILL, key="filled", now=now, **venue)
    elif report.status in _ENDINGS and status not in ENDED:
        event = _ENDINGS[report.status]
        if event is E.REJECT and order.filled_quantity:
            event = E.CANCEL  # a part was taken, so only the rest was refused
        data = {"venue_code": report.code, "text": report.text}
        if report.filled_quantity > order.filled_quantity:
            data["filled"] = plain(report.filled_quantity)  # its fills come later
        reason = _why(order, event, report)
        record_event(order, event, key=event.value, now=now, data=data, **venue, **reason)
        _look_at_protection(order, now)
    _look_at_found(order, was_wide, doubted, now)
    return order


_ORDER = Prepared(
    lambda pk, account: Order.objects.filter(pk=pk, account_id=account), texts=["pk", "account"]
)
_FILLS = Prepared(
    lambda order, account, fill: (
        Fill.objects.filter(Q(order_id=order) | Q(account_id=account, venue_fill_id=fill))
        .order_by("id")
        .values_list("venue_fill_id", "quantity", "price")
    ),
    texts=["order", "account", "fill"],
)
_LIVES = (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED, ReportStatus.FILLED)
"""Even where its fills come later: the venue knows the order."""
_ENDINGS = {
    ReportStatus.CANCELED: E.CANCEL,
    ReportStatus.REJECTED: E.REJECT,
    ReportStatus.EXPIRED: E.EXPIRE,
}


def _why(order: Order, event: E, report: OrderReport) -> dict[str, Any]:
    """Where we asked for the cancel and said why, that is what counts. A doubt is over."""
    said = order.reason and not _no_doubt_left(order)
    if event is E.CANCEL and said and not report.found_flat:
        return {}
    text = " ".join(filter(None, (report.code, report.text)))[:300]
    return {"reason": _reason_of(event, report), "reason_text": text}


def _reason_of(event: E, report: OrderReport) -> str:
    if event is E.REJECT:
        return "VENUE_REJECTED"
    return ALREADY_FLAT if event is E.CANCEL and report.found_flat else ""


def _is_all(order: Order, report: OrderReport) -> bool:
    """The venue is done with less than we asked for: it had cut the order to what is held, or by
    what a linked order filled. Every fill of it is here."""
    return order.status not in ENDED and bool(
        order.filled_quantity and order.filled_quantity >= report.filled_quantity
    )


def _record_fill(order: Order, fill: FillReport, venue: dict[str, Any], now: datetime) -> None:
    known = _FILLS.rows(order=order.pk, account=order.account_id, fill=fill.venue_fill_id)
    if any(venue_fill_id == fill.venue_fill_id for venue_fill_id, _, _ in known):
        return
    earlier = [(quantity, price) for _, quantity, price in known]
    row = _write_fill(order, fill)
    fills = [*earlier, (fill.quantity, fill.price)]
    filled = sum((quantity for quantity, _ in fills), ZERO)
    record_event(
        order,
        E.FILL
        if filled >= order.quantity or order.status == OrderStatus.FILLED
        else E.PARTIAL_FILL,
        key=f"fill:{fill.venue_fill_id}",
        now=now,
        ours=True,  # the fill itself was new
        data={
            "quantity": plain(fill.quantity),
            "price": plain(fill.price),
            "at": iso(fill.at),
        },
        filled_quantity=filled,
        average_fill_price=average_fill_price(fills),
        **_no_doubt_left(order),
        **venue,
    )
    first = not earlier and not _goes_on(order)
    realized = move_position(order, fill, first=first, now=now)
    if realized:
        Fill.objects.filter(pk=row.pk).update(realized_pnl=realized)


def _goes_on(order: Order) -> bool:
    """It took the place of an order that had filled in part, so its first fill is no new trade."""
    while order.replaces is not None:
        order = order.replaces
        if order.filled_quantity:
            return True
    return False


def _no_doubt_left(order: Order) -> dict[str, str]:
    """What was said of an order in doubt is over once the venue has told of it."""
    if order.status in (OrderStatus.SENDING, OrderStatus.UNCONFIRMED):
        return {"reason": "", "reason_text": ""}
    return {}


def _write_fill(order: Order, fill: FillReport) -> Fill:
    return Fill.objects.create(
        owner_id=order.owner_id,
        account_id=order.account_id,
        order=order,
        strategy_id=order.strategy_id,
        symbol=order.symbol,
        side=fill.side.value,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        fee_value=fill.cost,
        kept=fill.kept,
        at=fill.at,
        venue_fill_id=fill.venue_fill_id,
    )


def deny_child(order: Order, *, now: datetime) -> None:
    """The venue denies to know a protective order that was handed to its owner. Its end frees no
    room, and while it lasts there is no other; should it be there all the same, it is ended there.
    Under the account's lock."""
    if order.role not in _CHILD_ROLES or order.reason != NEEDS_REVIEW:
        return
    text = "The venue says that it knows no such order. Its position gets another if it needs one."
    record_event(order, E.DENY, key="deny", now=now, reason="NOT_SENT", reason_text=text)
    _look_at(order, now)


def _look_at_found(order: Order, was_wide: bool, doubted: bool, now: datetime) -> None:
    """A protective order of which only now is known that it works, and may not fit any more, or
    that it closes all: who has entered while it was on its way would be closed too."""
    if order.link is None or order.status not in WORKING:
        return
    if doubted or (order.closes_all and not was_wide and shares_symbol(order)):
        _look_at(order, now)


def _look_at(child: Order, now: datetime) -> None:
    for position in Position.objects.filter(pk=child.link):
        queue_protection(position, now=now)


def _look_at_protection(order: Order, now: datetime) -> None:
    """A protective order that ended without filling leaves its position bare until it is mended;
    an entry that ended may have been what its stop was refused for."""
    if order.role not in (*_CHILD_ROLES, OrderRole.ENTRY):
        return
    position = find_position(order)
    if position is None or not position.is_open or not position.protection:
        return
    if order.role != OrderRole.ENTRY:
        set_protected(position, False, now=now)
    elif position.protected is not False:
        return
    # A refused child would be refused again at once; `orders.syncing` tries later.
    if order.status != OrderStatus.REJECTED:
        queue_protection(position, now=now)
