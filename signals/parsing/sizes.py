"""How much: the size of an alert, in one of the modes of `SizeMode`."""

from decimal import Decimal

from signals.parsing.actions import CLOSING, SIZELESS
from signals.parsing.fields import Fields
from tradehub.core.intent import Size
from tradehub.core.money import HUNDRED
from tradehub.core.words import SizeMode, Verb

DEFAULT = Size()

_TYPES = {
    **dict.fromkeys(
        ("quantity", "fixed_quantity", "contracts", "shares", "units", "base"), SizeMode.QUANTITY
    ),
    **dict.fromkeys(
        ("notional", "dollar_amount", "amount_per_position", "cash", "quote", "usd"),
        SizeMode.NOTIONAL,
    ),
    **dict.fromkeys(("percent_equity", "percent_of_equity"), SizeMode.PERCENT_EQUITY),
    **dict.fromkeys(("percent_position", "percent_of_position"), SizeMode.PERCENT_POSITION),
    "percent_buying_power": SizeMode.PERCENT_BUYING_POWER,
    "risk_percent": SizeMode.RISK_PERCENT,
    **dict.fromkeys(
        ("risk_amount", "risk_dollar_amount", "risk_per_position"), SizeMode.RISK_AMOUNT
    ),
    "margin_percent": SizeMode.MARGIN_PERCENT,
}
_PERCENTS = frozenset(mode for mode in SizeMode if "percent" in mode.value)
_OTHER_FIELDS = (
    ("notional", SizeMode.NOTIONAL),
    ("percent_equity", SizeMode.PERCENT_EQUITY),
    ("percent_position", SizeMode.PERCENT_POSITION),
    ("risk_percent", SizeMode.RISK_PERCENT),
    ("risk_amount", SizeMode.RISK_AMOUNT),
)
_ALL_FIELDS = ("quantity", "percent", *(name for name, _ in _OTHER_FIELDS))


def read_size(fields: Fields, verb: Verb) -> Size:
    """The size an alert says; DEFAULT when it says none. Read, and so checked, for every verb;
    what closes or cancels everything has no size."""
    said = [name for name in _ALL_FIELDS if name in fields.said]
    if len(said) > 1:
        for name in said[1:]:
            fields.contradiction(name, f"The size is said twice, by `{said[0]}` and `{name}`.")
        return DEFAULT
    size = _read(fields, said[0], verb) if said else DEFAULT
    if not said and fields.has("quantity_type"):
        fields.missing("quantity", "A kind of size is said, but no size.")
    if verb is Verb.REDUCE and not said:
        fields.missing("quantity", "A reduction needs a size.")
    return DEFAULT if verb in SIZELESS else size


def _read(fields: Fields, name: str, verb: Verb) -> Size:
    if name == "quantity":
        mode = fields.choice("quantity_type", _TYPES)
        if mode is None:
            mode = _percent_mode(verb) if fields.is_percent(name) else SizeMode.QUANTITY
    elif name == "percent":
        mode = _percent_mode(verb)
    else:
        mode = dict(_OTHER_FIELDS)[name]
    return _sized(mode, _value(fields, name, mode))


def _value(fields: Fields, name: str, mode: SizeMode) -> Decimal | None:
    if mode not in _PERCENTS:
        return fields.positive(name)
    value = fields.percent(name)
    if value is not None and mode is SizeMode.PERCENT_POSITION and value > HUNDRED:
        fields.invalid(name, f"{value} % is more than the whole position.")
        return None
    return value


def _percent_mode(verb: Verb) -> SizeMode:
    return SizeMode.PERCENT_POSITION if verb in CLOSING else SizeMode.PERCENT_EQUITY


def _sized(mode: SizeMode, value: Decimal | None) -> Size:
    return DEFAULT if value is None else Size(mode, value)
