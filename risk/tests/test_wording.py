"""Numbers as people read them. No database."""

from decimal import Decimal

import pytest

from risk import wording


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1505", "1,505.00"),
        ("-1234567.5", "-1,234,567.50"),
        ("0", "0.00"),
        ("0.00012", "0.00012"),
        ("-0.004", "-0.004"),
        ("999.999999635", "999.99999964"),
    ],
)
def test_money(number: str, text: str) -> None:
    assert wording.money(Decimal(number)) == text


def test_quantities_percents_seconds_and_lists() -> None:
    assert wording.quantity(Decimal("1000.500")) == "1,000.5"
    assert wording.percent(Decimal("2.00999")) == "2.01 %"
    assert wording.percent(Decimal("0.0005")) == "0.0005 %"
    assert wording.seconds(Decimal("42.04")) == "42 s"
    assert wording.seconds(Decimal("600")) == "10 min"
    assert wording.seconds(Decimal("7500")) == "2 h 05 min"
    assert wording.listing(["a", "b", "c"]) == "a, b and c"
    assert wording.listing([]) == ""
