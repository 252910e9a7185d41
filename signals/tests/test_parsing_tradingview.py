"""The transitions of a TradingView strategy, and the sizes that go with them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from signals.parsing import ParseProblem, parse_alert
from tradehub.core.intent import Intent
from tradehub.core.words import PositionSide, SizeMode, Verb


def read(**fields: Any) -> Intent:
    (intent,) = parse_alert(json.dumps({"ticker": "BTCUSDT", **fields}).encode()).intents
    return intent


def refused(**fields: Any) -> tuple[str, str]:
    with pytest.raises(ParseProblem) as caught:
        read(**fields)
    return caught.value.code, caught.value.errors[0].pointer


@pytest.mark.parametrize(
    ("action", "before", "after", "verb", "side"),
    [
        ("buy", "flat", "long", "enter", "long"),
        ("sell", "long", "flat", "exit", "long"),
        ("sell", "long", "short", "reverse", "short"),
        ("buy", "long", "long", "enter", "long"),
        ("sell", "long", "long", "reduce", "long"),
        ("sell", "flat", "short", "enter", "short"),
        ("buy", "short", "flat", "exit", "short"),
        ("buy", "short", "long", "reverse", "long"),
        ("sell", "short", "short", "enter", "short"),
        ("buy", "short", "short", "reduce", "short"),
        ("buy", None, "long", "enter", "long"),
        ("sell", None, "short", "enter", "short"),
        ("sell", None, "flat", "exit", "long"),
        ("buy", None, "flat", "exit", "short"),
        ("sell", None, "long", "reduce", "long"),
        ("buy", None, "short", "reduce", "short"),
        ("sell", "flat", "flat", "exit", "long"),
        ("buy", "long", "flat", "exit", "long"),
        ("close", "long", "flat", "exit", None),
        ("long", None, "long", "enter", "long"),
        ("enter_short", "long", "short", "reverse", "short"),
        ("reverse", None, "short", "reverse", "short"),
        (None, None, "long", "enter", "long"),
        (None, "long", "flat", "exit", "long"),
        (None, None, "flat", "exit", None),
        (None, "long", "short", "reverse", "short"),
    ],
)
@pytest.mark.parametrize("name", ["sentiment", "market_position"])
def test_the_transition_says_the_verb(
    action: str | None, before: str | None, after: str, verb: str, side: str | None, name: str
) -> None:
    intent = read(
        **{"action": action, "prev_market_position": before, name: after.upper(), "contracts": 5}
    )

    assert (intent.verb, intent.side) == (verb, side)


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("sell", "flat", "long"), ("buy", "flat", "short"), ("sell", "short", "long"),
     ("buy", "long", "short"), ("long", None, "short"), ("enter_long", None, "flat")],
)  # fmt: skip
def test_an_order_that_cannot_lead_there_is_refused(
    action: str, before: str | None, after: str
) -> None:
    fields = {"action": action, "prev_market_position": before, "sentiment": after, "qty": 1}

    assert refused(**fields) == ("CONTRADICTORY_FIELDS", "/action")


def flip(**fields: Any) -> Intent:
    return read(
        action="sell", market_position="short", prev_market_position="long", contracts=8, **fields
    )


def test_a_flip_enters_the_new_size_only() -> None:
    assert flip(market_position_size=3).size.value == 3
    assert flip(position_size="-3").size.value == 3
    assert flip(position_size=-3).expected_position == -3
    assert flip(prev_market_position_size=5).size.value == 3
    assert flip(prev_market_position_size=5).previous_position == 5
    assert flip().size.value == 8
    assert "size_note" in flip().extras
    assert "size_note" not in flip(position_size=-3).extras


def test_sizes_of_entries_exits_and_reductions() -> None:
    reduction = read(action="sell", sentiment="long", contracts="2")
    entry = read(action="buy", sentiment="long", prev_market_position="flat", position_size=4)
    further = read(action="buy", sentiment="long", prev_market_position="long", position_size=4)
    exit_ = read(action="sell", sentiment="flat", contracts=5, position_size=0)
    shrunk = read(
        market_position="long", prev_market_position="long", market_position_size=3,
        prev_market_position_size=5,
    )  # fmt: skip

    assert reduction.size.value == 2
    assert entry.size.value == entry.expected_position == 4
    assert entry.previous_position == 0
    assert further.size.mode is SizeMode.DEFAULT
    assert exit_.size.mode is SizeMode.DEFAULT
    assert exit_.expected_position == 0
    assert (shrunk.verb, shrunk.size.value) == (Verb.REDUCE, Decimal(2))
    assert refused(action="sell", sentiment="long") == ("MISSING_FIELD", "/quantity")


def test_a_position_size_is_not_the_orders_size() -> None:
    intent = read(action="sell", position_size=5, contracts=2)

    assert (intent.verb, intent.side) == (Verb.ENTER, PositionSide.SHORT)
    assert intent.size.value == 2
    assert intent.expected_position is None


def test_contradictions_and_words() -> None:
    assert refused(action="buy", sentiment="long", market_position="short", qty=1) == (
        "CONTRADICTORY_FIELDS",
        "/market_position",
    )
    assert refused(action="buy", market_position="long", position_size=-1) == (
        "CONTRADICTORY_FIELDS",
        "/position_size",
    )
    assert refused(
        action="buy", market_position="long", position_size=1, market_position_size=2
    ) == ("CONTRADICTORY_FIELDS", "/position_size")
    assert refused(action="exit", sentiment="long") == ("CONTRADICTORY_FIELDS", "/action")
    assert read(action="exit", sentiment="long", qty=1).size.value == 1
    assert refused(action="buy", sentiment="up") == ("INVALID_FIELD", "/sentiment")
    assert refused(position_size=1) == ("MISSING_FIELD", "/action")
    assert refused(action="moon", sentiment="long") == ("UNKNOWN_ACTION", "/action")
    assert refused(action="open", sentiment="flat") == ("MISSING_FIELD", "/side")
    assert read(action="open", sentiment="bearish").side == "short"
