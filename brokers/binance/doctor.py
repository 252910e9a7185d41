"""What the account doctor says of a Binance account: the key, its rights, and the clock.

A key that may withdraw is not traded with: whoever got hold of it could take everything. Reads
only; called by `brokers.doctor` after the account itself has answered, so the key works.
"""

from datetime import timedelta
from typing import Any, cast

from brokers.base import Broker
from brokers.binance.client import VenueClient
from brokers.binance.seats import TEST
from brokers.binance.spot import SpotBroker
from brokers.errors import BrokerError, OutcomeUnknown
from brokers.types import Line

CLOCK_WARNS = timedelta(seconds=1)
"""Beyond it, requests would be refused if we did not set our timestamps by the venue's clock."""
WHERE = "at Binance, under API Management"


def lines(broker: Broker) -> list[Line]:
    spot = cast(SpotBroker, broker)
    raw = spot.client.get_account(omitZeroBalances="true")
    if not isinstance(raw, dict):
        raise OutcomeUnknown("Binance's account can't be read.")
    found = [Line("key", True, "The key and its secret work.")]
    found += _rights(spot.client, raw)
    found += [_clock(spot.client), _currency(spot)]
    return found


def _rights(client: VenueClient, account: dict[str, Any]) -> list[Line]:
    told = _restrictions(client)
    if told is None:
        return [
            _may_trade(bool(account.get("canTrade"))),
            Line("rights", True, "The testnet does not tell a key's other rights; nor do they "
                 "matter there."),
        ]  # fmt: skip
    trades = bool(told.get("enableSpotAndMarginTrading")) and bool(account.get("canTrade"))
    return [
        _may_trade(trades),
        _may_withdraw(bool(told.get("enableWithdrawals"))),
        _address(bool(told.get("ipRestrict"))),
    ]


def _restrictions(client: VenueClient) -> dict[str, Any] | None:
    """None where the venue has no such question: the testnet has no wallet."""
    if client.site.url == TEST.spot:
        return None
    told = client.get_account_api_permissions()
    if not isinstance(told, dict) or "enableWithdrawals" not in told:
        raise OutcomeUnknown("Binance did not tell what the key may do.")
    return told


def _may_trade(allowed: bool) -> Line:
    if allowed:
        return Line("trading", True, "The key may trade spot.")
    text = "The key may not trade spot, or Binance has switched the account's trading off."
    fix = f"Tick “Enable Spot & Margin Trading” for the key {WHERE}, then check again."
    return Line("trading", False, text, fix, hard=True, code="BAD_CREDENTIALS")


def _may_withdraw(allowed: bool) -> Line:
    if not allowed:
        return Line("withdrawals", True, "The key may not withdraw.")
    text = "The key may withdraw: who steals it takes everything. TradeHub never needs that right."
    fix = f"Take “Enable Withdrawals” from the key {WHERE}, or make another; then check again."
    return Line("withdrawals", False, text, fix, hard=True, code="BAD_CREDENTIALS")


def _address(restricted: bool) -> Line:
    if restricted:
        return Line("address", True, "The key works from the addresses that you named only.")
    text = "The key works from anywhere, and Binance ends such keys after some time."
    fix = f"Restrict it to this server's address {WHERE}."
    return Line("address", False, text, fix)


def _clock(client: VenueClient) -> Line:
    ahead = client.site.offset(client.now())
    if ahead is None:
        return Line("clock", False, "Binance's time is not known.", "Check again.")
    off = f"{abs(ahead).total_seconds():.1f} s"
    text = f"This server's clock and Binance's differ by {off}."
    if abs(ahead) < CLOCK_WARNS:
        return Line("clock", True, text)
    text += " Orders carry Binance's time, so they pass; times in your records are off by that."
    return Line("clock", False, text, "Have the server keep its time by NTP (systemd-timesyncd).")


def _currency(spot: SpotBroker) -> Line:
    try:
        names = sorted(each.symbol for each in spot.positions() if each.quantity < each.least)
    except BrokerError:
        names = []
    text = f"Pairs in {spot.currency} are traded; other assets count by their price in it."
    if names:
        text += f" Too little to be sold: {', '.join(names[:10])}."
    return Line("currency", True, text)
