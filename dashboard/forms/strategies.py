"""Forms of strategies, their webhooks and subscriptions."""

from typing import Any, ClassVar

from django import forms

from dashboard.forms.base import Group, ListField, MapField, NumberField, PageForm, WholeField
from tradehub.core.words import OrderType, SubscriptionMode, TimeInForce

DIRECTIONS = [("both", "Long and short"), ("long_only", "Long only"), ("short_only", "Short only")]
ORDER_TYPES = [
    (OrderType.MARKET.value, "Market"),
    (OrderType.LIMIT.value, "Limit"),
    (OrderType.STOP.value, "Stop"),
    (OrderType.STOP_LIMIT.value, "Stop limit"),
    (OrderType.TRAILING_STOP.value, "Trailing stop"),
]
TIMES_IN_FORCE = [
    (TimeInForce.DAY.value, "Day"),
    (TimeInForce.GTC.value, "Good till canceled"),
    (TimeInForce.IOC.value, "Immediate or cancel"),
    (TimeInForce.FOK.value, "Fill or kill"),
    (TimeInForce.OPG.value, "At the open"),
    (TimeInForce.CLS.value, "At the close"),
]
OVERRIDES = [
    ("order_type", "Order type"),
    ("limit_price", "Limit price"),
    ("stop_price", "Stop price"),
    ("time_in_force", "Time in force"),
    ("stop_loss", "Stop loss"),
    ("take_profit", "Take profit"),
    ("extended_hours", "Extended hours"),
    ("leverage", "Leverage"),
    ("size", "Size, even if the risk profile has a method of its own"),
]


class StrategyForm(PageForm):
    name = forms.CharField(
        max_length=80,
        help_text="Yours alone. A webhook that is bound to no strategy finds it by this name.",
    )
    direction = forms.ChoiceField(choices=DIRECTIONS)
    symbols = ListField(
        label="Allowed symbols",
        help_text="Such as AAPL, BTCUSDT, BTCUSDT.P (a perpetual). Empty allows any.",
    )
    match = forms.CharField(
        label="Only alerts that say",
        max_length=120,
        required=False,
        help_text="Take only alerts whose “strategy” field equals this. Empty takes all.",
    )
    symbol_map = MapField(
        label="Symbol map",
        help_text="One pair a line: what the alert says = what is traded. NQ1! = QQQ",
    )
    default_order_type = forms.ChoiceField(label="Order type", choices=ORDER_TYPES)
    default_time_in_force = forms.ChoiceField(label="Time in force", choices=TIMES_IN_FORCE)
    default_stop_loss_percent = NumberField(
        label="Stop loss, %",
        help_text="From the fill price, when the alert names no stop. 2 is 2 %.",
    )
    default_take_profit_percent = NumberField(
        label="Take profit, %", help_text="From the fill price, when the alert names no target."
    )
    leverage = NumberField(
        help_text="At futures, for each entry. A venue without leverage takes none above 1. "
        "Empty: the account's."
    )
    on_opposite = forms.ChoiceField(
        label="On an opposite alert",
        choices=[
            ("close", "Close what is held"),
            ("reverse", "Close, then open the other side"),
            ("ignore", "Ignore it"),
        ],
        help_text="A sell while long, a buy while short.",
    )
    flip_quantity = forms.ChoiceField(
        label="Quantity of a reversal",
        choices=[
            ("new", "The alert's quantity is the new position"),
            ("old_plus_new", "It also covers the old one"),
        ],
    )
    max_adds = WholeField(
        label="Adds",
        required=True,
        help_text="How often a further buy in the held direction adds to it. 0: never.",
    )
    signal_overrides = forms.MultipleChoiceField(
        label="What an alert may set",
        choices=OVERRIDES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The rest comes from here and from the risk profile.",
    )

    wide = frozenset({"name", "symbol_map", "signal_overrides"})
    groups: ClassVar = (
        Group(
            "Name and symbols",
            "What this strategy is and what it may trade.",
            ("name", "direction", "match", "symbols", "symbol_map"),
        ),
        Group(
            "Orders",
            "Used where the alert says nothing.",
            (
                "default_order_type",
                "default_time_in_force",
                "default_stop_loss_percent",
                "default_take_profit_percent",
                "leverage",
            ),
        ),
        Group(
            "Positions",
            "What an alert does to a position that is already there.",
            ("on_opposite", "flip_quantity", "max_adds"),
        ),
        Group(
            "The alert's word",
            "Size and leverage are left out at first: your risk profile decides them.",
            ("signal_overrides",),
        ),
    )


class WebhookForm(PageForm):
    """Options of a strategy's own webhook. Secrets are written, never shown."""

    passphrase = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="When set, the body must carry it as “passphrase”. Left empty it stays as it is.",
    )
    clear_passphrase = forms.BooleanField(required=False, label="Remove the passphrase")
    hmac_secret = forms.CharField(
        label="HMAC secret",
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="When set, each request must be signed. TradingView can't sign; scripts can.",
    )
    clear_hmac_secret = forms.BooleanField(required=False, label="Remove the HMAC secret")
    allowed_ips = ListField(
        label="Allowed addresses",
        upper=False,
        help_text="Addresses or networks such as 203.0.113.0/24. Empty allows any.",
    )
    tradingview_only = forms.BooleanField(required=False, label="Only TradingView's own addresses")
    requests_per_minute = WholeField(required=True, help_text="Copies and invalid ones count.")
    wait_seconds = NumberField(
        label="Wait for the result, s",
        help_text="Up to 2: the answer tells what became of it. Empty: answer once stored.",
    )
    expires_at = forms.DateTimeField(
        label="Expires (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    wide = frozenset({"allowed_ips"})
    groups: ClassVar = (
        Group(
            "Who may send",
            "The URL is already a secret; these are for more.",
            (
                "passphrase",
                "clear_passphrase",
                "hmac_secret",
                "clear_hmac_secret",
                "allowed_ips",
                "tradingview_only",
            ),
        ),
        Group("How much, how long", "", ("requests_per_minute", "wait_seconds", "expires_at")),
    )

    def options(self) -> dict[str, Any]:
        """For `update_strategy(fields={"webhook": ...})`: a secret only when it changes."""
        data = dict(self.cleaned_data)
        for name in ("passphrase", "hmac_secret"):
            if data.pop(f"clear_{name}"):
                data[name] = ""
            elif not data[name]:
                del data[name]
        return data


class SubscriptionForm(PageForm):
    account = forms.ChoiceField(label="Broker account")
    risk_profile = forms.ChoiceField(label="Risk profile")
    multiplier = NumberField(required=True, initial="1", help_text="Times the size. 0.5 is half.")
    mode = forms.ChoiceField(
        choices=[
            (SubscriptionMode.AUTO.value, "Auto: trade"),
            (SubscriptionMode.APPROVE.value, "Approve: ask me first"),
            (SubscriptionMode.DRY_RUN.value, "Dry run: decide all, send nothing"),
        ]
    )

    def __init__(self, *args: Any, accounts: Any, profiles: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].choices = [(each.pk, each.label) for each in accounts]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["risk_profile"].choices = [(each.pk, each.name) for each in profiles]  # type: ignore[attr-defined]  # a ChoiceField
