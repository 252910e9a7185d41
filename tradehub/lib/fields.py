"""Model fields: opaque ids and decimals that lose no digit.

SQLite has no decimal type (Django's DecimalField keeps 15 digits there), so MoneyField is TEXT on
SQLite and unconstrained numeric on PostgreSQL. It is never summed, compared or ordered in SQL.
"""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from tradehub.core.money import NotANumber, plain, to_decimal
from tradehub.lib.ids import new_id


class IdField(models.CharField):
    """A primary key such as `ord_01jd…`: one opaque string, the same everywhere."""

    def __init__(self, *args: Any, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs |= {"primary_key": True, "max_length": 32, "editable": False}
        super().__init__(*args, **kwargs)

    def get_default(self) -> str:
        return new_id(self.prefix)

    def has_default(self) -> bool:
        return True

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for given in ("primary_key", "max_length", "editable"):
            kwargs.pop(given, None)
        return name, path, list(args), kwargs | {"prefix": self.prefix}


class MoneyField(models.Field):
    """A Decimal with every digit it came with (money, quantities and prices)."""

    description = "Exact decimal"
    empty_strings_allowed = False

    def db_type(self, connection: Any) -> str:
        return "numeric" if connection.vendor == "postgresql" else "text"

    def get_default(self) -> Decimal | None:
        """Defaults are written as text, so that migrations stay readable."""
        return self.to_python(super().get_default())

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        return value if value is None or isinstance(value, Decimal) else Decimal(value)

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        try:
            return to_decimal(value)
        except NotANumber as error:
            raise ValidationError("Enter a number.", code="invalid") from error

    def get_prep_value(self, value: Any) -> Decimal | None:
        value = super().get_prep_value(value)
        if value is None or isinstance(value, Decimal):
            return value
        return to_decimal(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        value = value if prepared else self.get_prep_value(value)
        if value is None or connection.vendor == "postgresql":
            return value
        return plain(value)

    def value_to_string(self, obj: models.Model) -> str:
        value: Any = self.value_from_object(obj)
        return "" if value is None else plain(to_decimal(value))

    def formfield(self, **kwargs: Any) -> Any:
        from django import forms

        return super().formfield(**{"form_class": forms.DecimalField, "localize": False, **kwargs})
