"""Words and numbers of the pages. Pure: no database."""

from decimal import Decimal

import pytest

from dashboard import wording
from dashboard.messages import ready_messages
from dashboard.wording import DASH, MINUS
from tradehub.core.words import OrderStatus, Outcome, SignalStatus, Verb


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0.00"),
        ("1234567.891", "1,234,567.89"),
        ("-0.005", "0.00"),
        ("-1234.5", f"{MINUS}1,234.50"),
        ("1E+3", "1,000.00"),
    ],
)
def test_money_has_two_places(number: str, text: str) -> None:
    assert wording.money(Decimal(number)) == text


def test_a_price_keeps_the_digits_that_it_has() -> None:
    assert wording.price(Decimal("0.00001234")) == "0.00001234"
    assert wording.price(Decimal("96250.5")) == "96,250.50"
    assert wording.price(Decimal("1.123456789123")) == "1.12345679"


def test_a_quantity_loses_no_digit() -> None:
    assert wording.quantity(Decimal("1234567.000000010")) == "1,234,567.00000001"


@pytest.mark.parametrize(
    ("number", "text", "tone"),
    [
        (None, DASH, "flat"),
        ("0.004", "0.00", "flat"),
        ("12.3", "▲ +12.30", "up"),
        ("-12.3", f"▼ {MINUS}12.30", "down"),
    ],
)
def test_a_gain_speaks_without_colour(number: str | None, text: str, tone: str) -> None:
    value = None if number is None else Decimal(number)
    assert wording.signed_money(value) == text
    assert wording.tone_of(value) == tone


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "size as the risk profile says"),
        ({"mode": "default", "value": None}, "size as the risk profile says"),
        ({"mode": "quantity", "value": "0.001"}, "0.001"),
        ({"mode": "percent_equity", "value": "5"}, "5 % of equity"),
        ({"mode": "notional", "value": "2500"}, "2,500 in value"),
    ],
)
def test_a_size_in_words(size: dict[str, str] | None, text: str) -> None:
    assert wording.describe_size(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.42, "0.4 ms"), (41.6, "42 ms"), (2414.0, "2.41 s"), (200_000.0, "3 min 20 s")],
)
def test_durations_are_short(value: float, text: str) -> None:
    assert wording.milliseconds(value) == text


def test_every_word_of_the_core_has_one_on_the_page() -> None:
    assert set(wording.SIGNAL_TAGS) == set(SignalStatus)
    assert set(wording.OUTCOME_TAGS) == set(Outcome)
    assert set(wording.ORDER_TAGS) == set(OrderStatus)
    assert set(wording.VERB_WORDS) == set(Verb)


def test_messages_keep_tradingviews_placeholders() -> None:
    messages = {each.key: each.text for each in ready_messages("https://hub.example/webhook/t")}
    assert "{{strategy.order.action}}" in messages["strategy"]
    assert "{{ticker}}" in messages["indicator"]
    assert "https://hub.example/webhook/t" in messages["curl"]
