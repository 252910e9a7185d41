"""The decision page's read model: what became of one alert, step by step, in milliseconds.

Everything shown is what was recorded when it happened (signal, decisions, order events); nothing is
worked out anew, so the page, the API and `explain` tell the same story.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from dashboard import wording
from dashboard.selectors import signal_for
from orders.lifecycle import UNSETTLED
from orders.models import Decision, Order, OrderEvent
from signals.models import Signal
from tradehub.core.words import Outcome, SignalStatus

_FILLS = ("partial_fill", "fill")


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    text: str
    detail: str = ""
    after_ms: float = 0.0
    """Since the request's last byte."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One field of the state strip. `state`: done, stopped, waiting or todo."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with its orders, in the order they were made."""

    decision: Decision
    failed: list[dict[str, object]]
    orders: list[Order]
    dry_run: bool
    """Nothing was sent; what would have been is in `rehearsed` and `spared`."""
    rehearsed: list[dict[str, Any]]
    spared: int
    """Working orders that would have been cancelled."""


@dataclass(frozen=True, slots=True)
class SignalPage:
    signal: Signal
    title: str
    stages: list[Stage]
    verdicts: list[Verdict]
    timeline: list[Moment]
    latency: list[tuple[str, float]]


def signal_page_for(user: User, signal_id: str) -> SignalPage:
    signal = signal_for(user, signal_id)
    decisions = list(
        Decision.objects.filter(signal=signal).select_related("account").order_by("id")
    )
    orders = list(
        Order.objects.filter(owner=user, signal=signal)
        .select_related("account")
        .prefetch_related("events")
        .order_by("id")
    )
    timeline = _timeline(signal, decisions, orders)
    return SignalPage(
        signal=signal,
        title=wording.describe_intents(signal.intents),
        stages=_stages(signal, decisions, orders),
        verdicts=[_verdict(each, orders) for each in decisions],
        timeline=timeline,
        latency=_latency(signal, decisions, orders),
    )


def _verdict(decision: Decision, orders: Sequence[Order]) -> Verdict:
    return Verdict(
        decision=decision,
        failed=[check for check in decision.checks if not check["passed"]],
        orders=[each for each in orders if each.account_id == decision.account_id],
        dry_run=decision.rehearsal is not None,
        rehearsed=(decision.rehearsal or {}).get("orders", []),
        spared=len((decision.rehearsal or {}).get("cancels", [])),
    )


# ---- timeline ----


def _timeline(
    signal: Signal, decisions: Sequence[Decision], orders: Sequence[Order]
) -> list[Moment]:
    start = signal.received_at
    moments = [Moment(start, "Alert received", _sender(signal))]
    if signal.ack_ms is not None:
        stored = start + timedelta(milliseconds=signal.ack_ms)
        moments.append(Moment(stored, "Stored for ever and answered"))
    for decision in decisions:
        word = wording.OUTCOME_TAGS[decision.outcome].word
        if decision.rehearsal is not None:
            word = f"Dry run: {word.lower()}"
        codes = ", ".join(reason["code"] for reason in decision.reasons)
        moments.append(Moment(decision.decided_at, f"{word} on {decision.account.label}", codes))
    for order in orders:
        moments.extend(_order_moment(order, event) for event in order.events.all())
    # The sort is stable: of two at one instant, the one recorded first stays first.
    return [
        Moment(each.at, each.text, each.detail, _between(start, each.at))
        for each in sorted(moments, key=lambda each: each.at)
    ]


def _sender(signal: Signal) -> str:
    parts = [signal.source_ip and f"from {signal.source_ip}"]
    if signal.token is not None:
        parts.append(f"webhook {signal.token.prefix}…{signal.token.last_four}")
    if signal.deliveries > 1:
        parts.append(f"{signal.deliveries} deliveries, executed once")
    return ", ".join(part for part in parts if part)


def _order_moment(order: Order, event: OrderEvent) -> Moment:
    words = wording.EVENT_WORDS.get(event.event, event.event.replace("_", " ").capitalize())
    what = f"{wording.ROLE_WORDS.get(order.role, order.role)}: {order.side} "
    return Moment(event.at, words, f"{what}{wording.quantity(order.quantity)} {order.symbol}")


def _between(start: datetime, end: datetime) -> float:
    return (end - start) / timedelta(milliseconds=1)


# ---- latency ----


def _latency(
    signal: Signal, decisions: Sequence[Decision], orders: Sequence[Order]
) -> list[tuple[str, float]]:
    start = signal.received_at
    sent = [each.submitted_at for each in orders if each.submitted_at is not None]
    filled = [event.at for each in orders for event in each.events.all() if event.event in _FILLS]
    found: list[tuple[str, float | None]] = [
        ("Acknowledged", signal.ack_ms),
        ("Decided", _first(start, [each.decided_at for each in decisions])),
        ("Order sent", _first(start, sent)),
        ("First fill", _first(start, filled)),
    ]
    return [(name, value) for name, value in found if value is not None]


def _first(start: datetime, times: Sequence[datetime]) -> float | None:
    return _between(start, min(times)) if times else None


# ---- state strip ----


def _stages(signal: Signal, decisions: Sequence[Decision], orders: Sequence[Order]) -> list[Stage]:
    received = Stage("Received", "done", _copies(signal))
    if signal.status == SignalStatus.INVALID:
        code = str((signal.error or {}).get("code", ""))
        return [received, Stage("Understood", "stopped", code), *_todo("Decided", "Sent", "Filled")]
    understood = Stage("Understood", "done", wording.describe_intents(signal.intents))
    decided = _decided(signal, decisions)
    if decided.state == "done" and not orders and _is_dry(decisions):
        unsent = Stage("Sent", "stopped", "dry run: nothing is sent")
        return [received, understood, decided, unsent, *_todo("Filled")]
    if decided.state != "done" or not orders:
        return [received, understood, decided, *_todo("Sent", "Filled")]
    return [received, understood, decided, _sent(orders), _filled(orders)]


def _copies(signal: Signal) -> str:
    return f"{signal.deliveries} copies, one signal" if signal.deliveries > 1 else "once"


def _todo(*names: str) -> list[Stage]:
    return [Stage(name, "todo") for name in names]


def _decided(signal: Signal, decisions: Sequence[Decision]) -> Stage:
    if signal.status == SignalStatus.FAILED:
        return Stage("Decided", "stopped", "INTERNAL_ERROR")
    if not decisions:
        if signal.status in (SignalStatus.PROCESSED, SignalStatus.STALE):
            return Stage("Decided", "stopped", "no account is subscribed")
        return Stage("Decided", "waiting", "in the account's lane")
    outcomes = {each.outcome for each in decisions}
    if Outcome.APPROVED in outcomes:
        return Stage("Decided", "done", "dry run: approved" if _is_dry(decisions) else "approved")
    if Outcome.AWAITING_APPROVAL in outcomes:
        return Stage("Decided", "waiting", "awaits your approval")
    codes = [reason["code"] for each in decisions for reason in each.reasons]
    return Stage("Decided", "stopped", codes[0] if codes else "nothing to do")


def _is_dry(decisions: Sequence[Decision]) -> bool:
    return all(each.rehearsal is not None for each in decisions)


def _entry_orders(orders: Sequence[Order]) -> list[Order]:
    """What the alert asked for; stops and targets follow later and would blur the picture."""
    return [each for each in orders if each.parent_id is None] or list(orders)


def _sent(orders: Sequence[Order]) -> Stage:
    asked = _entry_orders(orders)
    refused = [each for each in asked if each.status in ("denied", "rejected")]
    if refused and len(refused) == len(asked):
        return Stage("Sent", "stopped", refused[0].reason or refused[0].status)
    if any(each.status in UNSETTLED for each in asked):
        return Stage("Sent", "waiting", asked[0].status)
    return Stage("Sent", "done", f"{len(asked)} order{'s' if len(asked) > 1 else ''}")


def _filled(orders: Sequence[Order]) -> Stage:
    asked = _entry_orders(orders)
    if all(each.status == "filled" for each in asked):
        prices = [each.average_fill_price for each in asked if each.average_fill_price is not None]
        return Stage("Filled", "done", f"at {wording.price(prices[0])}" if prices else "")
    if any(each.status == "partially_filled" for each in asked):
        return Stage("Filled", "waiting", "in part")
    if any(each.status in ("canceled", "expired", "rejected", "denied") for each in asked):
        return Stage("Filled", "stopped", asked[0].status)
    return Stage("Filled", "waiting", "works at the venue")
