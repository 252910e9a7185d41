"""What a lane does while an order is in doubt, or an item waits for its time: all that can't depend
on what becomes of it.

An entry waits, for it needs the facts of the whole account; so does all of the order's own symbol,
and whatever would overtake an older item of the same symbol. Stops, cancels and exits of the
other symbols go on: no time that a venue takes to answer may keep a position from being closed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from orders.lanes import is_due
from orders.lifecycle import WORKING
from orders.models import LaneItem, Order, Position
from orders.terms import UNREADABLE, Terms, mapped_symbol
from orders.unconfirmed import doubted_symbols
from tradehub.core.intent import Intent
from tradehub.core.words import OrderRole, Verb

_GUARDS = (LaneItem.Kind.PROTECT, LaneItem.Kind.CANCEL)
_NEVER_ENTERS = (Verb.EXIT, Verb.REDUCE, Verb.CANCEL, Verb.CLOSE_ALL, Verb.CANCEL_ALL)
_OF_ALL_SYMBOLS = (Verb.CLOSE_ALL, Verb.CANCEL_ALL)


@dataclass(frozen=True, slots=True)
class Job:
    """An item of the lane, as far as it matters here."""

    item: LaneItem
    symbols: frozenset[str] | None
    """That it may touch; None: nobody knows."""
    goes_on: bool
    """It opens nothing."""
    in_order: bool = True
    """False: it depends on no other item, and passes all."""
    overtakes_all: bool = False
    """It speaks of every symbol, so of those too that older items may open."""
    due: bool = True
    """False: it waits for its time, and what follows of its symbols waits for it."""


def sort_waiting(
    account_id: str, *, now: datetime, trades: bool
) -> tuple[list[LaneItem], list[LaneItem]]:
    """What of the lane is due: the items that go on, in their order, and those that wait.

    `trades`: the account is reconciled. If not, nothing goes on but what guards."""
    queued = LaneItem.objects.filter(
        account_id=account_id, status=LaneItem.Status.QUEUED.value
    ).order_by("id")
    go_on, wait = split(_jobs(account_id, list(queued), now), doubted_symbols(account_id))
    if not trades:
        wait += [each for each in go_on if each.kind not in _GUARDS]
        go_on = [each for each in go_on if each.kind in _GUARDS]
    due = [each for each in go_on if is_due(each, now)]
    return due, [each for each in wait if is_due(each, now)]


def split(jobs: Iterable[Job], doubted: frozenset[str]) -> tuple[list[LaneItem], list[LaneItem]]:
    """Those that go on, the guards first, and those that wait. `jobs` in the lane's order."""
    guards: list[LaneItem] = []
    others: list[LaneItem] = []
    wait: list[LaneItem] = []
    blocked: frozenset[str] | None = doubted
    for job in jobs:
        if not job.in_order:
            (guards if _is_free(job, doubted) else wait).append(job.item)
        elif job.due and _is_free(job, blocked) and (blocked == doubted or not job.overtakes_all):
            others.append(job.item)
        else:
            wait.append(job.item)
            blocked = _blocked_by(job, blocked)
    return [*guards, *others], wait


def _is_free(job: Job, blocked: frozenset[str] | None) -> bool:
    """`blocked` None: all symbols are."""
    if job.symbols is None or blocked is None:
        return False
    return job.goes_on and not job.symbols & blocked


def _blocked_by(job: Job, blocked: frozenset[str] | None) -> frozenset[str] | None:
    """What later items may not touch, once this one waits."""
    if job.symbols is None or job.overtakes_all or blocked is None:
        return None
    return blocked | job.symbols


def _jobs(account_id: str, items: list[LaneItem], now: datetime) -> list[Job]:
    subjects = {each.subject for each in items if each.subject}
    orders = Order.objects.filter(account_id=account_id, pk__in=subjects)
    positions = Position.objects.filter(account_id=account_id, pk__in=subjects)
    symbol_of = dict(positions.values_list("pk", "symbol"))
    roles = dict(orders.values_list("pk", "role"))
    symbol_of |= dict(orders.values_list("pk", "symbol"))
    jobs = (_job(each, symbol_of, roles) for each in items)
    return [replace(each, due=is_due(each.item, now)) for each in jobs]


def _job(item: LaneItem, symbol_of: Mapping[str, str], roles: Mapping[str, str]) -> Job:
    kind = LaneItem.Kind(item.kind)
    if kind is LaneItem.Kind.DECIDE:
        return _decision(item)
    known = symbol_of.get(item.subject)
    symbols = None if known is None else frozenset({known})
    if kind in _GUARDS:
        return Job(item, symbols, goes_on=True, in_order=False)
    if kind is LaneItem.Kind.HALT:
        # The order in doubt may be one to cancel, once it is found.
        return Job(item, symbols, goes_on=False, in_order=False)
    return Job(item, symbols, goes_on=roles.get(item.subject) == OrderRole.EXIT)


def _decision(item: LaneItem) -> Job:
    try:
        terms = Terms.from_json(item.terms)
        intents = [Intent.from_json(each) for each in item.intents]
    except UNREADABLE:  # its own turn will tell
        return Job(item, None, goes_on=False)
    of_all = any(each.verb in _OF_ALL_SYMBOLS for each in intents)
    touched = _touched_by(item.account_id, terms.strategy) if of_all else set()
    # Whatever symbol such an alert names, it is executed for those that its strategy has.
    named = (each for each in intents if not (touched and each.verb in _OF_ALL_SYMBOLS))
    symbols = {symbol for each in named if (symbol := mapped_symbol(each, terms)) is not None}
    goes_on = all(each.verb in _NEVER_ENTERS for each in intents)
    return Job(item, frozenset(symbols | touched), goes_on, overtakes_all=of_all)


def _touched_by(account_id: str, strategy_id: str | None) -> set[str]:
    """What the strategy holds or has something working in."""
    own = {"account_id": account_id, "strategy_id": strategy_id}
    held = Position.objects.filter(**own, is_open=True).values_list("symbol", flat=True)
    works = Order.objects.filter(**own, status__in=[each.value for each in WORKING])
    return {*held, *works.values_list("symbol", flat=True)}
