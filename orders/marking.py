"""Live marks: what open positions are worth now, for open pages. Nothing is stored here.

A mark comes from the account's own venue, the same source that the decision uses: from its feed of
prices, else asked for, once a look for all accounts that read that feed. Only what moved since the
last look is sent. What accounts are worth follows, a few of a venue's in each look: each takes a
question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import structlog
from django.db import DatabaseError

from brokers.base import Broker
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.models import BrokerAccount
from brokers.prices.places import Place
from brokers.prices.shared import known_prices, places_at
from brokers.registry import connect
from brokers.types import Quote
from orders.ledger import Holding, unrealized_pnl
from orders.market import name_of
from orders.models import Position
from orders.selectors import todays_pnl
from tradehub.core.money import plain, plain_or_none
from tradehub.core.words import BrokerKind
from tradehub.lib import live
from tradehub.lib.clock import utc_now
from tradehub.lib.logs import Seldom

EQUITIES_A_LOOK = 4
"""Of accounts at venues. With many accounts open pages would otherwise cost each of them a question
a second, and the process that also listens to streams its time."""

log = structlog.get_logger(__name__)


@dataclass
class Prices:
    """Those of one look."""

    places: dict[str, Place | None]
    """By position."""
    told: dict[Place, Quote]
    """By feeds: these nobody is asked for."""
    asked: dict[tuple[str, Place | str], Quote | None] = field(default_factory=dict)
    """By whose answer it is (empty for everybody's at that place)."""

    def told_of(self, position: Position) -> Quote | None:
        place = self.places[position.pk]
        return None if place is None else self.told.get(place)

    def key(self, position: Position) -> tuple[str, Place | str]:
        """Two feeds of a venue have two prices. What a paper account goes by is its own, and so is
        what no feed tells to the owner."""
        place = self.places[position.pk]
        if place is None or position.account.kind == BrokerKind.PAPER:
            return position.account_id, position.symbol
        return "", place


@dataclass
class Marker:
    """Remembers what it sent, so that a price that stands still is not sent again."""

    clock: Callable[[], datetime] = utc_now
    sent: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    _moved: dict[str, BrokerAccount] = field(default_factory=dict)
    """Accounts whose worth is to be told, the longest waiting first."""
    _said: Seldom = field(default_factory=Seldom)
    """Of accounts whose venue does not answer."""

    def publish(self) -> int:
        """One round over all open positions; how many moved."""
        positions = list(
            Position.objects.filter(is_open=True).select_related("account").order_by("account_id")
        )
        moved = 0
        seen: set[str] = set()
        prices = self._prices(positions)
        for _, group in groupby(positions, key=lambda each: each.account_id):
            of_account = list(group)
            seen.update(each.pk for each in of_account)
            moved += self._publish_account(of_account[0].account, of_account, prices)
        self.sent = {key: value for key, value in self.sent.items() if key in seen}
        self._publish_equities()
        return moved

    def _prices(self, positions: Sequence[Position]) -> Prices:
        found = places_at((each.account, each.symbol) for each in positions)
        places = {each.pk: place for each, place in zip(positions, found, strict=True)}
        known = known_prices({place for place in found if place is not None}, now=self.clock())
        return Prices(places, known)

    def _publish_account(
        self, account: BrokerAccount, positions: list[Position], prices: Prices
    ) -> int:
        """What feeds tell comes first, so that a venue that does not answer keeps none of it."""
        moved = 0
        try:
            with at(Priority.LAST):
                for each in sorted(positions, key=lambda one: prices.told_of(one) is None):
                    moved += self._publish_position(each, self._quote(each, prices))
        except DatabaseError:
            raise
        except Exception as error:  # one account that breaks must keep no other from its marks
            if self._said.due(f"marks {account.pk}"):
                log.warning("marks_failed", account=account.pk, error=name_of(error))
        if moved:
            self._moved.setdefault(account.pk, account)
        return moved

    def _publish_position(self, position: Position, quote: Quote | None) -> bool:
        if quote is None or self.sent.get(position.pk) == (position.version, quote.last):
            return False
        self.sent[position.pk] = (position.version, quote.last)
        held = Holding(position.quantity, position.average_entry_price)
        frame = {
            "type": "mark",
            "id": position.pk,
            "version": position.version,
            "symbol": position.symbol,
            "mark_price": plain(quote.last),
            "mark_at": quote.at.isoformat(),
            "unrealized_pnl": plain(unrealized_pnl(held, quote.last)),
        }
        live.publisher.put(position.owner_id, frame)
        return True

    def _quote(self, position: Position, prices: Prices) -> Quote | None:
        """By whichever name its first asker has for it."""
        told, key = prices.told_of(position), prices.key(position)
        if told is not None:
            return told
        if key not in prices.asked:
            broker = connect(position.account, now=self.clock)
            prices.asked[key] = broker.quote(position.symbol)
        return prices.asked[key]

    def _publish_equities(self) -> None:
        asked = 0
        for account in list(self._moved.values()):
            if account.kind != BrokerKind.PAPER:
                if asked == EQUITIES_A_LOOK:
                    continue
                asked += 1
            del self._moved[account.pk]
            try:
                with at(Priority.LAST):
                    self._publish_equity(connect(account, now=self.clock), account)
            except DatabaseError:
                raise
            except Exception as error:  # as above
                if self._said.due(f"equity {account.pk}"):
                    log.warning("equity_failed", account=account.pk, error=name_of(error))

    def _publish_equity(self, broker: Broker, account: BrokerAccount) -> None:
        state = broker.account()
        today = todays_pnl(account, state, self.clock())
        frame = {
            "type": "equity",
            "id": account.pk,
            "version": 0,
            "equity": plain(state.equity),
            "todays_pnl": plain_or_none(today),
            "currency": state.currency,
            "at": state.at.isoformat(),
        }
        live.publisher.put(account.owner_id, frame)
