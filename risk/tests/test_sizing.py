"""Sizing to the digit, and that it never rounds up, guesses or raises. No database."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.sizing import Cap, SizingRules, caps_from, size_entry
from risk.tests.builders import make_request, make_snapshot
from risk.types import Limits, SizingMethod
from tradehub.core.intent import Size
from tradehub.core.money import EXACT
from tradehub.core.words import SizeMode

D = Decimal
M = SizingMethod
STOP = {"stop_price": D("145.50")}  # 5 a unit
CONVICTIONS = {"low": D("0.25"), "medium": D(1), "high": D(2)}


def rules(method: SizingMethod, value: str | None = None, **more: Any) -> SizingRules:
    return SizingRules(method, None if value is None else D(value), **more)


# method, its value, changes of the request, quantity, notional
BY_METHOD: list[tuple[SizingMethod, str | None, dict[str, Any], str, str]] = [
    (M.FIXED_QUANTITY, "7", {}, "7", "1053.5"),
    (M.FIXED_QUANTITY, "7.9", {}, "7", "1053.5"),
    (M.FIXED_NOTIONAL, "1000", {}, "6", "903"),
    (M.FIXED_NOTIONAL, "1000", {"step": D("0.00000001")}, "6.64451827", "999.999999635"),
    (M.PERCENT_EQUITY, "5", {}, "33", "4966.5"),
    (M.PERCENT_BUYING_POWER, "5", {}, "16", "2408"),
    (M.RISK_PERCENT, "1", STOP, "200", "30100"),
    (M.RISK_PERCENT, "1", {"stop_price": D("153.50")}, "333", "50116.5"),
    (M.RISK_AMOUNT, "99", STOP, "19", "2859.5"),
    (M.CONVICTION, None, STOP | {"conviction": "Medium"}, "200", "30100"),
    (M.CONVICTION, None, STOP | {"conviction": "low"}, "50", "7525"),
    (M.SIGNAL, "5", {}, "33", "4966.5"),
    (M.FIXED_QUANTITY, "7", {"multiplier": D("1.5")}, "10", "1505"),
    (M.FIXED_NOTIONAL, "1000", {"multiplier": D(2)}, "13", "1956.5"),
]


@pytest.mark.parametrize(("method", "value", "changes", "quantity", "notional"), BY_METHOD)
def test_method(
    method: SizingMethod, value: str | None, changes: dict[str, Any], quantity: str, notional: str
) -> None:
    profile = rules(method, value, conviction_risk_percent=CONVICTIONS)
    sizing = size_entry(make_request(rules=profile, **changes))
    assert sizing.problem is None
    record = sizing.to_json()
    assert (record["method"], record["quantity"], record["notional"]) == (
        method.value,
        quantity,
        notional,
    )


# the alert's size, changes of the request, quantity
BY_SIGNAL: list[tuple[SizeMode, str, dict[str, Any], str]] = [
    (SizeMode.QUANTITY, "10", {}, "10"),
    (SizeMode.QUANTITY, "10.7", {}, "10"),
    (SizeMode.NOTIONAL, "1505", {}, "10"),
    (SizeMode.NOTIONAL, "1504.99", {}, "9"),
    (SizeMode.PERCENT_EQUITY, "2", {}, "13"),
    (SizeMode.PERCENT_BUYING_POWER, "2", {}, "6"),
    (SizeMode.RISK_PERCENT, "0.1", STOP, "20"),
    (SizeMode.RISK_AMOUNT, "50", STOP, "10"),
    (SizeMode.MARGIN_PERCENT, "2", {"leverage": D(5)}, "66"),
    (SizeMode.PERCENT_POSITION, "50", {"held_quantity": D(-9)}, "4"),
    (SizeMode.PERCENT_POSITION, "50", {"held_quantity": D(9), "multiplier": D(3)}, "4"),
    (SizeMode.TARGET_QUANTITY, "10", {"held_quantity": D(3)}, "7"),
    (SizeMode.TARGET_QUANTITY, "-10", {"held_quantity": D(-3), "multiplier": D(2)}, "17"),
    (SizeMode.QUANTITY, "10", {"multiplier": D("0.5")}, "5"),
    (SizeMode.QUANTITY, "10", {"price": None}, "10"),
]


@pytest.mark.parametrize(("mode", "value", "changes", "quantity"), BY_SIGNAL)
def test_size_of_the_alert(
    mode: SizeMode, value: str, changes: dict[str, Any], quantity: str
) -> None:
    request = make_request(rules=rules(M.SIGNAL, "5"), signal_size=Size(mode, D(value)), **changes)
    assert size_entry(request).quantity == D(quantity)


def test_other_methods_ignore_the_size_of_the_alert_unless_it_may_override() -> None:
    size = Size(SizeMode.QUANTITY, D(3))
    profile = rules(M.FIXED_QUANTITY, "7")
    assert size_entry(make_request(rules=profile, signal_size=size)).quantity == 7
    allowed = make_request(rules=profile, signal_size=size, signal_size_allowed=True)
    assert size_entry(allowed).quantity == 3


PROBLEMS: list[tuple[SizingRules, dict[str, Any], str]] = [
    (rules(M.SIGNAL), {}, "SIZE_MISSING"),
    (rules(M.FIXED_QUANTITY), {}, "SIZE_MISSING"),
    (rules(M.PERCENT_EQUITY, "5"), {"equity": None}, "SIZE_MISSING"),
    (rules(M.PERCENT_BUYING_POWER, "5"), {"buying_power": None}, "SIZE_MISSING"),
    (rules(M.PERCENT_EQUITY, "5"), {"price": None}, "PRICE_MISSING"),
    (rules(M.FIXED_NOTIONAL, "5"), {"price": D(0)}, "PRICE_MISSING"),
    (rules(M.RISK_PERCENT, "1"), {}, "STOP_LOSS_REQUIRED"),
    (rules(M.RISK_AMOUNT, "1"), {"stop_price": D("150.50")}, "STOP_LOSS_WRONG_SIDE"),
    (rules(M.CONVICTION, conviction_risk_percent=CONVICTIONS), STOP, "SIZE_MISSING"),
    (
        rules(M.CONVICTION, conviction_risk_percent=CONVICTIONS),
        STOP | {"conviction": "wild"},
        "SIZE_MISSING",
    ),
    (
        rules(M.SIGNAL, "5"),
        {"signal_size": Size(SizeMode.PERCENT_POSITION, D(5))},
        "SIZE_MISSING",
    ),
]


@pytest.mark.parametrize(("profile", "changes", "code"), PROBLEMS)
def test_what_is_not_known_is_a_problem(
    profile: SizingRules, changes: dict[str, Any], code: str
) -> None:
    sizing = size_entry(make_request(rules=profile, **changes))
    assert sizing.quantity is None
    assert sizing.problem is not None
    assert sizing.problem.code == code
    assert sizing.to_json()["quantity"] is None


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        ("0.99", {}),
        ("3", {"min_quantity": D(4)}),
        ("3", {"rules": rules(M.FIXED_QUANTITY, "3", reduce=True), "caps": (Cap("x", D(100)),)}),
    ],
)
def test_less_than_can_be_sent_is_zero(value: str, changes: dict[str, Any]) -> None:
    request = make_request(**{"rules": rules(M.FIXED_QUANTITY, value), **changes})
    sizing = size_entry(request)
    assert sizing.quantity == 0
    assert sizing.problem is not None
    assert sizing.problem.code == "SIZE_ZERO"


def test_exactly_the_least_quantity_is_sent() -> None:
    request = make_request(rules=rules(M.FIXED_QUANTITY, "4"), min_quantity=D(4))
    assert size_entry(request).problem is None


def test_risk_and_reward_follow_from_stop_and_first_target() -> None:
    request = make_request(
        rules=rules(M.FIXED_QUANTITY, "10"),
        target_prices=(D("160.50"), D("170.50")),
        **STOP,
    )
    record = size_entry(request).to_json()
    assert record["risk_amount"] == "50"
    assert record["risk_percent"] == "0.05"
    assert record["risk_reward"] == "2"


def test_steps_tell_the_arithmetic() -> None:
    request = make_request(
        rules=rules(M.SIGNAL, "5", reduce=True),
        multiplier=D(2),
        caps=(Cap("the largest order value", D(1000)),),
    )
    assert size_entry(request).to_json()["steps"] == [
        {"label": "5 % of the equity of 100,000.00: 5,000.00", "value": None},
        {
            "label": "5,000.00 at a price of 150.50: 33.22259136",
            "value": "33.222591362126245847",
        },
        {
            "label": "Times the subscription's multiplier of 2: 66.44518272",
            "value": "66.445182724252491694",
        },
        {
            "label": "Reduced to the largest order value of 1,000.00: 6.64451827",
            "value": "6.644518272425249169",
        },
        {"label": "Rounded down to the step of 1: 6", "value": "6"},
    ]


def test_caps_are_the_room_that_each_limit_leaves() -> None:
    limits = Limits(
        max_order_value=D(5000),
        max_order_quantity=D(30),
        max_position_percent=D(25),
        max_total_exposure=D(50_000),
        max_leverage=D("0.9"),
    )
    now = make_snapshot(symbol_position_value=D(24_000), gross_exposure=D(60_000))
    found = [(cap.value, cap.quantity) for cap in caps_from(limits, now)]
    assert found == [
        (D(5000), None),
        (None, D(30)),
        (D(1000), None),
        (D(0), None),
        (D(30_000), None),
        (D(50_000), None),
    ]


def test_unknown_numbers_make_no_cap_since_their_rules_deny() -> None:
    limits = Limits(max_position_percent=D(25), max_total_exposure=D(1), max_leverage=D(1))
    now = make_snapshot(equity=None, gross_exposure=None, buying_power=None)
    assert caps_from(limits, now) == ()


def test_deny_leaves_the_size_to_the_rules() -> None:
    request = make_request(rules=rules(M.FIXED_QUANTITY, "50"), caps=(Cap("x", D(1000)),))
    assert size_entry(request).quantity == 50


small = st.decimals(min_value=D("0.00000001"), max_value=D(10**9), places=8)
modes = st.sampled_from([mode for mode in SizeMode if mode is not SizeMode.DEFAULT])


@given(
    mode=modes,
    value=st.decimals(min_value=D(-(10**9)), max_value=D(10**9), places=8),
    price=st.none() | small,
    stop=st.none() | small,
    equity=st.none() | st.decimals(min_value=D(-(10**9)), max_value=D(10**9), places=2),
    held=st.none() | small,
    step=st.sampled_from([D(1), D("0.001"), D("0.00000001")]),
    ceiling=small,
    multiplier=small,
)
def test_never_raises_never_rounds_up_never_above_a_cap(
    mode: SizeMode, value: Decimal, step: Decimal, ceiling: Decimal, **known: Any
) -> None:
    request = make_request(
        rules=SizingRules(reduce=True),
        signal_size=Size(mode, value),
        price=known["price"],
        stop_price=known["stop"],
        equity=known["equity"],
        held_quantity=known["held"],
        multiplier=known["multiplier"],
        step=step,
        caps=(Cap("the ceiling", ceiling),),
    )
    sizing = size_entry(request)
    sizing.to_json()
    if sizing.quantity is None:
        assert sizing.problem is not None
        return
    assert type(sizing.quantity) is Decimal
    assert sizing.quantity >= 0
    assert (sizing.quantity == 0) == (sizing.problem is not None)
    assert EXACT.remainder(sizing.quantity, step) == 0
    if request.price is not None:
        assert EXACT.multiply(sizing.quantity, request.price) <= ceiling
