"""Options of a broker account: names, defaults, bounds. Checked here before they are stored.

Pure. Stored numbers are plain strings, so that JSON never makes a float of one. What a kind has
not built yet is refused by name, never taken and ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradehub.core.errors import BadInput
from tradehub.core.money import HUNDRED, ONE, ZERO, NotANumber, plain, to_decimal

UNSUPPORTED = "UNSUPPORTED_FIELD"
PRICE_SOURCES = ("signal", "synthetic")
LATER_PRICE_SOURCES = ("binance", "alpaca")
FIXED_ONCE_OPEN = ("starting_cash", "currency")
"""What the ledger began with; a change would rewrite history."""


@dataclass(frozen=True, slots=True)
class PaperOptions:
    starting_cash: Decimal = Decimal(100_000)
    currency: str = "USD"
    fee_percent: Decimal = ZERO
    slippage_percent: Decimal = ZERO
    allow_short: bool = True
    leverage: Decimal = ONE
    fractional: bool = False
    market_hours: bool = False
    price_source: str = "signal"
    fill_limit: Decimal | None = None
    sizing_capital: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """As stored and shown: decimals as strings."""
        return {
            name: plain(value) if isinstance(value, Decimal) else value
            for name in PAPER_OPTIONS
            for value in [getattr(self, name)]
        }


def read_paper_options(given: Mapping[str, Any]) -> PaperOptions:
    """Defaults filled in. Raises BadInput with the pointer `/options/<name>`."""
    if not isinstance(given, Mapping):
        raise BadInput("The options are an object of names and values.", pointer="/options")
    read: dict[str, Any] = {}
    for name, value in given.items():
        check = PAPER_OPTIONS.get(name)
        if check is None:
            known = ", ".join(PAPER_OPTIONS)
            raise BadInput(
                f"A paper account has no option {str(name)[:40]!r}. It has: {known}.",
                code=UNSUPPORTED,
                pointer=_pointer(str(name)),
            )
        read[name] = check(name, value)
    return PaperOptions(**read)


def change_paper_options(stored: Mapping[str, Any], given: Mapping[str, Any]) -> PaperOptions:
    """`given` laid over `stored`; what the ledger began with stays as it is."""
    changed = read_paper_options(given)
    before = read_paper_options(stored)
    for name in FIXED_ONCE_OPEN:
        if name in given and getattr(changed, name) != getattr(before, name):
            raise BadInput(
                f"{name} is fixed when a paper account is opened. Open another account instead.",
                pointer=_pointer(name),
            )
    return read_paper_options({**stored, **given})


def _pointer(name: str) -> str:
    return "/options/" + name[:40].replace("~", "~0").replace("/", "~1")


def _number(
    low: Decimal, high: Decimal, *, above_low: bool = False, empty: bool = False
) -> Callable[[str, Any], Decimal | None]:
    """A reader of numbers from `low` to `high`; `above_low` leaves `low` itself out."""
    least = f"above {plain(low)}" if above_low else f"at least {plain(low)}"

    def check(name: str, value: Any) -> Decimal | None:
        if empty and (value is None or value == ""):
            return None
        try:
            number = to_decimal(value)
        except NotANumber as error:
            raise BadInput(
                f"{name} has to be a number, written as a string.", pointer=_pointer(name)
            ) from error
        if number < low or number > high or (above_low and number == low):
            raise BadInput(
                f"{name} is {plain(number)}; it has to be {least} and at most {plain(high)}.",
                pointer=_pointer(name),
            )
        return number

    return check


def _truth(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise BadInput(f"{name} has to be true or false.", pointer=_pointer(name))


def _market_hours(name: str, value: Any) -> bool:
    if value is None or value is False:
        return False
    raise BadInput(
        "Paper accounts are always open for now; exchange sessions come later. "
        "Leave market_hours out, or send false.",
        code=UNSUPPORTED,
        pointer=_pointer(name),
    )


def _price_source(name: str, value: Any) -> str:
    if value in PRICE_SOURCES:
        return str(value)
    known = " or ".join(PRICE_SOURCES)
    if value in LATER_PRICE_SOURCES:
        raise BadInput(
            f"Prices from {value} come later. For now price_source is {known}.",
            code=UNSUPPORTED,
            pointer=_pointer(name),
        )
    raise BadInput(f"price_source has to be {known}.", pointer=_pointer(name))


def _currency(name: str, value: Any) -> str:
    if isinstance(value, str) and value.isascii() and value.isalnum() and 2 <= len(value) <= 10:
        return value.upper()
    raise BadInput("currency is a code such as USD.", pointer=_pointer(name))


_MOST = Decimal(10) ** 15

PAPER_OPTIONS: Mapping[str, Callable[[str, Any], Any]] = {
    "starting_cash": _number(ZERO, _MOST, above_low=True),
    "currency": _currency,
    "fee_percent": _number(ZERO, Decimal(10)),
    "slippage_percent": _number(ZERO, Decimal(10)),
    "allow_short": _truth,
    "leverage": _number(ONE, HUNDRED),
    "fractional": _truth,
    "market_hours": _market_hours,
    "price_source": _price_source,
    "fill_limit": _number(ZERO, _MOST, above_low=True, empty=True),
    "sizing_capital": _number(ZERO, _MOST, above_low=True, empty=True),
}
