"""Forms parse and render; they hold no rule. Services decide and raise errors with a pointer.

Numbers are Decimal (never float), an empty one is None, which means "not limited" or "not set".
`add_service_error` puts a service's refusal at the field that its JSON pointer names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField

from tradehub.core.errors import TradehubError
from tradehub.core.money import NotANumber, plain, to_decimal


class NumberField(forms.Field):
    """An exact decimal, shown without exponent or trailing zeros; empty is None."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(widget=forms.TextInput(attrs=attrs), **{"required": False, **kwargs})

    def to_python(self, value: Any) -> Decimal | None:
        if value in self.empty_values or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return to_decimal(value)
        except NotANumber:
            raise forms.ValidationError("Enter a number such as 2.5, with a dot.") from None

    def prepare_value(self, value: Any) -> Any:
        return plain(value) if isinstance(value, Decimal) else value


class WholeField(forms.IntegerField):
    """A whole number of zero or more; empty is None."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
        super().__init__(widget=widget, **{"required": False, "min_value": 0, **kwargs})


class ListField(forms.Field):
    """Words divided by commas or blanks: AAPL, MSFT BTCUSDT."""

    def __init__(self, *, upper: bool = True, **kwargs: Any) -> None:
        self.upper = upper
        super().__init__(widget=forms.TextInput(), **{"required": False, **kwargs})

    def to_python(self, value: Any) -> list[str]:
        words = str(value or "").replace(",", " ").split()
        return [word.upper() if self.upper else word for word in words]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value


class MapField(forms.Field):
    """One pair a line: `NQ1! = QQQ`."""

    def __init__(self, *, upper: bool = True, **kwargs: Any) -> None:
        self.upper = upper
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), required=False, **kwargs)

    def to_python(self, value: Any) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for line in str(value or "").splitlines():
            if not line.strip():
                continue
            left, equals, right = line.partition("=")
            if not equals or not left.strip() or not right.strip():
                raise forms.ValidationError(
                    f"Write pairs as FROM = TO; “{line.strip()}” is not one."
                )
            if self.upper:
                left, right = left.upper(), right.upper()
            pairs[left.strip()] = right.strip()
        return pairs

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{left} = {right}" for left, right in value.items())
        return value


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    about: str
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class BoundGroup:
    title: str
    about: str
    fields: list[BoundField]


class PageForm(forms.Form):
    groups: ClassVar[Sequence[Group]] = ()
    wide: ClassVar[frozenset[str]] = frozenset()
    """Fields that take the whole row."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.setdefault("class", _css_class(field.widget))
            field.full = name in self.wide  # type: ignore[attr-defined]  # read by forms/field.html

    def grouped(self) -> list[BoundGroup]:
        return [
            BoundGroup(each.title, each.about, [self[name] for name in each.names])
            for each in self.groups
        ]

    def is_valid(self) -> bool:
        valid = super().is_valid()
        self._mark_errors()
        return valid

    def add_service_error(self, error: TradehubError) -> None:
        """At the field that the pointer names (its last part that is a field), else on top."""
        parts = (error.pointer or "").split("/")
        name = next((part for part in reversed(parts) if part in self.fields), None)
        self.add_error(name, error.message)
        self._mark_errors()

    def _mark_errors(self) -> None:
        for name in self.errors:
            if name in self.fields:
                attrs = self.fields[name].widget.attrs
                if "is-invalid" not in attrs["class"]:
                    attrs["class"] += " is-invalid"


def _css_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
        return "form-check-input"
    if isinstance(widget, forms.Select):
        return "form-select"
    return "form-control"
