"""Plans and snapshots that pass every rule, to be changed in one respect."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from risk.engine import evaluate_entry
from risk.sizing import SizingRequest, SizingRules
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.words import OrderSide

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)


def make_plan(**changes: Any) -> EntryPlan:
    """Ten AAPL at 150.50: worth 1,505."""
    plan = EntryPlan(
        symbol="AAPL", side=OrderSide.BUY, quantity=Decimal(10), price=Decimal("150.50")
    )
    return replace(plan, **changes)


def make_snapshot(**changes: Any) -> Snapshot:
    snapshot = Snapshot(
        now=NOW,
        equity=Decimal(100_000),
        buying_power=Decimal(50_000),
        quote_price=Decimal("150.50"),
        quote_bid=Decimal("150.40"),
        quote_ask=Decimal("150.50"),
        quote_at=NOW,
        held_quantity=Decimal(0),
        symbol_position_value=Decimal(0),
        gross_exposure=Decimal(0),
        open_positions=0,
        opens_new_position=True,
        trades_today=0,
        daily_pnl=Decimal(0),
        day_start_equity=Decimal(100_000),
        states=(),
        strategy_paused=False,
        allow_short=True,
        live=False,
        account_enabled=True,
    )
    return replace(snapshot, **changes)


def make_request(**changes: Any) -> SizingRequest:
    request = SizingRequest(
        rules=SizingRules(),
        price=Decimal("150.50"),
        step=Decimal(1),
        equity=Decimal(100_000),
        buying_power=Decimal(50_000),
    )
    return replace(request, **changes)


def only(checks: tuple[Check, ...], code: str) -> Check | None:
    found = [check for check in checks if check.code == code]
    assert len(found) < 2
    return found[0] if found else None


def check_of(
    code: str,
    *,
    plan: dict[str, Any] | None = None,
    now: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    terms: dict[str, Any] | None = None,
) -> Check | None:
    checks = evaluate_entry(
        make_plan(**(plan or {})),
        make_snapshot(**(now or {})),
        Limits(**(limits or {})),
        Terms(**(terms or {})),
    )
    return only(checks, code)
