"""What Binance USD-M futures booked on an account: funding, commissions, realised P&L, transfers.

Reads only, three months back at most: Binance keeps no more. A page is the oldest of its span, as
the venue says. A number (`tranId`) is unique within one kind only, so ours names the kind too; the
asset as well, since what is exchanged is booked in two.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

from brokers.binance.answers import list_of, parsed
from brokers.binance.futures_client import FuturesClient
from brokers.binance.parsing import Raw, at, milliseconds
from brokers.errors import OutcomeUnknown
from brokers.types import CashKind, CashPage, CashReport
from tradehub.core.money import to_decimal

PAGE = 1000
MOST_PAGES = 50
"""Of one millisecond."""
MILLISECOND = timedelta(milliseconds=1)
K = CashKind
KINDS: Mapping[str, CashKind] = {
    "REALIZED_PNL": K.REALIZED_PNL,
    "COMMISSION": K.FEE,
    "INSURANCE_CLEAR": K.FEE,
    "POSITION_LIMIT_INCREASE_FEE": K.FEE,
    "FUNDING_FEE": K.FUNDING,
    "SPECIAL_FUNDING_FEE": K.FUNDING,
    "TRANSFER": K.TRANSFER,
    "INTERNAL_TRANSFER": K.TRANSFER,
    "CROSS_COLLATERAL_TRANSFER": K.TRANSFER,
    "STRATEGY_UMFUTURES_TRANSFER": K.TRANSFER,
    "COIN_SWAP_DEPOSIT": K.TRANSFER,
    "COIN_SWAP_WITHDRAW": K.TRANSFER,
    "AUTO_EXCHANGE": K.TRANSFER,
}
"""What is not here is `other`: rebates, gifts, kinds that are new."""


def cash_page(client: FuturesClient, since: datetime, until: datetime) -> CashPage:
    first, last = milliseconds(since), milliseconds(until)
    rows = _rows(client, first, last)
    reports = parsed(partial(_reports, rows))
    if len(rows) < PAGE:
        return CashPage(reports, until)
    newest = max(each.at for each in reports)
    if milliseconds(newest) > first:
        return CashPage(reports, newest)  # and on from there: it may have more of that moment
    return CashPage(_of_one_moment(client, first), at(first) + MILLISECOND)


def _of_one_moment(client: FuturesClient, moment: int) -> tuple[CashReport, ...]:
    """More than a page of one millisecond."""
    found: list[CashReport] = []
    for number in range(1, MOST_PAGES + 1):
        rows = _rows(client, moment, moment, page=number)
        found += parsed(partial(_reports, rows))
        if len(rows) < PAGE:
            return tuple(found)
    raise OutcomeUnknown("Binance's list of one moment has no end.")


def _rows(client: FuturesClient, first: int, last: int, **more: int) -> list[Raw]:
    ask = client.futures_income_history
    return list_of(ask(startTime=first, endTime=last, limit=PAGE, **more))


def _reports(rows: list[Raw]) -> tuple[CashReport, ...]:
    return tuple(_told(rows))


def _told(rows: list[Raw]) -> Iterator[CashReport]:
    for raw in rows:
        words, asset, symbol = str(raw["incomeType"]), str(raw["asset"]), str(raw["symbol"] or "")
        trade = str(raw.get("tradeId") or "")
        yield CashReport(
            venue_entry_id=f"{words}:{int(raw['tranId'])}:{asset}",
            kind=KINDS.get(words, K.OTHER),
            amount=to_decimal(raw["income"]),
            currency=asset,
            at=at(raw["time"]),
            symbol=symbol,
            venue_fill_id=f"{symbol}:{trade}" if symbol and trade else "",
            words=words,
        )
