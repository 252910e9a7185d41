"""The form of a risk profile: the limits that rules read today. Empty means "not limited"."""

from typing import ClassVar

from django import forms

from dashboard.forms.base import (
    Group,
    ListField,
    MapField,
    NumberField,
    PageForm,
    WholeField,
)
from dashboard.forms.strategies import DIRECTIONS
from risk.types import OnUnprotected, SizeLimits, SizingMethod

SIZING = [
    (SizingMethod.SIGNAL.value, "The alert's size, else a percent of equity"),
    (SizingMethod.FIXED_QUANTITY.value, "Fixed quantity"),
    (SizingMethod.FIXED_NOTIONAL.value, "Fixed value"),
    (SizingMethod.PERCENT_EQUITY.value, "Percent of equity"),
    (SizingMethod.PERCENT_BUYING_POWER.value, "Percent of buying power"),
    (SizingMethod.RISK_PERCENT.value, "Percent of equity at risk, up to the stop"),
    (SizingMethod.RISK_AMOUNT.value, "Amount at risk, up to the stop"),
    (SizingMethod.CONVICTION.value, "By the alert's conviction"),
]


class RiskProfileForm(PageForm):
    name = forms.CharField(max_length=80)
    timezone = forms.CharField(
        label="Time zone",
        max_length=64,
        help_text="Such as America/New_York or UTC. The trading day is counted in it.",
    )
    day_starts_at = forms.TimeField(
        label="The day starts at", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    direction = forms.ChoiceField(choices=DIRECTIONS)
    allowed_symbols = ListField(label="Allowed symbols", help_text="Empty allows any.")
    blocked_symbols = ListField(label="Blocked symbols")

    sizing_method = forms.ChoiceField(label="Sizing", choices=SIZING)
    sizing_value = NumberField(
        label="Sizing value",
        help_text="The quantity, the value or the percent (2 is 2 %) of the method.",
    )
    conviction_risk_percent = MapField(
        upper=False,
        label="Conviction, % of equity at risk",
        help_text="One pair a line, for sizing by conviction: medium = 1",
    )
    size_limits = forms.ChoiceField(
        label="A size above a limit is",
        choices=[
            (SizeLimits.DENY.value, "Denied"),
            (SizeLimits.REDUCE.value, "Reduced to the limit"),
        ],
    )

    min_order_value = NumberField(label="Order value, at least")
    max_order_value = NumberField(label="Order value, at most")
    max_order_quantity = NumberField(label="Order quantity, at most")
    max_position_value = NumberField(label="Position value, at most")
    max_position_percent = NumberField(label="Position, at most % of equity")
    max_total_exposure = NumberField(label="Total exposure, at most")
    max_leverage = NumberField(
        label="Leverage, at most",
        help_text="Of an entry, and of the account: its positions' value by its equity.",
    )
    max_open_positions = WholeField(label="Open positions, at most")

    max_trades_per_day = WholeField(
        label="Trades a day, at most", help_text="Entries; exits never count."
    )
    max_daily_loss_amount = NumberField(
        label="Daily loss, at most", help_text="In the account's currency, as a positive number."
    )
    max_daily_loss_percent = NumberField(
        label="Daily loss, at most %", help_text="Of the equity when the day began."
    )

    max_price_age_seconds = WholeField(
        label="Price age, at most s", help_text="An older price denies the entry."
    )
    max_signal_age_seconds = WholeField(
        label="Alert age, at most s", help_text="A later exit is executed and says so."
    )
    price_collar_percent = NumberField(
        label="Price away from the alert's, at most %",
        help_text="Compares the market with the price that the alert names.",
    )
    max_spread_percent = NumberField(label="Spread, at most %")
    min_risk_reward = NumberField(
        label="Reward to risk, at least", help_text="Way to the target over way to the stop."
    )
    require_take_profit = forms.BooleanField(
        required=False, label="An entry must have a take profit"
    )
    require_stop_loss = forms.BooleanField(required=False, label="An entry must have a stop loss")
    on_unprotected = forms.ChoiceField(
        label="A position whose stop does not work",
        choices=[
            (OnUnprotected.ALARM.value, "Raises the alarm"),
            (OnUnprotected.CLOSE.value, "Is closed"),
        ],
    )

    wide = frozenset({"name", "allowed_symbols", "blocked_symbols"})
    groups: ClassVar = (
        Group(
            "Profile",
            "Who may trade what, and when the day begins for daily limits.",
            (
                "name",
                "timezone",
                "day_starts_at",
                "direction",
                "allowed_symbols",
                "blocked_symbols",
            ),
        ),
        Group(
            "Size",
            "How large an entry is before the limits look at it.",
            ("sizing_method", "sizing_value", "size_limits", "conviction_risk_percent"),
        ),
        Group(
            "Order and position",
            "Empty is not limited. A live account needs one for orders and one for positions.",
            (
                "min_order_value",
                "max_order_value",
                "max_order_quantity",
                "max_position_value",
                "max_position_percent",
                "max_total_exposure",
                "max_leverage",
                "max_open_positions",
            ),
        ),
        Group(
            "The day",
            "A live account needs one daily loss limit.",
            ("max_trades_per_day", "max_daily_loss_amount", "max_daily_loss_percent"),
        ),
        Group(
            "Freshness and protection",
            "Risk never blocks an exit: none of this holds a close back.",
            (
                "max_price_age_seconds",
                "max_signal_age_seconds",
                "price_collar_percent",
                "max_spread_percent",
                "min_risk_reward",
                "require_stop_loss",
                "require_take_profit",
                "on_unprotected",
            ),
        ),
    )
