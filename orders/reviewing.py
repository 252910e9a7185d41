"""Review: what the owner says of an order whose outcome nobody could prove.

Only for an order in doubt that was handed to its owner (`orders.unconfirmed`). Either answer asks
the venue first, with no transaction open, and what it tells counts more than what the owner says.
An order that the owner finds there by the venue's own number may have been adopted as somebody
else's meanwhile: that row gives way with its fills, so that no fill counts twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError
from django.db.models import Q, QuerySet

from accounts import audit
from accounts.models import User
from brokers.base import Broker
from brokers.registry import connect
from brokers.types import FillReport, OrderReport
from orders.doorbell import ring_on_commit
from orders.lifecycle import NEEDS_REVIEW, OrderEventName
from orders.market import name_of
from orders.models import Fill, Order, Position
from orders.positions import move_position
from orders.reconciliation import with_fills
from orders.recording import apply_report, lock_account, record_event, record_report
from orders.unconfirmed import DOUBT_FOR, LISTED_SINCE, find_at_venue
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.money import ZERO, plain
from tradehub.core.words import OrderRole, OrderSide, OrderSource, OrderStatus
from tradehub.lib.db import in_write_transaction

T = TypeVar("T")
log = structlog.get_logger(__name__)

_NUMBER = "/venue_order_id"


def reviews_for(user: User) -> QuerySet[Order]:
    """Orders that wait for their owner's answer; oldest first."""
    doubted = Order.objects.filter(owner=user, status=OrderStatus.UNCONFIRMED.value)
    return doubted.filter(reason=NEEDS_REVIEW).select_related("account").order_by("id")


def say_not_placed(*, order: Order, actor: User, now: datetime, ip: str = "") -> Order:
    """The owner looked: it is not at the venue. It ends as denied, and entries pass again.

    Talks to the venue. Raises Conflict if the order needs no review, if the venue can't be asked,
    and if it does know the order, which is adopted then."""
    _require_review(order)
    broker = connect(order.account, now=lambda: now)
    settle = _ask(lambda: timedelta(seconds=broker.capabilities().settle_seconds))
    if now - order.updated_at < max(DOUBT_FOR, settle):
        text = "It was sent only now, and the venue may still be about to list it."
        raise Conflict(f"{text} Look again in some seconds.")
    found = _ask(lambda: _look(broker, order))
    if found is not None:
        in_write_transaction(lambda: record_report(order.account_id, order.pk, found, now=now))
        raise Conflict(
            f"The venue does know the order, under its number {found.venue_order_id}: it was "
            f"taken over as it is there, and needs no answer any more."
        )

    def deny() -> Order:
        lock_account(order.account_id)
        fresh = _fresh(order)
        who, when = actor.username, f"{now:%Y-%m-%d %H:%M:%S} UTC"
        record_event(
            fresh,
            OrderEventName.DENY,
            key="deny",
            now=now,
            data={"said_by": who},
            reason=NEEDS_REVIEW,
            reason_text=f"{who} looked at the venue at {when} and said that it is not there.",
        )
        _note(fresh, {"placed": False}, actor, now, ip)
        return fresh

    return in_write_transaction(deny)


def say_placed(
    *, order: Order, venue_order_id: str, actor: User, now: datetime, ip: str = ""
) -> Order:
    """The owner found it at the venue, under this number there: it is adopted as it is.

    Talks to the venue. Raises BadInput if the venue lists no such order or it is another one, and
    Conflict if the order needs no review, or that number is another order's here."""
    _require_review(order)
    number = venue_order_id.strip()
    if not number:
        text = "Say under which number the venue lists it."
        raise BadInput(text, code="MISSING_FIELD", pointer=_NUMBER)
    broker = connect(order.account, now=lambda: now)
    report = _ask(lambda: _listed(broker, order, number))
    if report is None:
        raise BadInput(
            f"The venue lists no order {number}, neither an open one nor one that ended since "
            f"{_listed_since(order):%Y-%m-%d %H:%M} UTC. Check the number; nothing was changed.",
            pointer=_NUMBER,
        )
    _require_same(order, report)

    def adopt() -> Order:
        lock_account(order.account_id)
        fresh = _fresh(order)
        gone = _others(fresh, report)
        fills = [fill for other in gone for fill in _give_way(other, now)]
        # The doubt is over, and its sentence with it.
        Order.objects.filter(pk=fresh.pk).update(reason_text="")
        whole = with_fills(report, fills)
        adopted = apply_report(fresh.account_id, fresh.pk, whole, now=now)
        said = {"placed": True, "venue_order_id": number, "external": [each.pk for each in gone]}
        _note(adopted, said, actor, now, ip)
        return adopted

    return in_write_transaction(adopt)


def _require_review(order: Order) -> None:
    if order.status == OrderStatus.UNCONFIRMED and order.reason == NEEDS_REVIEW:
        return
    if order.status in (OrderStatus.SENDING, OrderStatus.UNCONFIRMED):
        text = (
            "TradeHub is still asking the venue about the order: its outcome needs no answer yet."
        )
    else:
        text = f"The order is {order.status}: its outcome is known and needs no answer."
    raise Conflict(text)


def _fresh(order: Order) -> Order:
    """As it is now, under the account's lock: a poll may have found it meanwhile."""
    fresh = Order.objects.get(pk=order.pk)
    _require_review(fresh)
    return fresh


def _ask(question: Callable[[], T]) -> T:
    try:
        return question()
    except DatabaseError:
        raise  # ours
    except Exception as error:  # whatever broke, nothing is proven
        log.warning("review_unanswered", error=name_of(error))
        raise Conflict(
            f"The venue could not be asked now ({name_of(error)}), so nothing was changed. "
            f"Try again when it answers."
        ) from error


def _look(broker: Broker, order: Order) -> OrderReport | None:
    """Once more, as thoroughly as it can be asked. Where the venue has no name for the order, its
    owner's word is all there is."""
    if not broker.capabilities().name_of(order.client_order_id, order.venue_order_id):
        return None
    return find_at_venue(broker, order, thorough=True)


# ---- the order that the owner names ----


def _listed_since(order: Order) -> datetime:
    return (order.submitted_at or order.created_at) - LISTED_SINCE


def _listed(broker: Broker, order: Order, number: str) -> OrderReport | None:
    """The venue's order of that number, with every fill that is told anywhere."""
    since = _listed_since(order)
    # Open ones first: one that ends in between is in the second list.
    for report in (*broker.open_orders(), *broker.closed_orders(since)):
        if report.venue_order_id != number:
            continue
        if _sum(report.fills) >= report.filled_quantity:
            return report
        told = (each for each in broker.fills(since) if each.venue_order_id == number)
        return with_fills(report, told)
    return None


def _require_same(order: Order, report: OrderReport) -> None:
    number = report.venue_order_id
    if report.client_order_id not in ("", order.client_order_id):
        raise BadInput(
            f"The venue's order {number} was placed under the id {report.client_order_id}, and "
            f"this one was sent under {order.client_order_id}: it is another order.",
            pointer=_NUMBER,
        )
    ours = (order.symbol, order.side, plain(order.quantity))
    theirs = (report.symbol, report.side.value, plain(report.quantity))
    for what, mine, there in zip(("symbol", "side", "quantity"), ours, theirs, strict=True):
        if mine != there:
            raise BadInput(
                f"The venue's order {number} does not fit: its {what} is {there}, and this "
                f"order's is {mine}. Check the number; nothing was changed.",
                pointer=_NUMBER,
            )


# ---- who has it in our books already ----


def _others(order: Order, report: OrderReport) -> list[Order]:
    """Orders here that are that one at the venue, or hold a fill of it."""
    number = report.venue_order_id
    told = [each.venue_fill_id for each in report.fills]
    holders = Fill.objects.filter(account_id=order.account_id, venue_fill_id__in=told)
    same = Q(venue_order_id=number) | Q(pk__in=list(holders.values_list("order_id", flat=True)))
    rows = Order.objects.filter(same, account_id=order.account_id).exclude(pk=order.pk)
    return list(rows.order_by("id"))


def _give_way(other: Order, now: datetime) -> list[FillReport]:
    """The row of somebody else's order goes, as if it had never been adopted; its fills."""
    if other.source != OrderSource.EXTERNAL:
        raise Conflict(
            f"That number at the venue is another order of yours, {other.pk} ({other.side} "
            f"{plain(other.quantity)} {other.symbol}, {other.status}). Nothing was changed."
        )
    fills = [_report_of(each, other) for each in other.fills.order_by("id")]
    if fills:
        _require_nobodys(other, _sum(fills))
    for fill in fills:
        side = OrderSide.SELL if fill.side is OrderSide.BUY else OrderSide.BUY
        undo = replace(fill, side=side, kept=-fill.kept, fee_value=-fill.cost)
        move_position(other, undo, first=False, now=now)
    number = other.pk
    other.delete()
    other.pk = number  # for whoever names it
    log.info("external_order_gave_way", order=number, account=other.account_id)
    return fills


def _require_nobodys(other: Order, taken: Decimal) -> None:
    """What its fills made is still there, and no strategy's: only then can it be given over."""
    held = Position.objects.filter(
        account_id=other.account_id, symbol=other.symbol, strategy__isnull=True, is_open=True
    ).first()
    mine = ZERO if held is None else held.quantity * OrderSide(other.side).sign
    if other.role == OrderRole.ENTRY and mine >= taken:
        return
    raise Conflict(
        f"TradeHub has found that order by itself and booked it as {other.pk}, with its fills, "
        f"which closed what was held, or were closed since. So they can't be given to this order "
        f"without counting them twice. Say that this one is not there: it ends, and the books "
        f"stay as they are."
    )


def _report_of(fill: Fill, order: Order) -> FillReport:
    return FillReport(
        fill.venue_fill_id,
        order.client_order_id,
        fill.symbol,
        OrderSide(fill.side),
        fill.quantity,
        fill.price,
        fill.fee,
        fill.fee_currency,
        fill.at,
        kept=fill.kept,
        fee_value=fill.fee_value,
    )


def _sum(fills: Iterable[FillReport]) -> Decimal:
    return sum((each.quantity for each in fills), ZERO)


def _note(order: Order, said: dict[str, Any], actor: User, now: datetime, ip: str) -> None:
    audit.record(
        owner=order.owner,
        actor=actor,
        action="order.reviewed",
        target=order,
        data={"symbol": order.symbol, "status": order.status, **said},
        now=now,
        ip=ip,
    )
    ring_on_commit([order.account_id])
