"""Preview: what an alert would become under a strategy now. Nothing is stored, nothing is sent.

The same parser, the same terms, the same rules as for a real one, in a transaction that is always
rolled back. Passphrase and signature are not asked for: the strategy's owner is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from brokers.base import Broker
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.prices.places import VENUE_SOURCES
from brokers.registry import connect
from orders.deciding import Ruling, rule
from orders.facts import open_symbols, read_facts
from orders.market import Market, observe_prices, read_market
from orders.models import LaneItem
from orders.terms import Terms, effective_intent, mapped_symbol
from signals.models import Strategy
from signals.parsing import ParsedAlert, parse_alert
from signals.routes import frozen_terms
from tradehub.core.errors import Conflict
from tradehub.core.intent import Intent
from tradehub.core.words import BrokerKind
from tradehub.lib.db import write_transaction


@dataclass(frozen=True, slots=True)
class Preview:
    alert: ParsedAlert
    rulings: list[tuple[BrokerAccount, Ruling]]

    def to_json(self) -> dict[str, Any]:
        return {
            "valid": True,
            "dialect": self.alert.dialect,
            "intents": [each.to_json() for each in self.alert.intents],
            "decisions": [_decision_json(*each) for each in self.rulings],
            "orders": [
                {"account": account.pk, **draft.to_json()}
                for account, ruling in self.rulings
                for draft in ruling.drafts
            ],
        }


class _Undo(Exception):
    """Rolls a preview back."""


def preview_alert(*, strategy: Strategy, body: bytes, content_type: str, now: datetime) -> Preview:
    """Raises ParseProblem, the webhook's own, and Conflict where a venue can't be asked."""
    alert = parse_alert(body, content_type=content_type)
    subscriptions = strategy.subscriptions.select_related("account").order_by("id")
    try:
        rulings = [
            (each.account, _rule(each.account, frozen_terms(strategy, each), alert.intents, now))
            for each in subscriptions
        ]
    except BrokerError as error:
        raise Conflict(error.text, code=error.code) from error
    return Preview(alert, rulings)


def _rule(
    account: BrokerAccount, terms: Terms, intents: tuple[Intent, ...], now: datetime
) -> Ruling:
    broker = connect(account, now=lambda: now)
    # A venue is asked before the transaction, which keeps others from storing their alerts.
    market = None if _is_all_here(account) else _market(broker, account, terms, intents)
    effective = [effective_intent(each, terms) for each in intents]
    found: list[Ruling] = []
    try:
        with write_transaction():
            if market is None:
                # What such a venue learns is undone with the rest.
                prices = [(mapped_symbol(each, terms), each.reference_price) for each in intents]
                observe_prices(broker, prices, now)
                market = _market(broker, account, terms, intents)
            item = LaneItem(account=account, created_at=now)
            facts = read_facts(item, account, terms, effective, market, now=now)
            found.append(rule(effective, terms, facts, market))
            raise _Undo
    except _Undo:
        return found[0]


def _is_all_here(account: BrokerAccount) -> bool:
    """The account's venue is this database, and so are its prices."""
    sourced = account.options.get("price_source") in VENUE_SOURCES
    return account.kind == BrokerKind.PAPER and not sourced


def _market(
    broker: Broker, account: BrokerAccount, terms: Terms, intents: tuple[Intent, ...]
) -> Market:
    named = [mapped_symbol(each, terms) for each in intents]
    return read_market(broker, [*(each for each in named if each), *open_symbols(account)])


def _decision_json(account: BrokerAccount, ruling: Ruling) -> dict[str, Any]:
    return {
        "account": account.pk,
        "outcome": ruling.outcome.value,
        "reasons": ruling.reasons,
        "checks": [each.to_json() for each in ruling.checks],
        "sizing": None if ruling.sizing is None else ruling.sizing.to_json(),
        "orders": [],
        "rehearsal": None,
    }
