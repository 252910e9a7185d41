"""The forms of an account at a real venue: open it, change its key, change its options.

A key is typed and sent, and never shown again: the fields are passwords without a value. Real money
asks for the word `live` besides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from brokers.kinds import KINDS, Kind
from brokers.services import LIVE
from dashboard.forms.base import BoundGroup, Group, NumberField, PageForm
from tradehub.core.words import BrokerKind, Environment

_SEALED = "Sealed when it is stored, and never shown again."
_HELP: Mapping[str, Mapping[str, str]] = {
    BrokerKind.BINANCE_SPOT: {
        "api_key": "Let it read and trade spot, and never withdraw. Bind it to this server's "
        "address.",
        "api_secret": _SEALED,
    },
    BrokerKind.BINANCE_FUTURES: {
        "api_key": "Let it read and trade futures, and never withdraw. Bind it to this server's "
        "address.",
        "api_secret": _SEALED,
    },
    BrokerKind.ALPACA: {
        "api_key": "The key ID. Paper trading and live trading have keys of their own, each made "
        "on its own page.",
        "api_secret": f"Alpaca shows it once, when the key is made. {_SEALED}",
    },
}
"""What to know of each field of each kind of account: not every venue has the same switches."""
_OPTIONS: Mapping[str, Any] = {
    "feed": lambda: forms.ChoiceField(
        label="Market data", choices=[("iex", "IEX, free"), ("sip", "SIP, all exchanges, paid")]
    ),
    "fractional": lambda: forms.BooleanField(required=False, label="Fractions of shares"),
    "leverage": lambda: NumberField(
        required=True, help_text="Set at the venue before the first entry of a symbol. 1 is none."
    ),
    "margin_mode": lambda: forms.ChoiceField(
        choices=[("isolated", "Isolated: a symbol's losses stay its own"), ("cross", "Cross")]
    ),
    "position_mode": lambda: forms.ChoiceField(
        choices=[("one_way", "One-way"), ("hedge", "Hedge: long and short side by side")]
    ),
    "quote_currency": lambda: forms.CharField(
        max_length=10, help_text="What equity and buying power are counted in."
    ),
    "stops": lambda: forms.ChoiceField(
        label="Stops at the venue",
        choices=[
            ("reduce_only", "Close the quantity that they were placed for"),
            ("close_position", "Close the whole position, whatever it is then"),
        ],
    ),
    "sizing_capital": lambda: NumberField(
        label="Capital for sizing", help_text="Percents are of this; empty takes the equity."
    ),
    "targets": lambda: forms.ChoiceField(
        label="Profit targets",
        choices=[
            ("rest", "Rest at the venue"),
            ("watch", "Watched by TradeHub"),
        ],
        help_text="One that rests is paired with the stop and fills even while TradeHub is down; "
        "watching never pairs them. Several targets are always watched.",
    ),
}


FIXED = ("quote_currency",)
"""Once the account is open: its books are kept in it."""
TYPE_LIVE = f"This account trades real money. Type {LIVE} here to say that you mean it."


class ConfirmField(forms.CharField):
    def __init__(self) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(
            required=False,
            label=f"Type {LIVE} if this is real money",
            widget=forms.TextInput(attrs=attrs),
            help_text="Its orders trade your own money. Each strategy on it needs limits.",
        )


def _help_of(kind: Kind, field: str) -> str:
    name = next((name for name, known in KINDS.items() if known is kind), "")
    return _HELP.get(name, {}).get(field, "")


class VenueForm(PageForm):
    """Of one kind of account; subclasses say which parts they have."""

    parts: Sequence[Group] = ()

    def __init__(self, kind: Kind, *args: Any, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(*args, **kwargs)

    def grouped(self) -> list[BoundGroup]:
        return [
            BoundGroup(each.title, each.about, [self[name] for name in each.names])
            for each in self.parts
        ]

    def _add(self, name: str, field: forms.Field) -> None:
        field.widget.attrs["class"] = (
            "form-check-input" if isinstance(field, forms.BooleanField) else "form-control"
        )
        if isinstance(field, forms.ChoiceField):
            field.widget.attrs["class"] = "form-select"
        field.full = False  # type: ignore[attr-defined]  # as in PageForm
        self.fields[name] = field

    def _add_credentials(self) -> None:
        for name in self.kind.credentials:
            attrs = {"autocomplete": "off", "spellcheck": "false"}
            widget = forms.PasswordInput(attrs=attrs, render_value=False)
            label = name.replace("_", " ").replace("api", "API").strip()
            self._add(
                name,
                forms.CharField(
                    max_length=8192,
                    label=label[0].upper() + label[1:],
                    widget=widget,
                    help_text=_help_of(self.kind, name),
                ),
            )

    def _add_options(self) -> None:
        for name in self.kind.options:
            self._add(name, _OPTIONS[name]())

    def _ask_for_the_word(self, data: dict[str, Any]) -> dict[str, Any]:
        """In words of the page; the service asks for it too."""
        if (data.get("confirm") or "").strip() != LIVE:
            self.add_error("confirm", TYPE_LIVE)
        return data

    def credentials(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self.kind.credentials}

    def options(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.kind.options}


class ConnectForm(VenueForm):
    label = forms.CharField(max_length=80)
    environment = forms.ChoiceField(label="Money")

    def __init__(self, kind: Kind, *args: Any, **kwargs: Any) -> None:
        super().__init__(kind, *args, **kwargs)
        self.fields["environment"].choices = [  # type: ignore[attr-defined]  # of its field
            (Environment.TEST.value, f"Test: {kind.venue}'s {kind.test_words}, no real money"),
            (Environment.LIVE.value, "LIVE: real money"),
        ]
        self._add_credentials()
        self._add_options()
        self._add("confirm", ConfirmField())
        self.parts = (
            Group("Account", "A key of the right kind: a test key never works live.",
                  ("label", "environment", "confirm")),
            Group("Key", f"Made at {kind.venue}. It is examined before anything is traded.",
                  kind.credentials),
            Group("Options", "", tuple(kind.options)),
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        live = data.get("environment") == Environment.LIVE
        return self._ask_for_the_word(data) if live else data


class CredentialsForm(VenueForm):
    def __init__(self, kind: Kind, *args: Any, live: bool, **kwargs: Any) -> None:
        super().__init__(kind, *args, **kwargs)
        self.live = live
        self._add_credentials()
        if live:
            self._add("confirm", ConfirmField())
        more = ("confirm",) if live else ()
        about = "It replaces the stored one, which can't be shown. No entry is sent until the new "
        self.parts = (
            Group("New key", f"{about}key has passed the check.", (*kind.credentials, *more)),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        return self._ask_for_the_word(data) if self.live else data


class OptionsForm(VenueForm):
    label = forms.CharField(max_length=80)

    def __init__(self, kind: Kind, *args: Any, **kwargs: Any) -> None:
        super().__init__(kind, *args, **kwargs)
        self._add_options()
        for name in FIXED:
            if name in self.fields:
                self.fields[name].disabled = True
        self.parts = (Group("Account", "", ("label", *kind.options)),)
