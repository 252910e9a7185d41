"""Frozen terms: what an alert may set, what the strategy fills in, and that JSON loses nothing."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.terms import DEFAULT_OVERRIDES, OVERRIDABLE, Terms, effective_intent, mapped_symbol
from tradehub.core.intent import Intent, Size, StopLoss, TakeProfit
from tradehub.core.words import (
    OrderSource,
    OrderType,
    SizeMode,
    SubscriptionMode,
    TimeInForce,
    Verb,
)

D = Decimal


def buy(**more: object) -> Intent:
    return Intent(symbol="AAPL", verb=Verb.ENTER, **more)  # type: ignore[arg-type]  # a builder


@given(
    st.builds(
        Terms,
        strategy=st.none() | st.just("str_1"),
        risk_profile=st.none() | st.just("rsk_1"),
        direction=st.sampled_from(["both", "long_only", "short_only"]),
        symbols=st.lists(st.sampled_from(["AAPL", "BTCUSDT.P"])).map(tuple),
        match=st.text(max_size=5),
        symbol_map=st.dictionaries(st.just("NQ1!"), st.just("QQQ")),
        default_order_type=st.sampled_from(list(OrderType)),
        default_time_in_force=st.sampled_from(list(TimeInForce)),
        default_stop_loss_percent=st.none() | st.decimals("0.01", "50", places=2),
        default_take_profit_percent=st.none() | st.decimals("0.01", "50", places=2),
        on_opposite=st.sampled_from(["close", "reverse", "ignore"]),
        max_adds=st.integers(0, 9),
        flip_quantity=st.sampled_from(["new", "old_plus_new"]),
        overrides=st.frozensets(st.sampled_from(OVERRIDABLE)),
        multiplier=st.decimals("0.01", "9", places=2),
        mode=st.sampled_from(list(SubscriptionMode)),
        source=st.sampled_from(list(OrderSource)),
    )
)
def test_json_loses_nothing(terms: Terms) -> None:
    assert Terms.from_json(json.loads(json.dumps(terms.to_json()))) == terms


def test_an_alert_may_set_all_but_leverage_and_size() -> None:
    assert set(OVERRIDABLE) - DEFAULT_OVERRIDES == {"leverage", "size"}
    said = buy(
        order_type=OrderType.LIMIT,
        limit_price=D(1),
        stop_price=D(2),
        time_in_force=TimeInForce.GTC,
        extended_hours=True,
        leverage=D(3),
        stop_loss=StopLoss(price=D(4)),
        take_profits=(TakeProfit(price=D(5)),),
        size=Size(SizeMode.QUANTITY, D(6)),
    )
    kept = effective_intent(said, Terms("s", "r"))
    assert kept.leverage is None
    assert kept.size == said.size  # whether it counts is the risk profile's to say
    assert (kept.order_type, kept.limit_price, kept.stop_price) == (OrderType.LIMIT, D(1), D(2))
    assert (kept.time_in_force, kept.extended_hours) == (TimeInForce.GTC, True)
    assert (kept.stop_loss, kept.take_profits) == (said.stop_loss, said.take_profits)


@pytest.mark.parametrize(
    ("name", "field", "said", "default"),
    [
        ("order_type", "order_type", OrderType.LIMIT, OrderType.MARKET),
        ("limit_price", "limit_price", D(1), None),
        ("stop_price", "stop_price", D(1), None),
        ("time_in_force", "time_in_force", TimeInForce.GTC, TimeInForce.DAY),
        ("extended_hours", "extended_hours", True, None),
        ("stop_loss", "stop_loss", StopLoss(price=D(1)), None),
        ("take_profit", "take_profits", (TakeProfit(price=D(1)),), ()),
    ],
)
def test_what_may_not_be_set_is_taken_away(
    name: str, field: str, said: object, default: object
) -> None:
    terms = Terms("s", "r", overrides=DEFAULT_OVERRIDES - {name})
    assert getattr(effective_intent(buy(**{field: said}), terms), field) == default


def test_the_strategy_fills_in_its_defaults() -> None:
    terms = Terms(
        "s",
        "r",
        default_order_type=OrderType.LIMIT,
        default_time_in_force=TimeInForce.GTC,
        default_stop_loss_percent=D(2),
        default_take_profit_percent=D(4),
    )
    filled = effective_intent(buy(), terms)
    assert (filled.order_type, filled.time_in_force) == (OrderType.LIMIT, TimeInForce.GTC)
    assert filled.stop_loss == StopLoss(percent=D(2))
    assert filled.take_profits == (TakeProfit(percent=D(4)),)
    said = effective_intent(buy(stop_loss=StopLoss(price=D(9))), terms)
    assert said.stop_loss == StopLoss(price=D(9))


@pytest.mark.parametrize(
    ("exchange", "mapped"),
    [("CME", "MNQ"), ("CBOT", "QQQ"), (None, "QQQ")],
)
def test_the_map_knows_a_symbol_with_its_exchange_first(exchange: str | None, mapped: str) -> None:
    terms = Terms("s", "r", symbol_map={"CME:NQ1!": "MNQ", "NQ1!": "QQQ"})
    extras = {"exchange": exchange} if exchange else {}
    assert mapped_symbol(Intent("NQ1!", Verb.ENTER, extras=extras), terms) == mapped
    assert mapped_symbol(Intent("ES1!", Verb.ENTER, extras=extras), terms) == "ES1!"
    assert mapped_symbol(Intent(None, Verb.CLOSE_ALL), terms) is None
