"""The decision: what one lane item's intents become on one account, and why.

`decide_item` runs inside one short transaction: it reads positions, working orders, limits and
trading states, asks the pure core (planning, sizing, risk rules), and writes the Decision and the
orders with their client order ids. What the venue says was read before, with no transaction open.
Nothing is sent here. Exits never meet a rule that could stop them (I7); only one that a newer
alert has overtaken does not close what that alert opened.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from brokers.models import BrokerAccount
from orders.book import Book, Working
from orders.drafts import OrderDraft, entry_draft, exit_draft, write_orders
from orders.facts import Facts, read_facts
from orders.market import Market
from orders.models import Decision, LaneItem, Order
from orders.planning import EntryLeg, Plan, plan_intent
from orders.proposal import Proposal, denial, propose_entry, wanted_quantity
from orders.sequence import key_of, write_sequence
from orders.terms import Terms, effective_intent
from risk.engine import evaluate_entry, exit_checks, failed
from risk.rules.timing import TOO_LATE, check_age, late_exit, out_of_order, passed
from risk.sizing import size_entry
from risk.types import Check, Sizing, Snapshot
from tradehub.core.intent import Intent
from tradehub.core.reasons import order_of
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
    decided: set[str] = field(default_factory=set)
    """Symbols for which older alerts come too late from now on (`orders.sequence`)."""

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

    @property
    def rehearsal(self) -> dict[str, Any]:
        return {"orders": [each.to_json() for each in self.drafts], "cancels": self.cancels}


def decide_item(
    item: LaneItem, account: BrokerAccount, market: Market, *, now: datetime
) -> tuple[Decision, list[Order]]:
    """Inside the caller's write transaction, under the lane's fence. The orders are queued, in
    the order in which they are to be sent."""
    terms = Terms.from_json(item.terms)
    intents = [effective_intent(Intent.from_json(each), terms) for each in item.intents]
    facts = read_facts(item, account, terms, intents, market, now=now)
    ruling = rule(intents, terms, facts, market)
    sends = terms.mode is SubscriptionMode.AUTO and not any(each.dry_run for each in intents)
    decision = write_decision(
        item,
        account,
        ruling,
        market,
        now=now,
        cancels=ruling.cancels if sends else [],
        rehearsal=None if sends else ruling.rehearsal,
        sent_at=facts.sequence.sent_at,
    )
    if sends or terms.mode is not SubscriptionMode.AUTO:
        # One alert that only rehearses makes none of the others come too late.
        write_sequence(facts.sequence, account, terms, ruling.decided)
    orders = write_orders(ruling.drafts, decision, item, terms, now=now) if sends else []
    return decision, orders


def write_decision(
    item: LaneItem,
    account: BrokerAccount,
    ruling: Ruling,
    market: Market,
    *,
    now: datetime,
    **more: Any,
) -> Decision:
    """What was found, as it stands from now on, counted and told."""
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
        decided_at=now,
        **more,
    )
    transaction.on_commit(partial(_count, decision))
    live.notify(account.owner_id, "decision", decision.pk, 1, outcome=decision.outcome)
    return decision


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
        drafts, denials = len(ruling.drafts), len(ruling.denials)
        _follow(plan, intent, terms, facts, market, ruling)
        in_vain = len(ruling.drafts) == drafts
        if not (in_vain and any(each.code in TOO_LATE for each in ruling.denials[denials:])):
            ruling.decided.add(key_of(intent))
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
    overtaken = _overtaken(intent.symbol, facts)
    if overtaken is not None:
        _deny(ruling, overtaken)
        return
    if plan.nothing is not None:
        ruling.nothing.append(denial(plan.nothing))
        return
    late = _lateness(intent, facts)
    if plan.denied is not None:
        _deny(ruling, denial(plan.denied), *(late if intent.verb is Verb.ADD else ()))
        return
    if plan.entry is None:
        ruling.checks.extend(late_exit(check) for check in late)
    # An entry that comes too late does nothing at all: it makes no room for itself either.
    does_nothing = bool(late) and plan.exit is None and plan.entry is not None
    cancelled = [] if does_nothing else _cancel(plan, intent.symbol, terms, facts.book)
    exit_order = None
    if plan.exit is not None:
        exit_order = exit_draft(plan.exit, intent, market)
        ruling.drafts.append(exit_order)
        ruling.checks.extend(exit_checks(_states(facts, intent, terms, plan.exit.side, market)))
        facts.exit(intent.symbol, terms.strategy, exit_order.quantity, market)
    if plan.entry is not None:
        judge_entry(plan.entry, exit_order, intent, terms, facts, market, ruling)
    ruling.cancels.extend(cancelled)


def _overtaken(symbol: str, facts: Facts) -> Check | None:
    """A newer alert was executed: neither may this one close what that opened, nor cancel it."""
    if symbol in facts.entered:
        return passed(symbol, facts.received_at, facts.entered[symbol])
    newer_at, sent_at = facts.sequence.newer_at(symbol), facts.sequence.sent_at
    if newer_at is None or sent_at is None or symbol not in facts.sequence.executed:
        return None
    return out_of_order(symbol, sent_at, newer_at, what="executed")


def _lateness(intent: Intent, facts: Facts) -> list[Check]:
    """The failed checks of an alert that comes too late, or after a newer one."""
    assert intent.symbol is not None
    limits = (facts.limits.max_signal_age_seconds, intent.max_age_seconds)
    age = check_age(intent.aged_from(facts.received_at), facts.now, limits)
    late = [] if age is None or age.passed else [age]
    newer_at, sent_at = facts.sequence.newer_at(intent.symbol), facts.sequence.sent_at
    if newer_at is not None and sent_at is not None:
        late.append(out_of_order(intent.symbol, sent_at, newer_at))
    return late


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


def judge_entry(
    leg: EntryLeg,
    exit_order: OrderDraft | None,
    intent: Intent,
    terms: Terms,
    facts: Facts,
    market: Market,
    ruling: Ruling,
) -> None:
    """Every rule and limit, and the size: adds the draft to the ruling, or why there is none."""
    proposal: Proposal = propose_entry(leg, intent, terms, facts, market)
    if proposal.refusal is not None:
        # The other rules need numbers that may be missing; its age does not.
        _deny(ruling, proposal.refusal, *_lateness(intent, facts))
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


def _deny(ruling: Ruling, *checks: Check) -> None:
    ruling.checks.extend(checks)
    ruling.denials.extend(checks)


def _count(decision: Decision) -> None:
    """After the commit, for what was rolled back was not decided."""
    metrics.decisions.labels(decision.outcome).inc()
    for reason in decision.reasons:
        metrics.denials.labels(reason["code"]).inc()
