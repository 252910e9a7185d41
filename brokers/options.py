"""Options of a broker account: names, defaults, bounds. Checked here before they are stored.

Pure. Each kind has a table of readers; what an account leaves out takes its default. Stored numbers
are plain strings, so that JSON never makes a float of one. What a kind has not built yet is refused
by name, never taken and ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradehub.core.errors import BadInput
from tradehub.core.money import HUNDRED, ONE, ZERO, NotANumber, plain, to_decimal

UNSUPPORTED = "UNSUPPORTED_FIELD"
PRICE_SOURCES = ("signal", "binance", "alpaca", "synthetic")
FIXED_ONCE_OPEN = ("starting_cash", "currency")
"""What the ledger began with; a change would rewrite history."""

Reader = Callable[[str, Any], Any]
"""Takes an option's name and what was given; the value. Raises BadInput."""


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
        return {name: _as_json(getattr(self, name)) for name in PAPER_OPTIONS}


def read_paper_options(given: Mapping[str, Any]) -> PaperOptions:
    """Defaults filled in. Raises BadInput with the pointer `/options/<name>`."""
    return PaperOptions(**_read(given, PAPER_OPTIONS))


def read_options(given: Mapping[str, Any], table: Mapping[str, Reader]) -> dict[str, Any]:
    """As stored: every option of the table, decimals as strings. Raises as above."""
    read = _defaults(table) | _read(given, table)
    return {name: _as_json(read[name]) for name in table}


def change_options(
    stored: Mapping[str, Any], given: Mapping[str, Any], table: Mapping[str, Reader]
) -> dict[str, Any]:
    """`given` laid over `stored`, as stored."""
    if table is PAPER_OPTIONS:
        return change_paper_options(stored, given).to_json()
    changed = read_options({**stored, **_checked(given)}, table)
    before = read_options(stored, table)
    if changed.get("quote_currency") != before.get("quote_currency"):
        raise BadInput(
            "quote_currency is fixed when an account is opened, for its books are in it. Open "
            "another account instead.",
            pointer=_pointer("quote_currency"),
        )
    return changed


def _checked(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise BadInput("The options are an object of names and values.", pointer="/options")
    return given


def _read(given: Mapping[str, Any], table: Mapping[str, Reader]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in _checked(given).items():
        check = table.get(name)
        if check is None:
            raise BadInput(
                f"This kind of account has no option {str(name)[:40]!r}. It has: "
                f"{', '.join(table)}.",
                code=UNSUPPORTED,
                pointer=_pointer(str(name)),
            )
        read[name] = check(name, value)
    return read


def _defaults(table: Mapping[str, Reader]) -> dict[str, Any]:
    if table is PAPER_OPTIONS:
        return {name: getattr(PaperOptions(), name) for name in table}
    return {name: VENUE_DEFAULTS[name] for name in table}


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


def _as_json(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


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


def _leverage(name: str, value: Any) -> Decimal:
    number = _number(ONE, Decimal(125))(name, value)
    if number is None or number % 1:
        raise BadInput(
            f"{name} has to be a whole number: the venue has no parts of it.",
            pointer=_pointer(name),
        )
    return number


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


def _one_of(*allowed: str) -> Reader:
    def check(name: str, value: Any) -> str:
        if value in allowed:
            return str(value)
        raise BadInput(f"{name} has to be {' or '.join(allowed)}.", pointer=_pointer(name))

    return check


def _currency(name: str, value: Any) -> str:
    if isinstance(value, str) and value.isascii() and value.isalnum() and 2 <= len(value) <= 10:
        return value.upper()
    raise BadInput("currency is a code such as USD.", pointer=_pointer(name))


_MOST = Decimal(10) ** 15

_CAPITAL = _number(ZERO, _MOST, above_low=True, empty=True)

PAPER_OPTIONS: Mapping[str, Reader] = {
    "starting_cash": _number(ZERO, _MOST, above_low=True),
    "currency": _currency,
    "fee_percent": _number(ZERO, Decimal(10)),
    "slippage_percent": _number(ZERO, Decimal(10)),
    "allow_short": _truth,
    "leverage": _number(ONE, HUNDRED),
    "fractional": _truth,
    "market_hours": _market_hours,
    "price_source": _one_of(*PRICE_SOURCES),
    "fill_limit": _number(ZERO, _MOST, above_low=True, empty=True),
    "sizing_capital": _CAPITAL,
}
BINANCE_SPOT_OPTIONS: Mapping[str, Reader] = {
    "quote_currency": _currency,
    "sizing_capital": _CAPITAL,
    "targets": _one_of("rest", "watch"),
}
ALPACA_OPTIONS: Mapping[str, Reader] = {
    "feed": _one_of("iex", "sip"),
    "fractional": _truth,
    "sizing_capital": _CAPITAL,
    "targets": _one_of("rest", "watch"),
}
FUTURES_OPTIONS: Mapping[str, Reader] = {
    "quote_currency": _currency,
    "leverage": _leverage,
    "margin_mode": _one_of("isolated", "cross"),
    "position_mode": _one_of("one_way", "hedge"),
    "stops": _one_of("reduce_only", "close_position"),
    "sizing_capital": _CAPITAL,
}
VENUE_DEFAULTS: Mapping[str, Any] = {
    "feed": "iex",
    "fractional": False,
    "leverage": ONE,
    "margin_mode": "isolated",
    "position_mode": "one_way",
    "quote_currency": "USDT",
    "sizing_capital": None,
    "stops": "reduce_only",
    "targets": "rest",
}
"""Of the kinds that are no paper. Isolated: one symbol's losses can't eat another's margin."""
