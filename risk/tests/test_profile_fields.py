"""What a risk profile's fields accept, each refusal with its pointer. No database."""

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.profile_fields import FIELDS, check_together, parse_fields
from tradehub.core.errors import BadInput

D = Decimal

ACCEPTED: list[tuple[str, Any, Any]] = [
    ("name", "  Careful ", "Careful"),
    ("timezone", "America/New_York", "America/New_York"),
    ("day_starts_at", "17:00", time(17, 0)),
    ("sizing_method", "risk_percent", "risk_percent"),
    ("sizing_value", "0.25", D("0.25")),
    ("sizing_value", 3, D(3)),
    ("max_order_value", None, None),
    ("max_order_value", "", None),
    ("max_order_value", "123456789012345678.123456789", D("123456789012345678.123456789")),
    ("max_daily_loss_percent", "100", D(100)),
    ("max_position_percent", "400", D(400)),
    ("max_open_positions", "5", 5),
    ("max_open_positions", D("5.0"), 5),
    ("max_correlation", "0.8", D("0.8")),
    ("require_stop_loss", True, True),
    ("allowed_symbols", ["binance:btc/usdt", "AAPL", "aapl"], ["BTCUSDT", "AAPL"]),
    ("blocked_symbols", "AAPL, msft\nTSLA", ["AAPL", "MSFT", "TSLA"]),
    ("allowed_symbols", None, []),
    ("conviction_risk_percent", {"LOW": "0.50", "High": 2}, {"low": "0.5", "high": "2"}),
    ("sectors", {"nasdaq:aapl": "Technology"}, {"AAPL": "Technology"}),
    (
        "trading_windows",
        [{"days": ["fri", "mon"], "start": "09:30", "end": "16:00"}],
        [{"days": ["mon", "fri"], "start": "09:30", "end": "16:00"}],
    ),
]


@pytest.mark.parametrize(("name", "value", "stored"), ACCEPTED)
def test_accepted(name: str, value: Any, stored: Any) -> None:
    found = parse_fields({name: value})[name]
    assert found == stored
    assert type(found) is type(stored)


REFUSED: list[tuple[str, Any, str]] = [
    ("name", " ", "/name"),
    ("name", "x" * 81, "/name"),
    ("timezone", "Mars/Olympus", "/timezone"),
    ("day_starts_at", "25:00", "/day_starts_at"),
    ("day_starts_at", "09:30:15", "/day_starts_at"),
    ("sizing_method", "martingale", "/sizing_method"),
    ("sizing_value", "0", "/sizing_value"),
    ("sizing_value", "-1", "/sizing_value"),
    ("sizing_value", "NaN", "/sizing_value"),
    ("sizing_value", True, "/sizing_value"),
    ("max_order_value", 0.1, "/max_order_value"),
    ("max_daily_loss_percent", "100.01", "/max_daily_loss_percent"),
    ("max_correlation", "1.01", "/max_correlation"),
    ("max_open_positions", "2.5", "/max_open_positions"),
    ("max_open_positions", 0, "/max_open_positions"),
    ("max_trades_per_day", 10**10, "/max_trades_per_day"),
    ("require_stop_loss", "yes", "/require_stop_loss"),
    ("direction", "up", "/direction"),
    ("allowed_symbols", ["AAPL", "not a symbol"], "/allowed_symbols/1"),
    ("allowed_symbols", [7], "/allowed_symbols/0"),
    ("allowed_symbols", ["A"] * 501, "/allowed_symbols"),
    ("conviction_risk_percent", {"high": "0"}, "/conviction_risk_percent/high"),
    ("conviction_risk_percent", [], "/conviction_risk_percent"),
    ("sectors", {"AAPL": ""}, "/sectors/AAPL"),
    ("trading_windows", [{"start": "09:30"}], "/trading_windows/0"),
    (
        "trading_windows",
        [{"days": ["someday"], "start": "09:30", "end": "16:00"}],
        "/trading_windows/0/days",
    ),
    ("trading_windows", [{"start": "09:30", "end": "9.30"}], "/trading_windows/0/end"),
    ("trading_windows", [{"start": "09:30", "end": "09:30"}], "/trading_windows/0"),
    ("max_widgets", 1, "/max_widgets"),
]


@pytest.mark.parametrize(("name", "value", "pointer"), REFUSED)
def test_refused(name: str, value: Any, pointer: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_fields({name: value})
    assert refusal.value.pointer == pointer


WHOLE: dict[str, Any] = {
    "sizing_method": "signal",
    "sizing_value": None,
    "conviction_risk_percent": {},
    "min_order_value": None,
    "max_order_value": None,
}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"sizing_method": "fixed_quantity"}, "/sizing_value"),
        ({"sizing_method": "conviction"}, "/conviction_risk_percent"),
        ({"min_order_value": D(2), "max_order_value": D(1)}, "/min_order_value"),
    ],
)
def test_contradictions(changes: dict[str, Any], pointer: str) -> None:
    check_together(WHOLE)
    with pytest.raises(BadInput) as refusal:
        check_together(WHOLE | changes)
    assert refusal.value.pointer == pointer


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(FIELDS)), value=json_values)
def test_any_value_is_taken_or_refused_at_its_field(name: str, value: Any) -> None:
    pointer: str | None = None
    try:
        found = parse_fields({name: value})[name]
    except BadInput as refusal:
        pointer = refusal.pointer or "none"
    if pointer is not None:
        assert pointer.startswith(f"/{name}")
        return
    assert not isinstance(found, float)
    assert parse_fields({name: found})[name] == found
