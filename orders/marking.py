"""Live marks: what open positions are worth now, for open pages. Nothing is stored here.

A mark comes from the account's own venue, the same source that the decision uses. Only what moved
since the last look is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import structlog

from brokers.base import Broker
from brokers.budget import at
from brokers.budgeting import Priority
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.registry import connect
from orders.ledger import Holding, unrealized_pnl
from orders.models import Position
from orders.selectors import todays_pnl
from tradehub.core.money import plain, plain_or_none
from tradehub.lib import live
from tradehub.lib.clock import utc_now

log = structlog.get_logger(__name__)


@dataclass
class Marker:
    """Remembers what it sent, so that a price that stands still is not sent again."""

    clock: Callable[[], datetime] = utc_now
    sent: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    def publish(self) -> int:
        """One round over all open positions; how many moved."""
        positions = (
            Position.objects.filter(is_open=True).select_related("account").order_by("account_id")
        )
        moved = 0
        seen: set[str] = set()
        for _, group in groupby(positions, key=lambda each: each.account_id):
            of_account = list(group)
            seen.update(each.pk for each in of_account)
            moved += self._publish_account(of_account[0].account, of_account)
        self.sent = {key: value for key, value in self.sent.items() if key in seen}
        return moved

    def _publish_account(self, account: BrokerAccount, positions: list[Position]) -> int:
        try:
            broker = connect(account, now=self.clock)
            with at(Priority.LAST):
                moved = sum(self._publish_position(broker, each) for each in positions)
                if moved:
                    self._publish_equity(broker, account)
        except BrokerError as error:
            log.warning("marks_failed", account=account.pk, code=error.code)
            return 0
        return moved

    def _publish_position(self, broker: Broker, position: Position) -> bool:
        quote = broker.quote(position.symbol)
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
