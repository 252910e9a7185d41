"""The form of a paper account. Real venues bring their own when they come."""

from typing import Any, ClassVar

from django import forms

from dashboard.forms.base import Group, NumberField, PageForm


class PaperAccountForm(PageForm):
    label = forms.CharField(max_length=80, help_text="Such as “Paper, stocks”.")
    starting_cash = NumberField(
        required=True, initial="100000", help_text="Fixed once the account is open."
    )
    currency = forms.CharField(
        max_length=10, initial="USD", help_text="Fixed once the account is open."
    )
    leverage = NumberField(required=True, initial="1", help_text="1 is none: buying power is cash.")
    fee_percent = NumberField(label="Fee, %", initial="0", help_text="Of the value of each fill.")
    slippage_percent = NumberField(
        label="Slippage, %", initial="0", help_text="Against you, on market and stop orders."
    )
    fill_limit = NumberField(
        label="Fill limit", help_text="At most this quantity a fill; empty fills all at once."
    )
    sizing_capital = NumberField(
        label="Capital for sizing", help_text="Percents are of this; empty takes the equity."
    )
    allow_short = forms.BooleanField(required=False, initial=True, label="Short positions")
    fractional = forms.BooleanField(required=False, label="Fractions of shares")
    price_source = forms.ChoiceField(
        label="Prices",
        choices=[
            ("synthetic", "Synthetic: a seeded walk from the alert's price, for demos"),
            ("signal", "The alert's own price"),
            ("binance", "Binance's live market: pairs, and contracts as BTCUSDT.P"),
            ("alpaca", "Alpaca's: US stocks (IEX) and coins; takes an account of yours there"),
        ],
    )

    wide = frozenset({"label", "price_source"})
    groups: ClassVar = (
        Group(
            "Account",
            "Simulated money with a ledger of its own.",
            ("label", "starting_cash", "currency"),
        ),
        Group(
            "Prices and fills",
            "Where prices come from, and how kind the market is. Every page that shows synthetic "
            "prices says so.",
            ("price_source", "fee_percent", "slippage_percent", "fill_limit"),
        ),
        Group("Rules", "", ("leverage", "sizing_capital", "allow_short", "fractional")),
    )
    fixed_once_open = ("starting_cash", "currency")

    def options(self) -> dict[str, Any]:
        """For the broker account's `options`; what was left empty takes its default."""
        data = {name: value for name, value in self.cleaned_data.items() if name != "label"}
        return {name: value for name, value in data.items() if value is not None}
