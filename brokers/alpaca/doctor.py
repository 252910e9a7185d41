"""What the account doctor says of an Alpaca account. It was read before, so its key works."""

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from brokers.alpaca.adapter import AlpacaBroker
from brokers.alpaca.assets import FRACTION, Asset
from brokers.alpaca.parsing import MarketClock, Standing
from brokers.base import Broker
from brokers.symbol_lines import barred_line, symbol_line
from brokers.types import Instrument, Line
from tradehub.core.money import ZERO, plain

MOST_OFFSET = timedelta(seconds=2)
ASK_ALPACA = "Sign in at Alpaca: it says there what it waits for."


def begin(broker: Broker) -> None:
    """What is known of assets is asked for anew."""
    cast(AlpacaBroker, broker).doubt()


def lines(broker: Broker, instruments: Mapping[str, Instrument]) -> list[Line]:
    alpaca = cast(AlpacaBroker, broker)
    standing = alpaca.standing()
    clock, offset = alpaca.clock()
    return [
        _status(standing),
        *_blocks(standing),
        _shorts(standing),
        _crypto(standing),
        _margin(standing),
        _offset(offset),
        _hours(clock),
        *(_symbol(alpaca, each, standing) for each in instruments.values()),
    ]


def _status(standing: Standing) -> Line:
    if standing.status == "ACTIVE":
        return Line("account status", True, "Alpaca takes the key, and the account is active.")
    text = f"Alpaca says that the account is {standing.status}: it takes orders when it is ACTIVE."
    return Line("account status", False, text, ASK_ALPACA, hard=True)


def _blocks(standing: Standing) -> list[Line]:
    found = []
    for blocked, text, fix in (
        (standing.account_blocked, "Alpaca has blocked the account.", ASK_ALPACA),
        (standing.trading_blocked, "Alpaca has blocked trading on the account.", ASK_ALPACA),
        (
            standing.suspended_by_user,
            "You have suspended trading on the account at Alpaca.",
            "Allow trading again in the account's configuration at Alpaca (suspend_trade).",
        ),
    ):
        if blocked:
            found.append(Line("trading", False, text, fix, hard=True))
    return found or [Line("trading", True, "The account may trade.")]


def _shorts(standing: Standing) -> Line:
    if standing.shorting:
        return Line("short sales", True, "The account may sell short what is easy to borrow.")
    text = "The account may not sell short: alerts that open a short are denied."
    fix = "Alpaca allows it on margin accounts with 2,000 USD of equity."
    return Line("short sales", True, text, fix, code="SHORT_NOT_ALLOWED")


def _crypto(standing: Standing) -> Line:
    if standing.crypto_status == "ACTIVE":
        text = "Crypto may be traded, with cash only. Alpaca tells no fee of a single fill: 0.25 % "
        return Line("crypto", True, f"{text}of what is received is taken as kept.")
    text = f"Crypto is {standing.crypto_status} on the account: its orders are refused by Alpaca."
    return Line(
        "crypto", True, text, "Sign the crypto agreement at Alpaca, if you want to trade it."
    )


def _margin(standing: Standing) -> Line:
    missing = standing.maintenance_margin - standing.equity
    if missing <= ZERO:
        text = f"Equity covers the maintenance margin of {plain(standing.maintenance_margin)} USD."
        return Line("margin", True, text)
    text = (
        f"Equity is {plain(missing)} USD below the maintenance margin of "
        f"{plain(standing.maintenance_margin)} USD: Alpaca may sell what you hold."
    )
    fix = "Close something or add money; Alpaca refuses new positions until then."
    return Line("margin", False, text, fix, code="INTRADAY_MARGIN_DEFICIT")


def _offset(offset: timedelta) -> Line:
    seconds = offset.total_seconds()
    if abs(offset) <= MOST_OFFSET:
        return Line("clock", True, f"This server's clock is {abs(seconds):.1f} s from Alpaca's.")
    way = "behind" if seconds > 0 else "ahead of"
    text = f"This server's clock is {abs(seconds):.1f} s {way} Alpaca's: ages of prices are wrong."
    return Line("clock", False, text, "Let the server keep its time by NTP.")


def _hours(clock: MarketClock) -> Line:
    if clock.is_open:
        text = f"The market for US stocks is open until {clock.next_close:%Y-%m-%d %H:%M} UTC."
        return Line("market hours", True, text)
    text = f"The market for US stocks opens at {clock.next_open:%Y-%m-%d %H:%M} UTC. Until then "
    more = "exits and orders with a limit wait at Alpaca; entries at the market are denied."
    return Line("market hours", True, text + more, code="MARKET_CLOSED")


def _symbol(alpaca: AlpacaBroker, each: Instrument, standing: Standing) -> Line:
    asset, able = alpaca.asset_of(each.symbol), alpaca.capabilities()
    if asset is None:
        return barred_line(each.symbol, "Alpaca does not know it any more.", "Check again.")
    if not asset.crypto:
        more = f"{_parts(asset, each)} {_short(asset, standing)}"
        return symbol_line(each, able, more=more)
    if standing.crypto_status != "ACTIVE":
        why = f"crypto is {standing.crypto_status} on it, and Alpaca refuses orders of coins."
        fix = "Sign the crypto agreement at Alpaca, or take the symbol from the strategy."
        return barred_line(each.symbol, why, fix)
    more = "It can't be sold short; a stop is sent as a stop limit."
    return symbol_line(each, able, more=more)


def _parts(asset: Asset, each: Instrument) -> str:
    if not asset.fractionable:
        return "Alpaca trades it in whole shares only."
    if each.quantity_step == FRACTION:
        return "Parts of a share are traded, for the day."
    return "Parts of a share need the account's option fractional."


def _short(asset: Asset, standing: Standing) -> str:
    if not standing.shorting:
        return "It can't be sold short, as the account may not."
    if not asset.shortable:
        return "Alpaca does not sell it short."
    if not asset.easy_to_borrow:
        return "It is hard to borrow, so it is not sold short."
    return "It may be sold short."
