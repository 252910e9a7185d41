"""The record as a whole: order, completeness, and that nothing raises. No database."""

import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from risk.engine import evaluate_entry, exit_checks, failed
from risk.rules import RULES
from risk.tests.builders import NOW, make_plan, make_snapshot
from risk.types import (
    Direction,
    EntryPlan,
    Limits,
    SizingProblem,
    Snapshot,
    Terms,
    strictest,
)
from tradehub.core.reasons import REASONS, order_of
from tradehub.core.words import OrderSide, Scope, TradingStateName

D = Decimal
ALL_LIMITS = Limits(
    min_order_value=D(1),
    max_order_value=D(1),
    max_order_quantity=D(1),
    max_position_value=D(1),
    max_position_percent=D(1),
    max_total_exposure=D(1),
    max_leverage=D("0.01"),
    max_open_positions=1,
    max_trades_per_day=1,
    max_daily_loss_amount=D(1),
    max_daily_loss_percent=D(1),
    max_signal_age_seconds=1,
    max_price_age_seconds=1,
    price_collar_percent=D(1),
    max_spread_percent=D(1),
    min_risk_reward=D(1),
    require_stop_loss=True,
    require_take_profit=True,
    allowed_symbols=frozenset({"MSFT"}),
)


def test_a_sound_entry_passes_and_says_so() -> None:
    checks = evaluate_entry(make_plan(), make_snapshot(), Limits.none(), Terms())
    assert failed(checks) == ()
    assert "TRADING_HALTED" in {check.code for check in checks}
    assert all(check.message.endswith(".") for check in checks)


def test_rules_stand_in_the_order_of_the_contract() -> None:
    assert set(RULES) <= set(REASONS)
    assert list(RULES) == sorted(RULES, key=order_of)


def test_every_failed_check_is_named_in_order() -> None:
    plan = make_plan(signal_at=NOW - timedelta(seconds=9), reference_price=D(1))
    now = make_snapshot(
        states=((Scope.SITE, TradingStateName.HALTED), (Scope.USER, TradingStateName.REDUCING)),
        strategy_paused=True,
        account_enabled=False,
        open_positions=1,
        trades_today=1,
        daily_pnl=D(-5),
        buying_power=D(1),
        quote_at=NOW - timedelta(seconds=9),
        quote_bid=D(100),
    )
    checks = evaluate_entry(plan, now, ALL_LIMITS, Terms(direction=Direction.SHORT_ONLY))
    assert [check.code for check in failed(checks)] == [
        "TRADING_HALTED",
        "REDUCE_ONLY_STATE",
        "STRATEGY_PAUSED",
        "ACCOUNT_DISABLED",
        "DIRECTION_NOT_ALLOWED",
        "SYMBOL_NOT_ALLOWED",
        "SIGNAL_STALE",
        "PRICE_STALE",
        "PRICE_OUTSIDE_COLLAR",
        "SPREAD_ABOVE_MAX",
        "STOP_LOSS_REQUIRED",
        "TAKE_PROFIT_REQUIRED",
        "RISK_REWARD_TOO_LOW",
        "ORDER_VALUE_ABOVE_MAX",
        "ORDER_QUANTITY_ABOVE_MAX",
        "POSITION_VALUE_ABOVE_MAX",
        "TOTAL_EXPOSURE_ABOVE_MAX",
        "OPEN_POSITIONS_AT_MAX",
        "TRADES_TODAY_AT_MAX",
        "DAILY_LOSS_REACHED",
        "LEVERAGE_ABOVE_MAX",
        "BUYING_POWER_TOO_LOW",
    ]


def test_problem_of_sizing_stands_at_its_place() -> None:
    problem = SizingProblem("STOP_LOSS_REQUIRED", "No stop to size by.")
    plan = make_plan(quantity=None, problem=problem)
    checks = evaluate_entry(plan, make_snapshot(), Limits.none(), Terms())
    assert [(each.code, each.message) for each in failed(checks)] == [
        ("STOP_LOSS_REQUIRED", "No stop to size by.")
    ]
    codes = [check.code for check in checks]
    assert codes == sorted(codes, key=order_of)


def test_problem_with_a_code_of_no_rule_still_denies() -> None:
    plan = make_plan(quantity=None, problem=SizingProblem("ADDS_AT_MAX", "Why not."))
    checks = evaluate_entry(plan, make_snapshot(), Limits.none(), Terms())
    assert [check.code for check in failed(checks)] == ["ADDS_AT_MAX"]


def test_exit_notes_what_it_passed() -> None:
    now = make_snapshot(
        states=((Scope.SITE, TradingStateName.HALTED), (Scope.USER, TradingStateName.REDUCING)),
        strategy_paused=True,
        account_enabled=False,
    )
    checks = exit_checks(now)
    assert [check.code for check in checks] == [
        "TRADING_HALTED",
        "REDUCE_ONLY_STATE",
        "STRATEGY_PAUSED",
        "ACCOUNT_DISABLED",
    ]
    assert failed(checks) == ()
    assert exit_checks(make_snapshot()) == ()


def test_strictest_state_wins() -> None:
    active, reducing, halted = TradingStateName
    assert strictest(()) is active
    assert strictest([(Scope.SITE, active), (Scope.USER, reducing)]) is reducing
    assert strictest([(Scope.SITE, halted), (Scope.USER, reducing)]) is halted
    assert strictest([(Scope.SITE, reducing), (Scope.STRATEGY, halted)]) is halted


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


numbers = st.decimals(
    min_value=D("-1e18"), max_value=D("1e18"), allow_nan=False, allow_infinity=False, places=18
) | st.sampled_from([D(0), D(1), D("1e-18"), D("1e18")])
counts = st.integers(min_value=0, max_value=10**9)
moments = st.integers(min_value=-(10**8), max_value=10**8).map(
    lambda seconds: NOW + timedelta(seconds=seconds, microseconds=seconds % 1000)
)
states = st.lists(
    st.tuples(st.sampled_from(Scope), st.sampled_from(TradingStateName)), max_size=4
).map(tuple)
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "Decimal | None": maybe(numbers),
    "Decimal": numbers,
    "int | None": maybe(counts),
    "datetime | None": maybe(moments),
    "datetime": moments,
    "bool": st.booleans(),
    "bool | None": maybe(st.booleans()),
    "str": st.sampled_from(["AAPL", "BTCUSDT"]),
    "OrderSide": st.sampled_from(OrderSide),
    "Direction": st.sampled_from(Direction),
    "frozenset[str]": st.frozensets(st.sampled_from(["AAPL", "BTCUSDT", "MSFT"])),
    "tuple[Decimal, ...]": st.lists(numbers, max_size=3).map(tuple),
    "tuple[tuple[Scope, TradingStateName], ...] | None": maybe(states),
    "SizingProblem | None": maybe(st.just(SizingProblem("SIZE_MISSING", "No size."))),
}


def anything(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Every field of a dataclass drawn by its type, so a new field takes part by itself."""
    return st.builds(kind, **{each.name: BY_TYPE[_type_of(each.type)] for each in fields(kind)})


def _type_of(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if "[" in str(annotation):
        text = str(annotation)
    for prefix in ("decimal.", "datetime.", "tradehub.core.words.", "risk.types."):
        text = text.replace(prefix, "")
    return text


@given(plan=anything(EntryPlan), now=anything(Snapshot), limits=anything(Limits))
def test_nothing_raises_and_no_price_or_size_never_passes(
    plan: EntryPlan, now: Snapshot, limits: Limits
) -> None:
    checks = evaluate_entry(plan, now, limits, Terms())
    codes = [check.code for check in checks]
    assert codes == sorted(codes, key=order_of)
    assert len(set(codes)) == len(codes)
    denied = bool(failed(checks))
    if plan.price is None or plan.quantity is None or now.buying_power is None:
        assert denied
    if now.states is None or plan.problem is not None:
        assert denied
    for check in checks:
        for number in (check.measured, check.limit):
            assert number is None or type(number) is Decimal
        check.to_json()


def test_the_pure_modules_need_no_django() -> None:
    code = (
        "import risk.engine, risk.sizing, risk.clock, risk.profile_fields, sys;"
        "sys.exit('django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
