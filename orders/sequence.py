"""The order in which a strategy's alerts were sent, for each symbol on an account.

Only times of sending are kept and compared (`risk.rules.timing.is_older`); an alert that says none
is neither late nor does it make another late, and costs no statement: but for one that failed here
while newer ones passed it. Read and written in the decision's transaction, under the lane's fence,
so that nobody comes between the two.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from brokers.models import BrokerAccount
from orders.book import Book
from orders.lanes import FAILED_OFTEN
from orders.lifecycle import WORKING
from orders.models import LaneItem, LatestAlert, Order
from orders.terms import Terms
from risk.rules.timing import is_older
from tradehub.core.intent import Intent
from tradehub.core.words import OrderRole, Verb

EVERY_SYMBOL = ""
"""What `close_all` and `cancel_all` are about: they come after every symbol's older alerts, also
where they found nothing to do."""
_OF_EVERY_SYMBOL = (Verb.CLOSE_ALL, Verb.CANCEL_ALL)
_AHEAD = timedelta(minutes=5)
"""A sender's clock may be ahead of ours by this much. A time still later is a mistake, and must not
make every alert after it look old."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Where an alert stands among those that were decided before it."""

    sent_at: datetime | None = None
    """None: it does not say, or nobody compares."""
    newest: Mapping[str, datetime] = field(default_factory=dict)
    """Symbol -> the sending time of the newest alert that was decided."""
    executed: frozenset[str] = frozenset()
    """Symbols in which a newer alert has led to an order that filled, works, or may be sent."""

    def newer_at(self, symbol: str) -> datetime | None:
        """The sending time of the newest alert that was decided for the symbol, if it is newer."""
        known = [self.newest[key] for key in (symbol, EVERY_SYMBOL) if key in self.newest]
        newest = max(known, default=None)
        if newest is None or self.sent_at is None or not is_older(self.sent_at, newest):
            return None
        return newest


def key_of(intent: Intent) -> str:
    """What an intent is about, once its symbol is known."""
    if intent.verb in _OF_EVERY_SYMBOL:
        return EVERY_SYMBOL
    assert intent.symbol is not None
    return intent.symbol


def read_sequence(
    account: BrokerAccount, terms: Terms, intents: Iterable[Intent], book: Book, *, now: datetime
) -> Sequence:
    """The commands of one alert were sent together: at the newest time that one of them says."""
    intents = list(intents)
    said = [each.sent_at for each in intents if each.sent_at is not None]
    if not said or terms.strategy is None:
        return Sequence()
    newest_said = max(said)
    sent_at = newest_said if newest_said <= now + _AHEAD else now
    symbols = {each.symbol for each in intents if each.symbol is not None}
    if any(each.verb in _OF_EVERY_SYMBOL for each in intents):
        symbols.update(book.symbols_held(terms.strategy))
    rows = LatestAlert.objects.filter(
        account=account, strategy_id=terms.strategy, symbol__in=[*sorted(symbols), EVERY_SYMBOL]
    )
    sequence = Sequence(sent_at, dict(rows.values_list("symbol", "sent_at")))
    late = {symbol for symbol in symbols if sequence.newer_at(symbol) is not None}
    executed = _executed(account, terms.strategy, late, sent_at) if late else frozenset[str]()
    return Sequence(sent_at, sequence.newest, executed)


def write_sequence(
    sequence: Sequence, account: BrokerAccount, terms: Terms, decided: Iterable[str]
) -> None:
    """The alert was decided for these: the newest moves on, and never back."""
    sent_at, newest = sequence.sent_at, sequence.newest
    if sent_at is None or terms.strategy is None:
        return
    rows = [
        LatestAlert(account=account, strategy_id=terms.strategy, symbol=key, sent_at=sent_at)
        for key in sorted(decided)
        if key not in newest or newest[key] < sent_at
    ]
    LatestAlert.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "strategy", "symbol"],
        update_fields=["sent_at"],
    )


def entered_since(item: LaneItem, terms: Terms) -> dict[str, datetime]:
    """Symbols in which something newer of the strategy has entered, or may, and when that came: of
    an alert that was passed as it failed here (`orders.lanes.next_item`)."""
    if item.attempts < FAILED_OFTEN or item.signal_id is None or terms.strategy is None:
        return {}
    entries = Order.objects.filter(
        account_id=item.account_id,
        strategy_id=terms.strategy,
        role=OrderRole.ENTRY.value,
        decision__item__gt=item.pk,
    ).select_related("decision__item")
    return {
        each.symbol: each.decision.item.created_at
        for each in entries.order_by("decision__item")
        if each.decision is not None and _did_or_may_do_something(each)
    }


def _executed(
    account: BrokerAccount, strategy: str, symbols: set[str], sent_at: datetime
) -> frozenset[str]:
    """Asked only for an alert that comes late."""
    orders = Order.objects.filter(
        account=account,
        strategy_id=strategy,
        symbol__in=sorted(symbols),
        decision__sent_at__gt=sent_at,
    ).select_related("decision")
    return frozenset(
        each.symbol
        for each in orders
        if each.decision is not None
        and each.decision.sent_at is not None
        and is_older(sent_at, each.decision.sent_at)
        and _did_or_may_do_something(each)
    )


def _did_or_may_do_something(order: Order) -> bool:
    """Not one that has ended with nothing filled: there is nothing of it to be undone."""
    return bool(order.filled_quantity) or order.status in WORKING
