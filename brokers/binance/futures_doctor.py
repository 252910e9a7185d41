"""What the account doctor says of an account at Binance USD-M futures, beyond what spot says: its
position mode, its margin, the settings of what it holds, and the algo book.

Reads only.
"""

from collections.abc import Mapping
from typing import Any

from brokers.binance.answers import list_of
from brokers.binance.errors import Meaning
from brokers.binance.futures import FuturesBroker
from brokers.binance.futures_account import MODES, Options
from brokers.binance.futures_parsing import Leg
from brokers.binance.key_lines import (
    clock,
    from_where,
    may_trade,
    may_withdraw,
    on_testnet,
    restrictions,
)
from brokers.errors import BrokerError, OrderRejected, OutcomeUnknown, Unsupported
from brokers.symbol_lines import symbol_line
from brokers.types import Instrument, Line

RIGHT = "Enable Futures"
MOST_NAMED = 10


def lines(broker: FuturesBroker, instruments: Mapping[str, Instrument]) -> list[Line]:
    client = broker.client
    told = client.futures_account_config()
    if not isinstance(told, dict) or not isinstance(told.get("dualSidePosition"), bool):
        raise OutcomeUnknown("Binance did not tell how the account is set.")
    found = [Line("key", True, "The key and its secret work.")]
    found += _rights(broker, bool(told.get("canTrade")))
    found += [clock(client), _position_mode(told["dualSidePosition"], broker.options)]
    found += [_margin(bool(told.get("multiAssetsMargin")), broker.options)]
    found += _both_sides(broker.holdings.legs())
    found += [_stops(broker, next(iter(instruments), None))]
    able = broker.capabilities()
    return found + [symbol_line(each, able) for each in instruments.values()]


def _rights(broker: FuturesBroker, can_trade: bool) -> list[Line]:
    told: dict[str, Any] | None = restrictions(broker.client)
    if told is None:
        return [may_trade(can_trade, "futures", RIGHT), on_testnet()]
    return [
        may_trade(can_trade and bool(told.get("enableFutures")), "futures", RIGHT),
        may_withdraw(bool(told.get("enableWithdrawals"))),
        from_where(bool(told.get("ipRestrict"))),
    ]


def _position_mode(hedged: bool, options: Options) -> Line:
    if hedged is options.hedged:
        return Line("position_mode", True, f"The account is in {MODES[hedged]} mode.")
    text = (
        f"The account is in {MODES[hedged]} mode at Binance; its option here says "
        f"{MODES[not hedged]}. No entry is sent until they agree; exits pass."
    )
    fix = "Change the option position_mode of this account, or the position mode at Binance."
    return Line("position_mode", False, text, fix, hard=True)


def _margin(multi_assets: bool, options: Options) -> Line:
    if multi_assets and options.margin_mode == "isolated":
        text = "The account is in multi-assets mode, which has no isolated margin."
        fix = "Switch to single-asset mode at Binance, or set margin_mode to cross here."
        return Line("margin", False, text, fix, hard=True)
    if multi_assets:
        text = (
            f"The account is in multi-assets mode: other assets back its positions, and what is "
            f"told here counts {options.currency} only."
        )
        return Line("margin", False, text, "Switch to single-asset mode at Binance.")
    text = (
        f"Each symbol is set to {options.margin_mode} margin and a leverage of {options.leverage} "
        "before an entry that asks for no other."
    )
    return Line("margin", True, text)


def _both_sides(found: list[Leg]) -> list[Line]:
    names = [each.symbol for each in found]
    double = sorted({each for each in names if names.count(each) > 1})
    if not double:
        return []
    text = (
        f"Long and short are open at once in {', '.join(double[:MOST_NAMED])}. They are counted as "
        "their difference, and no entry that would keep both open is sent."
    )
    return [Line("both_sides", False, text, "Close one side of each at Binance.")]


def _stops(broker: FuturesBroker, symbol: str | None) -> Line:
    """The algo book is asked: where it is not there for the account, no stop can rest. One symbol
    is enough, and weighs a fortieth of all."""
    symbol = symbol or f"BTC{broker.options.currency}"
    try:
        found = broker.client.futures_get_open_orders(conditional=True, symbol=symbol)
        count = len(list_of(found))
    except BrokerError as error:
        if broker.client.meaning_of(error) is Meaning.NO_SYMBOL:
            return Line("stops", True, "Stops rest in Binance's algo book, beside targets.")
        if not _is_certain(error):
            raise
        return _no_stops(error)
    how = "the quantity they were placed for"
    if broker.options.close_position:
        how = "the whole position"
    text = (
        f"Stops rest in Binance's algo book, beside targets, and close {how}. The book answers: "
        f"{count} of {symbol} work there."
    )
    return Line("stops", True, text)


def _is_certain(error: BrokerError) -> bool:
    """That the book is not there for this account; not that Binance is busy."""
    return isinstance(error, OrderRejected | Unsupported) or error.venue_code == "HTTP 404"


def _no_stops(error: BrokerError) -> Line:
    text = (
        f"Binance's algo book, where stops rest, did not take the question what works there: "
        f"{error.text} No stop could be placed, so no entry is sent."
    )
    fix = (
        "Look whether Binance's app takes a stop on this account. If it does, Binance has changed "
        "its API: run `manage.py drill`, and look for a newer TradeHub."
    )
    return Line("stops", False, text, fix, hard=True, code="UNSUPPORTED_BY_VENUE")
