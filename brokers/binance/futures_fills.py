"""What filled of an order at Binance USD-M futures: its trades, asked for by its number.

Reads only. Trades don't name the client order id: whoever asks says by which the order goes. What
was read once is remembered while the order has filled no more.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial

from brokers.binance.answers import list_of, parsed
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.futures_parsing import number_of, trade
from brokers.binance.memory import Memory
from brokers.binance.parsing import Context, Raw, context_of, executed
from brokers.errors import BrokerError, OutcomeUnknown
from brokers.types import FillReport
from tradehub.core.money import ZERO

MOST = 1000


class FuturesFills:
    def __init__(
        self, client: FuturesClient, market: FuturesMarket, memory: Memory, currency: str
    ) -> None:
        self._client = client
        self._market = market
        self._memory = memory
        self._currency = currency

    def of_order(self, raw: Raw, name: str) -> tuple[FillReport, ...]:
        """Of an ordinary order, under a name."""
        filled, number = executed(raw), number_of(raw)
        if not filled:
            return ()
        known = self._memory.fills_of.get(number) or ()
        if _sum(known) != filled or any(each.client_order_id != name for each in known):
            known = self.of_number(raw["symbol"], int(raw["orderId"]), name)
            self._memory.fills_of.put(number, known)
        return known

    def of_number(self, symbol: str, order_id: int, name: str) -> tuple[FillReport, ...]:
        question = self._client.futures_account_trades
        found = list_of(question(symbol=symbol, orderId=order_id, limit=MOST))
        if len(found) >= MOST:
            raise OutcomeUnknown(f"Order {order_id} has more trades than Binance tells at once.")
        context = self.context(symbol)
        return tuple(parsed(partial(trade, each, name, context)) for each in found)

    def context(self, symbol: str) -> Context:
        return context_of(symbol, self._market.rules(symbol), self._worth)

    def _worth(self, asset: str) -> Decimal | None:
        try:
            return self._market.last(asset + self._currency)
        except BrokerError:
            return None


def _sum(fills: Iterable[FillReport]) -> Decimal:
    return sum((each.quantity for each in fills), ZERO)
