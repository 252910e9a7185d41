"""Signals, strategies and webhook tokens as their owner may see them, and a signal as JSON.

`signal_json` is the one record of what became of an alert: the API, the webhook's waiting answer
and the command line show it as it is. It reads what was recorded and works nothing out anew.
Secrets in the raw body are masked here and nowhere later.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Q, QuerySet, TextField, prefetch_related_objects
from django.db.models.functions import Cast

from accounts.models import User
from orders.lifecycle import OrderEventName
from orders.models import Decision, Order, OrderEvent
from signals.models import Signal, Strategy, Subscription, WebhookToken
from signals.parsing import mask_secrets
from tradehub.core.errors import NotFound
from tradehub.core.intent import iso
from tradehub.core.symbols import BadSymbol, parse_symbol

T = TypeVar("T")

_ALL = ("decisions", "orders__events")
_FILLS = (OrderEventName.PARTIAL_FILL.value, OrderEventName.FILL.value)


def signals_for(user: User) -> QuerySet[Signal]:
    """Newest first, with all that `signal_json` reads: four queries for a page of them."""
    return Signal.objects.filter(owner=user).prefetch_related(*_ALL).order_by("-id")


def signal_for(user: User, signal_id: str) -> Signal:
    """Raises NotFound, also for somebody else's."""
    return _or_not_found(signals_for(user).filter(pk=signal_id).first())


def signals_of_symbol(rows: QuerySet[Signal], symbol: str) -> QuerySet[Signal]:
    """Those with an intent for the symbol. As text, since a JSON path differs between databases;
    PostgreSQL writes a blank after the colon, the group commit doesn't."""
    try:
        name = parse_symbol(symbol).name
    except BadSymbol:
        return rows.none()
    return rows.alias(intents_text=Cast("intents", TextField())).filter(
        Q(intents_text__contains=f'"symbol":"{name}"')
        | Q(intents_text__contains=f'"symbol": "{name}"')
    )


def strategies_for(user: User) -> QuerySet[Strategy]:
    return Strategy.objects.filter(owner=user).order_by("-id")


def strategy_for(user: User, strategy_id: str) -> Strategy:
    """Raises NotFound, also for somebody else's."""
    return _or_not_found(strategies_for(user).filter(pk=strategy_id).first())


def webhook_tokens_for(user: User) -> QuerySet[WebhookToken]:
    """Those that are not revoked; expired ones stay visible."""
    return WebhookToken.objects.filter(owner=user, revoked_at__isnull=True).order_by("-id")


def subscriptions_for(user: User) -> QuerySet[Subscription]:
    return Subscription.objects.filter(strategy__owner=user).order_by("-id")


def webhooks_of(strategy_ids: Collection[str]) -> dict[str, WebhookToken]:
    """Each strategy's own webhook: its first bound token that is not revoked."""
    rows = WebhookToken.objects.filter(strategy_id__in=strategy_ids, revoked_at__isnull=True)
    return {str(each.strategy_id): each for each in rows.order_by("-id")}


def bound_token(strategy: Strategy) -> WebhookToken | None:
    return webhooks_of([strategy.pk]).get(strategy.pk)


def signal_json(signal: Signal) -> dict[str, Any]:
    """The Signal of the public contract."""
    prefetch_related_objects([signal], *_ALL)
    decisions = sorted(signal.decisions.all(), key=lambda each: each.pk)
    orders = sorted(signal.orders.all(), key=lambda each: each.pk)
    return {
        "id": signal.pk,
        "strategy": signal.strategy_id,
        "status": signal.status,
        "received_at": iso(signal.received_at),
        "source_ip": signal.source_ip,
        "raw": mask_secrets(bytes(signal.raw)),
        "dialect": signal.dialect,
        "intents": signal.intents,
        "error": signal.error,
        "deliveries": signal.deliveries,
        "decisions": [decision_json(each, orders) for each in decisions],
        "timeline": _timeline(signal, decisions, orders),
        "latency_ms": _latency(signal, decisions, orders),
    }


def decision_json(decision: Decision, orders: Iterable[Order]) -> dict[str, Any]:
    """`orders`, by age, may hold those of other decisions too. The entry or exit comes first."""
    own = [each for each in orders if each.decision_id == decision.pk]
    return {
        "account": decision.account_id,
        "outcome": decision.outcome,
        "reasons": decision.reasons,
        "checks": decision.checks,
        "sizing": decision.sizing,
        "orders": [each.pk for each in sorted(own, key=lambda each: each.parent_id is not None)],
        "rehearsal": decision.rehearsal,
    }


def _timeline(
    signal: Signal, decisions: Sequence[Decision], orders: Sequence[Order]
) -> list[dict[str, Any]]:
    """Oldest first; of two at one instant the one recorded first stays first."""
    moments: list[tuple[datetime, dict[str, Any]]] = [(signal.received_at, {"event": "received"})]
    if signal.ack_ms is not None:
        stored = signal.received_at + timedelta(milliseconds=signal.ack_ms)
        moments.append((stored, {"event": "stored"}))
    for each in decisions:
        said = {"event": "decided", "account": each.account_id, "outcome": each.outcome}
        moments.append((each.decided_at, said))
    for order in orders:
        moments.append((order.created_at, {"event": "order_queued", "order": order.pk}))
        moments.extend((each.at, _order_moment(order, each)) for each in order.events.all())
    moments.sort(key=lambda moment: moment[0])
    return [{"at": iso(at), **said} for at, said in moments]


def _order_moment(order: Order, event: OrderEvent) -> dict[str, Any]:
    return {"event": f"order_{event.status}", "order": order.pk}


def _latency(
    signal: Signal, decisions: Sequence[Decision], orders: Sequence[Order]
) -> dict[str, float | None]:
    sent = [each.submitted_at for each in orders if each.submitted_at is not None]
    filled = [event.at for each in orders for event in each.events.all() if event.event in _FILLS]
    return {
        "ack": None if signal.ack_ms is None else round(signal.ack_ms, 3),
        "decide": _first(signal.received_at, [each.decided_at for each in decisions]),
        "signal_to_order": _first(signal.received_at, sent),
        "first_fill": _first(signal.received_at, filled),
    }


def _first(start: datetime, times: Sequence[datetime]) -> float | None:
    """Milliseconds from `start` to the earliest; a figure, not money."""
    return round((min(times) - start) / timedelta(milliseconds=1), 3) if times else None


def _or_not_found(found: T | None) -> T:
    if found is None:
        raise NotFound
    return found
