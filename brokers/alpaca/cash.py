"""What Alpaca booked on an account besides trades: fees, dividends, interest, transfers.

Reads only. Alpaca names the day of such an activity and no time, and books some days late, so more
than the span is asked for: what is told again is known by its id. It tells no profit of a trade.
Fees of coins are taken in coins: they have a quantity and a net amount of zero.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from brokers.alpaca.errors import unreadable
from brokers.alpaca.parsing import symbol_of, time_of
from brokers.errors import OutcomeUnknown
from brokers.types import CashKind, CashPage, CashReport
from tradehub.core.money import ZERO, to_decimal

PAGE = 100
MOST_PAGES = 200
BOOKED_LATE = timedelta(days=7)
A_DAY = timedelta(days=1)
CURRENCY = "USD"
QUOTES = ("USDT", "USDC", "USD", "BTC")
"""What coins are traded for there."""
K = CashKind
KINDS: Mapping[str, CashKind] = {
    "FEE": K.FEE,
    "CFEE": K.FEE,
    "PTC": K.FEE,
    "PTR": K.FEE,
    "DIVFEE": K.FEE,
    "INT": K.INTEREST,
    "INTNRA": K.INTEREST,
    "INTTW": K.INTEREST,
    "TRANS": K.TRANSFER,
    "CSD": K.TRANSFER,
    "CSW": K.TRANSFER,
    "JNL": K.TRANSFER,
    "JNLC": K.TRANSFER,
    "JNLS": K.TRANSFER,
    "ACATC": K.TRANSFER,
    "ACATS": K.TRANSFER,
    **dict.fromkeys(
        ("DIV", "DIVCGL", "DIVCGS", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX"), K.DIVIDEND
    ),
}
"""What is not here is `other`: splits, mergers, kinds that are new."""
_UNDONE = ("canceled", "pending")


def cash_page(client: Any, since: datetime, until: datetime) -> CashPage:
    """`client`: a `brokers.alpaca.client.Client`, or what answers as it does."""
    query = {
        "category": "non_trade_activity",
        "direction": "asc",
        "page_size": str(PAGE),
        "after": (since - BOOKED_LATE).isoformat(),
        "until": (until + A_DAY).isoformat(),
    }
    found: dict[str, CashReport] = {}
    for _ in range(MOST_PAGES):
        page = client.get("/account/activities", **query)
        try:
            found |= {each.venue_entry_id: each for each in reports(page)}
            if len(page) < PAGE:
                return CashPage(tuple(found.values()), until)
            query["page_token"] = str(page[-1]["id"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise unreadable() from error
    raise OutcomeUnknown("Alpaca's list of activities has no end.")


def reports(rows: Iterable[Mapping[str, Any]]) -> list[CashReport]:
    """Those that were carried out. Raises ValueError, KeyError or TypeError for what is none."""
    return [_report(each) for each in rows if each.get("status") not in _UNDONE]


def _report(raw: Mapping[str, Any]) -> CashReport:
    words = str(raw["activity_type"])
    symbol = symbol_of(str(raw.get("symbol") or ""))
    amount, currency = to_decimal(raw.get("net_amount") or "0"), str(raw.get("currency") or "")
    quantity = to_decimal(raw.get("qty") or "0")
    if words == "CFEE" and not amount and quantity:
        amount, currency = quantity, _coin_of(symbol)
    return CashReport(
        venue_entry_id=str(raw["id"]),
        kind=KINDS.get(words, K.OTHER),
        amount=amount or ZERO,
        currency=currency or CURRENCY,
        at=_at(raw),
        symbol=symbol,
        words=words,
    )


def _coin_of(symbol: str) -> str:
    quote = next((each for each in QUOTES if symbol.endswith(each)), "")
    return symbol.removesuffix(quote)


def _at(raw: Mapping[str, Any]) -> datetime:
    """When it was booked, where Alpaca tells; else its day."""
    told = raw.get("created_at")
    if told:
        return time_of(told)
    return datetime.fromisoformat(str(raw["date"])[:10]).replace(tzinfo=UTC)
