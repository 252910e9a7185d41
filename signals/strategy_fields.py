"""What each field of a strategy and of a webhook token accepts.

Pure. The doors (API, forms, commands) hand over strings, numbers or None; out comes what the row
stores, or BadInput with a JSON pointer. None and "" mean "not set". A field that is not known is
refused, since an ignored setting would be one that its user counts on.
"""

import ipaddress
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from orders.terms import OVERRIDABLE
from tradehub.core.errors import BadInput
from tradehub.core.money import HUNDRED, ZERO, NotANumber, plain, to_decimal
from tradehub.core.symbols import BadSymbol, parse_symbol
from tradehub.core.words import OrderType, TimeInForce

MAX_NAMES = 500
"""Symbols in one list, or entries in one map."""
MAX_ADDRESSES = 100
MAX_SECRET = 200

Parser = Callable[[str, Any], Any]


def parse_fields(given: Mapping[str, Any], parsers: Mapping[str, Parser]) -> dict[str, Any]:
    """Every field of `given`, checked."""
    parsed = {}
    for name, value in given.items():
        parser = parsers.get(name)
        if parser is None:
            text = f"There is no such field. Known: {', '.join(parsers)}."
            raise BadInput(text, code="UNSUPPORTED_FIELD", pointer=f"/{_escaped(str(name))}")
        parsed[name] = parser(f"/{name}", value)
    return parsed


def _name(pointer: str, value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text or len(text) > 80 or not text.isprintable():
        raise BadInput("Give a name of 1 to 80 characters.", pointer=pointer)
    return text


def _text(most: int) -> Parser:
    def check(pointer: str, value: Any) -> str:
        text = value.strip() if isinstance(value, str) else ""
        wrong = not (value is None or isinstance(value, str))
        if wrong or len(text) > most or (text and not text.isprintable()):
            raise BadInput(f"Give a text of at most {most} characters.", pointer=pointer)
        return text

    return check


def _secret(pointer: str, value: Any) -> str:
    """As it is: blanks at its ends may be meant. Empty removes it."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_SECRET or "\x00" in value:
        raise BadInput(f"Give a secret of at most {MAX_SECRET} characters.", pointer=pointer)
    return value


def _word(*words: str) -> Parser:
    def check(pointer: str, value: Any) -> str:
        if value not in words:
            text = f'"{str(value)[:40]}" is none of: {", ".join(words)}.'
            raise BadInput(text, pointer=pointer)
        return str(value)

    return check


def _so_far(only: str | None, *later: str) -> Parser:
    """A setting of which one value works in this version: another would be one that its owner
    counts on in vain."""

    def check(pointer: str, value: Any) -> str | None:
        if only is not None:
            _word(only, *later)(pointer, value)
        if value != only:
            text = "This setting has no effect yet in this version, so it can't be set."
            raise BadInput(text, code="UNSUPPORTED_FIELD", pointer=pointer)
        return only

    return check


def _number(most: Decimal) -> Parser:
    """A decimal above zero and at most `most`; None when it is not set."""

    def check(pointer: str, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        number = to_number(pointer, value)
        if number <= ZERO or number > most:
            text = f"{plain(number)} is not above 0 and at most {plain(most)}. Empty: not set."
            raise BadInput(text, pointer=pointer)
        return number

    return check


def _count(least: int, most: int, *, empty: bool = False) -> Parser:
    def check(pointer: str, value: Any) -> int | None:
        if empty and (value is None or value == ""):
            return None
        number = to_number(pointer, value)
        if number != int(number) or not least <= number <= most:
            text = f"{plain(number)} is not a whole number from {least} to {most}."
            raise BadInput(text, pointer=pointer)
        return int(number)

    return check


def to_number(pointer: str, value: Any) -> Decimal:
    try:
        return to_decimal(value)
    except NotANumber as error:
        raise BadInput(f"Give a decimal number: {error}.", pointer=pointer) from error


def positive(pointer: str, value: Any) -> Decimal:
    """A number above zero that must be there, such as a multiplier."""
    number = to_number(pointer, value)
    if number <= ZERO or number > _MANY:
        text = f"{plain(number)} is not above 0 and at most {plain(_MANY)}."
        raise BadInput(text, pointer=pointer)
    return number


def _flag(pointer: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInput("Say true or false.", pointer=pointer)
    return value


def _symbols(pointer: str, value: Any) -> list[str]:
    """A list, or text with commas or blanks between; canonical names, each once."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MAX_NAMES:
        raise BadInput(f"Give a list of at most {MAX_NAMES} symbols.", pointer=pointer)
    names = [_symbol(f"{pointer}/{place}", each) for place, each in enumerate(value)]
    return list(dict.fromkeys(names))


def _symbol(pointer: str, value: Any) -> str:
    try:
        return parse_symbol(value if isinstance(value, str) else "").name
    except BadSymbol as error:
        raise BadInput(f'"{str(value)[:40]}" is not a symbol.', pointer=pointer) from error


def _symbol_map(pointer: str, value: Any) -> dict[str, str]:
    """What an alert says (`NQ1!`, `CME:NQ1!`) to what is traded; keys as the parser spells them."""
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping) or len(value) > MAX_NAMES:
        text = f'Give an object of at most {MAX_NAMES} pairs, such as {{"NQ1!": "QQQ"}}.'
        raise BadInput(text, pointer=pointer)
    pairs = {}
    for said, traded in value.items():
        inside = f"{pointer}/{_escaped(str(said))}"
        try:
            symbol = parse_symbol(str(said))
        except BadSymbol as error:
            raise BadInput(f'"{str(said)[:40]}" is not a symbol.', pointer=inside) from error
        name = f"{symbol.exchange}:{symbol.name}" if symbol.exchange else symbol.name
        pairs[name] = _symbol(inside, traded)
    return pairs


def _overrides(pointer: str, value: Any) -> list[str] | None:
    """None is the default: all but leverage and size."""
    if value is None or value == "":
        return None
    if not isinstance(value, list | tuple):
        raise BadInput("Give a list of field names.", pointer=pointer)
    for place, each in enumerate(value):
        _word(*OVERRIDABLE)(f"{pointer}/{place}", each)
    return [each for each in OVERRIDABLE if each in value]


def _addresses(pointer: str, value: Any) -> list[str]:
    """Addresses and networks; a list, or text with commas or blanks between."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MAX_ADDRESSES:
        raise BadInput(f"Give a list of at most {MAX_ADDRESSES} addresses.", pointer=pointer)
    networks = [_address(f"{pointer}/{place}", each) for place, each in enumerate(value)]
    return list(dict.fromkeys(networks))


def _address(pointer: str, value: Any) -> str:
    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError as error:
        text = f'"{str(value)[:60]}" is no address or network, such as 203.0.113.7.'
        raise BadInput(text, pointer=pointer) from error
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def _moment(pointer: str, value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            found = None
    if not isinstance(found, datetime) or found.tzinfo is None:
        text = "Give a time with its zone, such as 2030-01-31T12:00:00Z."
        raise BadInput(text, pointer=pointer)
    return found


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:60]


_MANY = Decimal(1_000_000)
_YEAR = 366 * 24 * 3600

STRATEGY_FIELDS: Mapping[str, Parser] = MappingProxyType(
    {
        "name": _name,
        "direction": _word("both", "long_only", "short_only"),
        "symbols": _symbols,
        "match": _text(120),
        "symbol_map": _symbol_map,
        "leverage": _number(Decimal(1_000)),
        "default_order_type": _word(*(each.value for each in OrderType)),
        "default_time_in_force": _word(*(each.value for each in TimeInForce)),
        "default_stop_loss_percent": _number(HUNDRED),
        "default_take_profit_percent": _number(Decimal(100_000)),
        "on_opposite": _word("close", "reverse", "ignore"),
        "max_adds": _count(0, 10_000),
        "flip_quantity": _word("new", "old_plus_new"),
        "on_gap": _so_far("record", "halt", "resync"),
        "session_policy": _so_far("reject", "queue", "extended_limit"),
        "fan_out": _so_far("best_effort", "all_or_none", "quorum"),
        "approval_expires_seconds": _so_far(None),
        "approval_max_drift_percent": _so_far(None),
        "signal_overrides": _overrides,
    }
)

WEBHOOK_OPTIONS: Mapping[str, Parser] = MappingProxyType(
    {
        "passphrase": _secret,
        "hmac_secret": _secret,
        "allowed_ips": _addresses,
        "tradingview_only": _flag,
        "requests_per_minute": _count(1, 1_000_000),
        "wait_seconds": _number(Decimal(2)),
        "expires_at": _moment,
    }
)

TOKEN_FIELDS: Mapping[str, Parser] = MappingProxyType(
    {
        "label": _text(80),
        "strategy": lambda pointer, value: value,
        "default_strategy": lambda pointer, value: value,
        **WEBHOOK_OPTIONS,
    }
)
"""Of a token: the two strategies are rows, whose owner the service checks."""
