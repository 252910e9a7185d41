"""What the account doctor says of a Binance account, spot or futures: the key, its rights, and what
else keeps an order from being filled.

Reads only; called by `brokers.doctor` after the account itself has answered, so the key works.
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

from brokers.base import Broker
from brokers.binance import futures_doctor
from brokers.binance.client import VenueClient
from brokers.binance.futures import FuturesBroker
from brokers.binance.key_lines import (
    clock,
    from_where,
    may_trade,
    may_withdraw,
    on_testnet,
    restrictions,
)
from brokers.binance.spot import SpotBroker
from brokers.binance.weights import Api, look_weight
from brokers.errors import BrokerError, OutcomeUnknown
from brokers.symbol_lines import barred_line, symbol_line
from brokers.types import Instrument, Line

RIGHT = "Enable Spot & Margin Trading"


def weight(broker: Broker) -> int:
    return look_weight(Api.FUTURES if isinstance(broker, FuturesBroker) else Api.SPOT)


def begin(broker: Broker) -> None:
    """All that is known of the address, and of how the account is set, is asked for anew."""
    binance = cast("SpotBroker | FuturesBroker", broker)
    binance.client.site.doubt_clock(binance.client.now())
    binance.doubt()


def learn(broker: Broker, symbols: Collection[str]) -> None:
    """Futures has the rules of all contracts in one answer."""
    if isinstance(broker, SpotBroker):
        broker.rules_of(symbols)


def lines(broker: Broker, instruments: Mapping[str, Instrument]) -> list[Line]:
    if isinstance(broker, FuturesBroker):
        return futures_doctor.lines(broker, instruments)
    spot = cast(SpotBroker, broker)
    raw = spot.client.get_account(omitZeroBalances="true")
    if not isinstance(raw, dict):
        raise OutcomeUnknown("Binance's account can't be read.")
    found = [Line("key", True, "The key and its secret work.")]
    found += _rights(spot.client, raw)
    found += [clock(spot.client), _currency(spot)]
    return found + _symbols(spot, instruments, raw)


def _rights(client: VenueClient, account: dict[str, Any]) -> list[Line]:
    told, trades = restrictions(client), bool(account.get("canTrade"))
    if told is None:
        return [may_trade(trades, "spot", RIGHT), on_testnet()]
    trades = trades and bool(told.get("enableSpotAndMarginTrading"))
    return [
        may_trade(trades, "spot", RIGHT),
        may_withdraw(bool(told.get("enableWithdrawals"))),
        from_where(bool(told.get("ipRestrict"))),
    ]


def _symbols(
    spot: SpotBroker, instruments: Mapping[str, Instrument], account: dict[str, Any]
) -> list[Line]:
    """What the account must be permitted is said of each pair (`permissionSets`)."""
    told = account.get("permissions")
    permissions = told if isinstance(told, list) else None
    rules, able = spot.rules_of(instruments), spot.capabilities()
    found = []
    for symbol, each in instruments.items():
        missing = [] if permissions is None else rules[symbol].missing(permissions)
        if missing:
            found.append(_not_permitted(symbol, missing, permissions or []))
        else:
            found.append(symbol_line(each, able))
    return found


def _not_permitted(symbol: str, missing: list[frozenset[str]], has: list[str]) -> Line:
    needs = " and ".join(" or ".join(sorted(each)) for each in missing)
    why = (
        f"Binance wants the permission {needs[:200]}, and the account has "
        f"{', '.join(sorted(has))[:200] or 'none'}. Its orders are refused; cancels pass."
    )
    fix = (
        f"Ask Binance whether the account may trade {symbol}: where it lives or what it has signed "
        "may keep it from that. Or take the symbol from the strategy."
    )
    return barred_line(symbol, why, fix)


def _currency(spot: SpotBroker) -> Line:
    try:
        names = sorted(each.symbol for each in spot.positions() if each.quantity < each.least)
    except BrokerError:
        names = []
    text = f"Pairs in {spot.currency} are traded; other assets count by their price in it."
    if names:
        text += f" Too little to be sold: {', '.join(names[:10])}."
    return Line("currency", True, text)
