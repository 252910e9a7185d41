"""The conditional orders of an account at futures, as rows: which ordinary order each became.

Short writes of their own, before an order leaves and when one is seen for the first time; what is
known to be written is not written again.
"""

from datetime import datetime, timedelta
from functools import partial

from django.db.models import QuerySet

from brokers.binance.memory import Recent
from brokers.binance.models import ConditionalOrder
from tradehub.lib.db import in_write_transaction

KEPT_FOR = timedelta(days=100)
"""Once it has ended: the venue itself tells of trades for three months."""
NEVER_AFTER = timedelta(days=1)
"""What the venue does not know by then was never there."""

State = tuple[int | None, bool]
"""What it became, and whether it has ended."""


class StoredConditionals:
    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._written: Recent[str, State] = Recent()

    def add(self, client_order_id: str, symbol: str, now: datetime) -> None:
        if self._written.get(client_order_id) is None:
            in_write_transaction(partial(self._put, client_order_id, symbol, now))
            self._written.put(client_order_id, (None, False))

    def knows(self, client_order_id: str) -> bool:
        if self._written.get(client_order_id) is not None:
            return True
        return self._rows().filter(client_order_id=client_order_id).exists()

    def waiting(self, symbol: str) -> list[str]:
        rows = self._rows().filter(symbol=symbol, has_ended=False, order_id__isnull=True)
        return list(rows.order_by("pk").values_list("client_order_id", flat=True))

    def name_of(self, symbol: str, order_id: int) -> str | None:
        rows = self._rows().filter(symbol=symbol, order_id=order_id)
        return rows.values_list("client_order_id", flat=True).first()

    def note(self, client_order_id: str, order_id: int | None, *, ended: bool) -> None:
        state: State = order_id, ended
        if self._written.get(client_order_id) != state:
            rows = self._rows().filter(client_order_id=client_order_id)
            in_write_transaction(partial(rows.update, order_id=order_id, has_ended=ended))
            self._written.put(client_order_id, state)

    def absent(self, client_order_id: str, now: datetime) -> None:
        rows = self._rows().filter(client_order_id=client_order_id, noted_at__lt=now - NEVER_AFTER)
        in_write_transaction(partial(rows.update, has_ended=True))

    def _put(self, client_order_id: str, symbol: str, now: datetime) -> None:
        self._rows().filter(has_ended=True, noted_at__lt=now - KEPT_FOR).delete()
        row = ConditionalOrder(
            account_id=self._account_id,
            client_order_id=client_order_id,
            symbol=symbol,
            noted_at=now,
        )
        ConditionalOrder.objects.bulk_create([row], ignore_conflicts=True)

    def _rows(self) -> QuerySet[ConditionalOrder]:
        return ConditionalOrder.objects.filter(account_id=self._account_id)
