"""What the pages say for the words and numbers of the core.

Pure: no Django, no clock. Colour never speaks alone: each tone goes with a word or an arrow.
Numbers are printed from Decimal, grouped by thousands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradehub.core.money import plain, round_nearest

CENT = Decimal("0.01")
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Tag:
    """A word, its tone (good, bad, warn, info or quiet) and what it means."""

    word: str
    tone: str
    title: str = ""


SIGNAL_TAGS: Mapping[str, Tag] = {
    "received": Tag("Received", "info", "Stored; the decision is about to be made"),
    "processed": Tag("Processed", "good", "Decided on every account"),
    "held": Tag("Held", "warn", "Waits; not final yet"),
    "invalid": Tag("Invalid", "bad", "The message could not be understood"),
    "stale": Tag("Stale", "warn", "Too old or out of order"),
    "failed": Tag("Failed", "bad", "Our fault; nothing more was sent"),
}
OUTCOME_TAGS: Mapping[str, Tag] = {
    "approved": Tag("Approved", "good", "Every check passed"),
    "denied": Tag("Denied", "warn", "One of your own rules refused it"),
    "awaiting_approval": Tag("Awaiting approval", "info", "Waits for your yes or no"),
    "nothing_to_do": Tag("Nothing to do", "quiet", "The account already is as asked"),
}
ORDER_TAGS: Mapping[str, Tag] = {
    "queued": Tag("Queued", "quiet", "Waits for its turn in the account's lane"),
    "sending": Tag("Sending", "info", "The request is on its way"),
    "open": Tag("Open", "info", "Works at the venue"),
    "partially_filled": Tag("Partly filled", "info", "Some of it is filled; the rest works"),
    "filled": Tag("Filled", "good", "Filled completely"),
    "canceled": Tag("Canceled", "quiet", "Ended by a cancel"),
    "rejected": Tag("Rejected", "bad", "The venue refused it"),
    "denied": Tag("Denied", "warn", "We refused it before sending"),
    "expired": Tag("Expired", "quiet", "Ended by its time in force"),
    "unconfirmed": Tag("Unconfirmed", "warn", "Sent; its outcome is being checked. Do not resend"),
}
EVENT_WORDS: Mapping[str, str] = {
    "send": "Sending to the venue",
    "deny": "Denied by us",
    "not_sent": "Never left us; safe to send again",
    "accept": "Accepted by the venue",
    "partial_fill": "Partly filled",
    "fill": "Filled",
    "cancel": "Canceled",
    "reject": "Rejected by the venue",
    "expire": "Expired",
    "lose": "Outcome unknown; asking the venue",
    "review": "Nothing proves its outcome; you have to look at the venue",
    "resend": "Unknown to the venue; sent again under the same id",
}
ROLE_WORDS: Mapping[str, str] = {
    "entry": "Entry",
    "exit": "Exit",
    "stop_loss": "Stop loss",
    "take_profit": "Take profit",
}
CASH_WORDS: Mapping[str, str] = {
    "realized_pnl": "Realized P&L",
    "fee": "Fees",
    "funding": "Funding",
    "interest": "Interest",
    "dividend": "Dividends",
    "transfer": "Transfers",
    "other": "Other",
}
VERB_WORDS: Mapping[str, str] = {
    "enter": "Enter",
    "exit": "Exit",
    "add": "Add to",
    "reduce": "Reduce",
    "reverse": "Reverse to",
    "target": "Target",
    "cancel": "Cancel orders of",
    "cancel_all": "Cancel all orders",
    "close_all": "Close everything",
    "breakeven": "Stop to break-even",
    "amend": "Amend",
    "pause": "Pause",
}
_SIZE_UNITS: Mapping[str, str] = {
    "percent_equity": "% of equity",
    "percent_buying_power": "% of buying power",
    "percent_position": "% of the position",
    "risk_percent": "% of equity at risk",
    "risk_amount": "at risk",
    "margin_percent": "% as margin",
    "notional": "in value",
    "quantity": "",
    "target_quantity": "to hold",
}


def grouped(number: Decimal, *, places: int | None = None) -> str:
    """`1234.5` is "1,234.5"; with places=2 "1,234.50". Below zero with a real minus sign."""
    if places is not None:
        number = round_nearest(number, Decimal(1).scaleb(-places))
        text = f"{abs(number):,.{places}f}"
    else:
        whole, dot, rest = plain(abs(number)).partition(".")
        text = f"{int(whole):,}{dot}{rest}"
    return f"{MINUS}{text}" if number < 0 else text


def money(number: Decimal | None) -> str:
    return DASH if number is None else grouped(number, places=2)


def price(number: Decimal | None) -> str:
    """Two places at least; more when the price has them, up to eight."""
    if number is None:
        return DASH
    short = round_nearest(number, Decimal("0.00000001"))
    exact = plain(short).partition(".")[2]
    return grouped(short, places=max(2, len(exact)))


def quantity(number: Decimal | None) -> str:
    return DASH if number is None else grouped(number)


def signed_money(number: Decimal | None) -> str:
    """With its sign and an arrow, so that the colour is not needed."""
    if number is None:
        return DASH
    if round_nearest(number, CENT) == 0:
        return "0.00"
    return f"▲ +{money(number)}" if number > 0 else f"▼ {money(number)}"


def tone_of(number: Decimal | None) -> str:
    if number is None or round_nearest(number, CENT) == 0:
        return "flat"
    return "up" if number > 0 else "down"


def describe_size(size: Mapping[str, Any] | None) -> str:
    """`{"mode": "percent_equity", "value": "5"}` is "5 % of equity"."""
    if not size or size.get("mode") in (None, "default") or size.get("value") is None:
        return "size as the risk profile says"
    unit = _SIZE_UNITS.get(size["mode"], size["mode"].replace("_", " "))
    return f"{quantity(Decimal(size['value']))} {unit}".strip()


def describe_intent(intent: Mapping[str, Any]) -> str:
    """ "Enter long AAPL": the verb, the side and the symbol of one intent."""
    words = [VERB_WORDS.get(intent["verb"], intent["verb"])]
    if intent.get("side"):
        words.append(intent["side"])
    if intent.get("symbol"):
        words.append(intent["symbol"])
    return " ".join(words)


def describe_intents(intents: Sequence[Mapping[str, Any]]) -> str:
    if not intents:
        return "Not understood"
    first = describe_intent(intents[0])
    return first if len(intents) == 1 else f"{first} and {len(intents) - 1} more"


def milliseconds(value: float) -> str:
    """ "3.2 ms", "412 ms", "2.41 s", "3 min 20 s": short, and never more exact than it is."""
    if abs(value) < 10:
        return f"{value:.1f} ms"
    if abs(value) < 1000:
        return f"{value:.0f} ms"
    if abs(value) < 60_000:
        return f"{value / 1000:.2f} s"
    minutes, seconds = divmod(round(value / 1000), 60)
    return f"{minutes} min {seconds} s"
