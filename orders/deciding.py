"""The decision: what one lane item's intents become on one account, and why.

`decide_item` runs inside one short transaction: it reads positions, working orders, limits and
trading states, asks the pure core (planning, sizing, risk rules), and writes the Decision and the
orders with their client order ids. What the venue says was read before, with no transaction open.
Nothing is sent here. Exits never meet a rule that could stop them (I7).
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.models import BrokerAccount
from orders.book import Book, Working
from orders.drafts import OrderDraft, entry_draft, exit_draft, write_orders
from orders.facts import Facts, read_facts
from orders.market import Market
from orders.models import Decision, LaneItem, Order
from orders.planning import EntryLeg, Plan, plan_intent
from orders.proposal import Proposal, propose_entry, wanted_quantity
from orders.terms import Terms, effective_intent
from risk.engine import evaluate_entry, exit_checks, failed
from risk.sizing import size_entry
from risk.types import Check, Sizing, Snapshot
from tradehub.core.intent import Intent
from tradehub.core.reasons import REASONS, order_of
from tradehub.core.words import OrderSide, OrderStatus, Outcome, SubscriptionMode, Verb
from tradehub.lib import live, metrics


@dataclass
class Ruling:
    """What is found as the intents are gone through, one after the other."""

    drafts: list[OrderDraft] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    denials: list[Check] = field(default_factory=list)
    nothing: list[Check] = field(default_factory=list)
    sizing: Sizing | None = None

    @property
    def outcome(self) -> Outcome:
        if self.drafts or self.cancels:
            return Outcome.APPROVED
        if self.denials:
            return Outcome.DENIED
        return Outcome.NOTHING_TO_DO

    @property
    def reasons(self) -> list[dict[str, Any]]:
        found = {check.code: check for check in [*self.denials, *self.nothing]}
        return [found[code].reason_json() for code in sorted(found, key=order_of)]


def decide_item(
    item: LaneItem, account: BrokerAccount, market: Market, *, now: datetime
) -> tuple[Decision, list[Order]]:
    """Inside the caller's write transaction, under the lane's fence. The orders are queued, in
    the order in which they are to be sent."""
    terms = Terms.from_json(item.terms)
    intents = [effective_intent(Intent.from_json(each), terms) for each in item.intents]
    facts = read_facts(item, account, terms, market, now=now)
    ruling = rule(intents, terms, facts, market)
    sends = terms.mode is SubscriptionMode.AUTO and not any(each.dry_run for each in intents)
    decision = Decision.objects.create(
        owner_id=account.owner_id,
        account=account,
        item=item,
        signal_id=item.signal_id,
        outcome=ruling.outcome.value,
        reasons=ruling.reasons,
        checks=[check.to_json() for check in ruling.checks],
        sizing=None if ruling.sizing is None else ruling.sizing.to_json(),
        quote=market.quotes_json(),
        cancels=ruling.cancels if sends else [],
        decided_at=now,
    )
    orders = write_orders(ruling.drafts, decision, item, terms, now=now) if sends else []
    _count(decision)
    live.notify(account.owner_id, "decision", decision.pk, 1, outcome=decision.outcome)
    return decision, orders


def rule(intents: list[Intent], terms: Terms, facts: Facts, market: Market) -> Ruling:
    """Go through the intents in order; each sees the book as the ones before leave it."""
    ruling = Ruling()
    for intent in _expanded(intents, terms, facts.book):
        mismatch = _mismatch(intent, terms)
        if mismatch is not None:
            _deny(ruling, mismatch)
            continue
        assert intent.symbol is not None
        standing = facts.book.standing(intent.symbol, terms.strategy)
        wanted = wanted_quantity(intent, terms, facts, market)
        plan = plan_intent(intent, terms, standing, wanted)
        _follow(plan, intent, terms, facts, market, ruling)
    return ruling


def _expanded(intents: list[Intent], terms: Terms, book: Book) -> list[Intent]:
    """`close_all` and `cancel_all` speak of every symbol that the strategy has something in."""
    expanded = []
    for intent in intents:
        if intent.verb not in (Verb.CLOSE_ALL, Verb.CANCEL_ALL):
            expanded.append(intent)
            continue
        symbols = book.symbols_held(terms.strategy) or [intent.symbol or "ALL"]
        expanded.extend(intent.for_symbol(symbol) for symbol in symbols)
    return expanded


def _mismatch(intent: Intent, terms: Terms) -> Check | None:
    if not terms.match or (intent.strategy or "").strip() == terms.match.strip():
        return None
    named = f"“{intent.strategy}”" if intent.strategy else "no strategy"
    message = f"The alert names {named}; this strategy takes only alerts for “{terms.match}”."
    return Check("STRATEGY_MISMATCH", False, None, None, message)


def _follow(
    plan: Plan, intent: Intent, terms: Terms, facts: Facts, market: Market, ruling: Ruling
) -> None:
    assert intent.symbol is not None
    if plan.nothing is not None:
        ruling.nothing.append(_plain(plan.nothing))
        return
    if plan.denied is not None:
        _deny(ruling, _plain(plan.denied))
        return
    cancelled = _cancel(plan, intent.symbol, terms, facts.book)
    exit_order = None
    if plan.exit is not None:
        exit_order = exit_draft(plan.exit, intent, market)
        ruling.drafts.append(exit_order)
        ruling.checks.extend(exit_checks(_states(facts, intent, terms, plan.exit.side, market)))
        facts.exit(intent.symbol, terms.strategy, exit_order.quantity, market)
    if plan.entry is not None:
        _enter(plan.entry, exit_order, intent, terms, facts, market, ruling)
    ruling.cancels.extend(cancelled)


def _states(
    facts: Facts, intent: Intent, terms: Terms, side: OrderSide, market: Market
) -> Snapshot:
    assert intent.symbol is not None
    return facts.snapshot(intent.symbol, terms.strategy, side, market)


def _cancel(plan: Plan, symbol: str, terms: Terms, book: Book) -> list[str]:
    """Ids of this symbol's and strategy's working orders that the plan cancels."""
    ids = [
        each.id
        for each in book.working
        if each.kind in plan.cancel and (each.symbol, each.strategy) == (symbol, terms.strategy)
    ]
    book.cancel(set(ids))
    return ids


def _enter(
    leg: EntryLeg,
    exit_order: OrderDraft | None,
    intent: Intent,
    terms: Terms,
    facts: Facts,
    market: Market,
    ruling: Ruling,
) -> None:
    proposal: Proposal = propose_entry(leg, intent, terms, facts, market)
    if proposal.refusal is not None:
        _deny(ruling, _plain(proposal.refusal))
        return
    sizing = size_entry(proposal.sizing_request)
    ruling.sizing = sizing
    entry = proposal.with_sizing(sizing)
    checks = evaluate_entry(entry, proposal.snapshot, facts.limits, facts.strategy_terms)
    ruling.checks.extend(checks)
    denials = failed(checks)
    if denials:
        for check in denials:
            ruling.denials.append(check)
        return
    assert entry.quantity is not None
    draft = entry_draft(leg, entry.quantity, intent, terms, market, after=exit_order)
    ruling.drafts.append(draft)
    facts.book.working.append(_as_working(draft, entry.price, terms))
    facts.trades_today += 1


def _as_working(draft: OrderDraft, price: Decimal | None, terms: Terms) -> Working:
    return Working(
        id="",
        symbol=draft.symbol,
        strategy=terms.strategy,
        side=draft.side,
        role=draft.role,
        remaining=draft.quantity,
        price=price,
        status=OrderStatus.QUEUED,
    )


def _plain(code: str) -> Check:
    return Check(code, False, None, None, REASONS[code].meaning)


def _deny(ruling: Ruling, check: Check) -> None:
    ruling.checks.append(check)
    ruling.denials.append(check)


def _count(decision: Decision) -> None:
    metrics.decisions.labels(decision.outcome).inc()
    for reason in decision.reasons:
        metrics.denials.labels(reason["code"]).inc()
