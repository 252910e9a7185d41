"""The wrapped SDK client for USD-M futures: another host, another clock, other words for a refusal.

Everything that keeps an order from leaving twice is `brokers.binance.client`'s.
"""

from datetime import datetime, timedelta
from typing import Any

from brokers.binance import futures_errors
from brokers.binance.client import VenueClient
from brokers.binance.errors import Answer, Meaning
from brokers.errors import BrokerError


class FuturesClient(VenueClient):
    def __repr__(self) -> str:
        return f"FuturesClient({self.FUTURES_URL})"

    def get_server_time(self) -> Any:
        """The SDK's own asks spot."""
        return self.futures_time()

    def their_now(self) -> datetime:
        """By the venue's clock, as far as it is known."""
        now = self.now()
        return now + (self.site.offset(now) or timedelta())

    def owner_uri(self) -> str:
        return f"{self.FUTURES_URL}/{self.FUTURES_API_VERSION3}/balance"

    def ask_owner(self) -> None:
        self.futures_account_balance()

    def owner_in(self, found: Any) -> str:
        rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        return next((str(each.get("accountAlias") or "") for each in rows), "")

    def error_of(self, answer: Answer, now: datetime) -> BrokerError | None:
        return futures_errors.of_answer(answer, now)

    def meaning_of(self, error: BrokerError) -> Meaning:
        return futures_errors.meaning_of(error)
