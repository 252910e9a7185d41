"""The decision page as plain text, for a terminal: the same record in the same order.

No look at the database: all is in the page's read model. Numbers are shown as recorded, since a
terminal is where digits are compared.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dashboard import wording
from dashboard.decisions import SignalPage, Verdict
from orders.models import Order
from signals.models import Signal
from signals.parsing import mask_secrets
from tradehub.core.words import Outcome

NONE = "-"


def explain(page: SignalPage) -> list[str]:
    """Lines; nothing in them is a secret."""
    return [
        *_head(page),
        *_intents(page.signal),
        *_verdicts(page),
        *_timeline(page),
        *_latency(page),
    ]


def _head(page: SignalPage) -> Iterator[str]:
    signal = page.signal
    tag = wording.SIGNAL_TAGS[signal.status]
    yield f"{page.title}"
    yield f"  signal      {signal.pk}"
    yield f"  status      {signal.status}: {tag.title}"
    yield f"  strategy    {signal.strategy.name if signal.strategy else NONE}"
    received = signal.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield f"  received    {received} from {signal.source_ip or NONE}, {_copies(signal)}"
    if signal.error:
        yield f"  error       {signal.error.get('code')}: {signal.error.get('detail')}"
        for each in signal.error.get("errors") or []:
            yield f"              {each.get('pointer') or '/'}: {each.get('detail')}"


def _copies(signal: Signal) -> str:
    return "1 delivery" if signal.deliveries == 1 else f"{signal.deliveries} deliveries"


def _intents(signal: Signal) -> Iterator[str]:
    yield ""
    yield f"What arrived ({signal.dialect or 'not understood'})"
    yield from (f"  {line}" for line in mask_secrets(bytes(signal.raw)).splitlines())
    yield ""
    yield "What it asks for"
    for number, intent in enumerate(signal.intents, 1):
        yield f"  {number}. {wording.describe_intent(intent)}"
        for name, value in intent.items():
            if name not in ("verb", "side", "symbol") and value not in (None, "", [], {}):
                yield f"     {name}: {_said(value)}"
    if not signal.intents:
        yield "  Nothing could be read from it."


def _verdicts(page: SignalPage) -> Iterator[str]:
    for verdict in page.verdicts:
        decision = verdict.decision
        yield ""
        account = decision.account
        dry = " (dry run: nothing is sent)" if verdict.dry_run else ""
        yield f"{account.label} ({account.environment}, {account.pk}): {decision.outcome}{dry}"
        for reason in decision.reasons:
            yield f"  because     {reason['code']}: {reason['message']}"
        yield from _checks(verdict)
        yield from _sizing(decision.sizing)
        for order in verdict.orders:
            yield from _order(order, page)
        for draft in verdict.rehearsed:
            yield f"  would send  {_draft(draft)}"
        if verdict.spared:
            yield f"  would cancel {verdict.spared} working orders"
    if not page.verdicts:
        yield ""
        yield "No account has decided."


def _checks(verdict: Verdict) -> Iterator[str]:
    checks = verdict.decision.checks
    if not checks:
        idle = verdict.decision.outcome == Outcome.NOTHING_TO_DO
        yield (
            "  No rule was asked: there is nothing to do."
            if idle
            else "  No entry rule was asked: risk never blocks an exit."
        )
        return
    noun = "check" if len(checks) == 1 else "checks"
    yield f"  {len(checks)} {noun}, {len(verdict.failed)} failed"
    width = max(len(check["code"]) for check in checks)
    for check in checks:
        mark = "pass" if check["passed"] else "FAIL"
        numbers = f"measured {_number(check['measured'])}, limit {_number(check['limit'])}"
        yield f"    {mark}  {check['code']:<{width}}  {numbers}"
        if check["message"]:
            yield f"          {check['message']}"


def _sizing(sizing: Mapping[str, Any] | None) -> Iterator[str]:
    if not sizing:
        return
    facts = ("quantity", "notional", "risk_amount", "risk_percent", "risk_reward")
    known = [f"{name} {sizing[name]}" for name in facts if sizing.get(name) is not None]
    yield f"  Size by {sizing['method']}: {', '.join(known)}"
    for number, step in enumerate(sizing.get("steps") or [], 1):
        value = f"  {step['value']}" if step.get("value") else ""
        yield f"    {number}. {step['label']}{value}"


def _draft(draft: Mapping[str, Any]) -> str:
    price = draft["limit_price"] or draft["stop_price"]
    at = f" at {price}" if price else ""
    return f"{draft['side']} {draft['quantity']} {draft['symbol']}, {draft['order_type']}{at}"


def _order(order: Order, page: SignalPage) -> Iterator[str]:
    price = order.limit_price if order.limit_price is not None else order.stop_price
    at = "" if price is None else f" at {wording.price(price)}"
    role = wording.ROLE_WORDS.get(order.role, order.role)
    yield (
        f"  {role} {order.pk}: {order.side} {wording.quantity(order.quantity)} {order.symbol}, "
        f"{order.order_type}{at}, {order.status}"
    )
    if order.average_fill_price is not None:
        filled = f"{wording.quantity(order.filled_quantity)} filled"
        yield f"    {filled} at {wording.price(order.average_fill_price)}"
    if order.reason:
        yield f"    {order.reason}: {order.reason_text}"
    start = page.signal.received_at
    for event in order.events.all():
        after = (event.at - start).total_seconds() * 1000
        words = wording.EVENT_WORDS.get(event.event, event.event)
        yield f"    {_after(after):>14}  {words} ({event.status})"


def _timeline(page: SignalPage) -> Iterator[str]:
    yield ""
    yield "Timeline, from the last byte of the request"
    for each in page.timeline:
        detail = f": {each.detail}" if each.detail else ""
        yield f"  {_after(each.after_ms):>14}  {each.text}{detail}"


def _latency(page: SignalPage) -> Iterator[str]:
    if page.latency:
        yield ""
        yield "Latency"
    for name, value in page.latency:
        yield f"  {_after(value):>14}  {name}"


def _after(milliseconds: float) -> str:
    return f"{milliseconds:,.1f} ms"


def _number(text: str | None) -> str:
    return NONE if text in (None, "") else str(text)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_said(item)}" for name, item in value.items() if item is not None
        )
    if isinstance(value, list):
        return "; ".join(_said(item) for item in value)
    return str(value)
