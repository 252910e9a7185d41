"""The forms of an account at a real venue: open it, change its key, change its options.

A key is typed and sent, and never shown again: the fields are passwords without a value. Real money
asks for the word `live` besides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from brokers.kinds import Kind
from brokers.services import LIVE
from dashboard.forms.base import BoundGroup, Group, NumberField, PageForm
from tradehub.core.words import Environment

_HELP = {
    "api_key": "Let it trade and read, and never withdraw. Bind it to this server's address.",
    "api_secret": "Sealed when it is stored, and never shown again.",
}
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


class ConfirmField(forms.CharField):
    def __init__(self) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(
            required=False,
            label=f"Type {LIVE} if this is real money",
            widget=forms.TextInput(attrs=attrs),
            help_text="Its orders trade your own money. Each strategy on it needs limits.",
        )


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
                    help_text=_HELP.get(name, ""),
                ),
            )

    def _add_options(self) -> None:
        for name in self.kind.options:
            self._add(name, _OPTIONS[name]())

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


class CredentialsForm(VenueForm):
    def __init__(self, kind: Kind, *args: Any, live: bool, **kwargs: Any) -> None:
        super().__init__(kind, *args, **kwargs)
        self._add_credentials()
        if live:
            self._add("confirm", ConfirmField())
        more = ("confirm",) if live else ()
        about = "It replaces the stored one, which can't be shown. No entry is sent until the new "
        self.parts = (
            Group("New key", f"{about}key has passed the check.", (*kind.credentials, *more)),
        )


class OptionsForm(VenueForm):
    label = forms.CharField(max_length=80)

    def __init__(self, kind: Kind, *args: Any, **kwargs: Any) -> None:
        super().__init__(kind, *args, **kwargs)
        self._add_options()
        for name in FIXED:
            if name in self.fields:
                self.fields[name].disabled = True
        self.parts = (Group("Account", "", ("label", *kind.options)),)
