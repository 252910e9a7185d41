"""Decimals: parsing, rounding, writing. The only place that rounds, and each rounding is named.

Pure. Floats are refused: money and quantities are Decimal from the byte to the column.
"""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

MAX_DIGITS = 28
"""Significant digits that a stored number may have."""
MAX_EXPONENT = 18
"""Largest power of ten, either way, that a number may reach."""

# More precise than any stored number, so that products of two of them are exact.
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)


class NotANumber(ValueError):
    """The text is no finite decimal number within bounds."""


def to_decimal(value: str | int | Decimal) -> Decimal:
    """A finite Decimal within MAX_DIGITS and MAX_EXPONENT. Raises NotANumber."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise NotANumber(f"{type(value).__name__} is not a number")
    if isinstance(value, str):
        value = value.strip()
        if len(value) > 64 or "_" in value or not value.isascii():
            raise NotANumber("not a number")
    elif isinstance(value, int) and value.bit_length() > 128:
        raise NotANumber("too large")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise NotANumber("not a number") from error
    if not number.is_finite():
        raise NotANumber("not a finite number")
    if number and (
        abs(number.adjusted()) > MAX_EXPONENT or len(number.as_tuple().digits) > MAX_DIGITS
    ):
        raise NotANumber("too many digits")
    return number


def plain(number: Decimal) -> str:
    """The shortest plain text of a number: no exponent, no trailing zeros ("1E+2" is "100")."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_or_none(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def round_down(number: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `number` in size: a quantity is never rounded up."""
    return _round(number, step, ROUND_DOWN)


def round_up(number: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `number`: for a minimum that must be reached."""
    return _round(number, step, ROUND_CEILING)


def round_nearest(number: Decimal, step: Decimal) -> Decimal:
    """The nearest multiple of `step`, half to even: for prices on a tick."""
    return _round(number, step, ROUND_HALF_EVEN)


def percent_of(whole: Decimal, percent: Decimal) -> Decimal:
    """`percent` (2 is 2 %) of `whole`."""
    return EXACT.divide(EXACT.multiply(whole, percent), HUNDRED)


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole to 28 digits. Raises ZeroDivisionError for an empty whole."""
    if not whole:
        raise ZeroDivisionError("a share of nothing")
    return Decimal(Context(prec=MAX_DIGITS).divide(part, whole))


def shortened(number: Decimal) -> Decimal:
    """To MAX_DIGITS digits, half to even: for a product or a quotient that is only shown."""
    return Context(prec=MAX_DIGITS, rounding=ROUND_HALF_EVEN).plus(number)


def _round(number: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0:
        raise ValueError("a step is above zero")
    steps = EXACT.divide(number, step).to_integral_value(rounding=rounding)
    return EXACT.multiply(steps, step)
