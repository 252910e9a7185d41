"""What the futures fake has booked on an account, as `GET /fapi/v1/income` tells it.

Commissions and realised profit are those of its trades, one number for both; funding and transfers
are what a test has it book. The oldest of a span come first, a page at a time, and nothing older
than three months.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.venues.binance.books import Refused
from tests.venues.binance_futures.books import Account, Books
from tests.venues.binance_futures.shapes import milliseconds, number

KEPT = timedelta(days=90)
MOST = 1000
OF_A_MARKET = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Booking:
    key: str
    kind: str
    amount: Decimal
    asset: str
    at: datetime
    number: int
    symbol: str = ""
    trade: str = ""


def listed(
    books: Books, account: Account, booked: list[Booking], params: dict[str, str], now: datetime
) -> list[dict[str, Any]]:
    limit, page = int(params.get("limit", 100)), int(params.get("page", 1))
    if limit > MOST:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    start = int(params.get("startTime", milliseconds(now - timedelta(days=7))))
    end, oldest = int(params.get("endTime", 10**15)), milliseconds(now - KEPT)
    found = [each for each in booked if each.key == account.key]
    found += _of_trades(books, account)
    wanted = [
        each
        for each in found
        if max(start, oldest) <= milliseconds(each.at) <= end
        and params.get("incomeType", each.kind) == each.kind
        and params.get("symbol", each.symbol) == each.symbol
    ]
    wanted.sort(key=lambda each: each.at)
    return [_shape(each) for each in wanted[(page - 1) * limit : page * limit]]


def _of_trades(books: Books, account: Account) -> Iterator[Booking]:
    for place, (symbol, market) in enumerate(books.markets.items()):
        for each in account.trades(symbol):
            own = (each.at, place * OF_A_MARKET + each.id, symbol, str(each.id))
            if each.fee:
                yield Booking(account.key, "COMMISSION", -each.fee, each.fee_asset, *own)
            if each.realized:
                yield Booking(account.key, "REALIZED_PNL", each.realized, market.quote, *own)


def funding(books: Books, account: Account, rate: Decimal) -> Iterator[tuple[str, str, Decimal]]:
    """What a funding at the rate (in percent, paid by longs when it is above zero) costs: symbol,
    asset, amount; taken from the wallet."""
    for (symbol, _), held in account.positions.items():
        if held.amount:
            market = books.markets[symbol]
            amount = -held.amount * market.last * rate / 100
            account.wallets[market.quote] += amount
            yield symbol, market.quote, amount


def _shape(each: Booking) -> dict[str, Any]:
    return {
        "symbol": each.symbol,
        "incomeType": each.kind,
        "income": number(each.amount),
        "asset": each.asset,
        "info": each.trade or each.kind,
        "time": milliseconds(each.at),
        "tranId": each.number,
        "tradeId": each.trade,
    }
