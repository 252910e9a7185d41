"""The account doctor's lines that spot and futures share: what a key may do, and the clock.

A key that may withdraw is not traded with: whoever got hold of it could take everything. A key's
rights are told by Binance's wallet, which lives at spot's address; the testnets have none.
"""

from datetime import timedelta
from typing import Any

from brokers.binance.client import VenueClient
from brokers.binance.seats import TEST
from brokers.errors import OutcomeUnknown
from brokers.types import Line

CLOCK_WARNS = timedelta(seconds=1)
"""Beyond it, requests would be refused if we did not set our timestamps by the venue's clock."""
WHERE = "at Binance, under API Management"


def restrictions(client: VenueClient) -> dict[str, Any] | None:
    """None where the venue has no such question: the testnet has no wallet."""
    if client.MARGIN_API_URL.startswith(TEST.spot):
        return None
    told = client.get_account_api_permissions()
    if not isinstance(told, dict) or "enableWithdrawals" not in told:
        raise OutcomeUnknown("Binance did not tell what the key may do.")
    return told


def on_testnet() -> Line:
    text = "The testnet does not tell a key's other rights; nor do they matter there."
    return Line("rights", True, text)


def may_trade(allowed: bool, market: str, right: str) -> Line:
    """`right`: what Binance calls it."""
    if allowed:
        return Line("trading", True, f"The key may trade {market}.")
    text = f"The key may not trade {market}, or Binance has switched the account's trading off."
    fix = f"Tick “{right}” for the key {WHERE}, then check again."
    return Line("trading", False, text, fix, hard=True, code="BAD_CREDENTIALS")


def may_withdraw(allowed: bool) -> Line:
    if not allowed:
        return Line("withdrawals", True, "The key may not withdraw.")
    text = "The key may withdraw: who steals it takes everything. TradeHub never needs that right."
    fix = f"Take “Enable Withdrawals” from the key {WHERE}, or make another; then check again."
    return Line("withdrawals", False, text, fix, hard=True, code="BAD_CREDENTIALS")


def from_where(restricted: bool) -> Line:
    if restricted:
        return Line("address", True, "The key works from the addresses that you named only.")
    text = "The key works from anywhere, and Binance ends such keys after some time."
    fix = f"Restrict it to this server's address {WHERE}."
    return Line("address", False, text, fix)


def clock(client: VenueClient) -> Line:
    ahead = client.site.offset(client.now())
    if ahead is None:
        return Line("clock", False, "Binance's time is not known.", "Check again.")
    off = f"{abs(ahead).total_seconds():.1f} s"
    text = f"This server's clock and Binance's differ by {off}."
    if abs(ahead) < CLOCK_WARNS:
        return Line("clock", True, text)
    text += " Orders carry Binance's time, so they pass; times in your records are off by that."
    return Line("clock", False, text, "Have the server keep its time by NTP (systemd-timesyncd).")
