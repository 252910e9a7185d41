"""Who asks, and whether just now: key, signature and timestamp as Binance checks them. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Protocol, TypeVar

from tests.venues.binance.books import Refused

MOST_WINDOW = 60_000


class Keyed(Protocol):
    """An account, of spot or of futures."""

    key: str
    secret: str


K = TypeVar("K", bound=Keyed)


def signature(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def without_signature(text: str) -> str:
    """The raw query or body, as it was sent."""
    return "&".join(each for each in text.split("&") if not each.startswith("signature="))


def account_of(accounts: Mapping[str, K], key: str) -> K:
    """Raises Refused."""
    if not key.isalnum():
        raise Refused(-2014, "API-key format invalid.", status=401)
    if key not in accounts:
        text = "Invalid API-key, IP, or permissions for action."
        raise Refused(-2015, text, status=401)
    return accounts[key]


def check_signature(account: Keyed, query: str, body: str, params: Mapping[str, str]) -> None:
    """Over query and body, one after the other with nothing between them."""
    if "signature" not in params:
        text = "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
        raise Refused(-1102, text)
    right = signature(account.secret, without_signature(query) + without_signature(body))
    if not hmac.compare_digest(right, params["signature"].lower()):
        raise Refused(-1022, "Signature for this request is not valid.")


def check_time(params: Mapping[str, str], now: int) -> None:
    """`now` in milliseconds."""
    try:
        sent, window = int(params["timestamp"]), Decimal(params.get("recvWindow", "5000"))
    except (KeyError, ValueError, InvalidOperation) as error:
        text = "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
        raise Refused(-1102, text) from error
    if window > MOST_WINDOW:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    if sent >= now + 1000:
        text = "Timestamp for this request was 1000ms ahead of the server's time."
        raise Refused(-1021, text)
    if now - sent > window:
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")
