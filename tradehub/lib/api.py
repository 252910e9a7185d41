"""What every REST resource shares: errors, parsing, pages, fields, and rows by owner.

Decimals are strings on the way out and never floats on the way in. A field that a resource doesn't
know is refused, since an ignored limit would be one that its user counts on. Another user's object
is a 404. Which key may do what is `required_scopes` here and decided in `accounts.permissions`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from tradehub.core.errors import BadInput
from tradehub.core.money import NotANumber, plain, shortened, to_decimal
from tradehub.lib.api_errors import problem_handler
from tradehub.lib.api_parser import DecimalJSONParser
from tradehub.lib.fields import IdField, MoneyField

__all__ = [
    "DecimalJSONParser",
    "DecimalString",
    "NewestFirst",
    "NoFields",
    "OwnedKey",
    "OwnedViewSet",
    "PlainJSON",
    "StrictModelSerializer",
    "StrictSerializer",
    "problem_handler",
    "refuse_fields",
]

ID_PATTERN = r"[0-9a-z_]{1,32}"


class NewestFirst(CursorPagination):
    """Cursor pages, the newest first: ids sort by time."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        digits = asked.lstrip("0") if asked.isascii() and asked.isdigit() else ""
        if not digits:
            text = f"Give a page_size above 0 (up to {self.max_page_size}), or none."
            raise BadInput(text, pointer="/page_size")
        return min(int(digits[:9]), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        position = str(cursor.position or "") if cursor else ""
        if not (position.isascii() and position.isprintable()):
            raise BadInput("This cursor is none of ours: begin again without it.")
        return cursor


@extend_schema_field({"type": "string", "format": "decimal", "example": "123.45"})
class DecimalString(serializers.Field[Decimal, Any, str, Any]):
    """An exact decimal, written as a plain string. `least` and `above` bound what comes in."""

    default_error_messages = {
        "invalid": 'Give a decimal number, best as a string such as "0.25": {why}.',
        "least": "This must be at least {bound}.",
        "above": "This must be above {bound}.",
    }

    def __init__(
        self, *, least: Decimal | None = None, above: Decimal | None = None, **kwargs: Any
    ) -> None:
        self.least = least
        self.above = above
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            number = to_decimal(data)
        except NotANumber as error:
            self.fail("invalid", why=error)
        if self.least is not None and number < self.least:
            self.fail("least", bound=plain(self.least))
        if self.above is not None and number <= self.above:
            self.fail("above", bound=plain(self.above))
        return number

    def to_representation(self, value: Any) -> str:
        """What was computed here may have more digits than what may come in."""
        number = value if isinstance(value, Decimal) else to_decimal(value)
        return plain(shortened(number))


class PlainJSON(serializers.JSONField):
    """A JSON column: numbers with a fraction become plain strings, whole ones stay."""

    default_error_messages = {"number": "It has a number that can't be used: {why}."}

    def to_internal_value(self, data: Any) -> Any:
        try:
            plainly = _plain_decimals(data)
        except NotANumber as error:
            self.fail("number", why=error)
        return super().to_internal_value(plainly)


def _plain_decimals(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        to_decimal(value)
    if isinstance(value, Decimal):
        return plain(to_decimal(value))
    if isinstance(value, dict):
        return {key: _plain_decimals(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_decimals(item) for item in value]
    return value


class OwnedKey(serializers.PrimaryKeyRelatedField[Any]):
    """A reference to a row of the same owner. Another user's id is like one that never was."""

    default_error_messages = {"does_not_exist": "There is no object with this id."}

    def get_queryset(self) -> models.QuerySet[Any]:
        found = super().get_queryset()
        assert found is not None
        return found.filter(owner=self.context["request"].user)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it doesn't know, each by its name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                text = "This resource has no such field."
                raise serializers.ValidationError(
                    {
                        str(name): [serializers.ErrorDetail(text, code="UNSUPPORTED_FIELD")]
                        for name in unknown
                    }
                )
        return super().to_internal_value(data)


class NoFields(StrictSerializer):
    """Of a POST that takes no body: a field in it is one that its sender counts on."""


def refuse_fields(request: Request) -> None:
    """For every POST without a body of its own."""
    NoFields(data=request.data).is_valid(raise_exception=True)


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """A model's serializer with our field types; references must be of the same owner."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        MoneyField: DecimalString,
        IdField: serializers.CharField,
        models.JSONField: PlainJSON,
    }


class OwnedViewSet(viewsets.GenericViewSet[Any]):
    """Rows of the caller only. `required_scopes` maps an action to the scope that a key needs;
    what it doesn't name needs `read` to see and `manage` to change."""

    pagination_class = NewestFirst
    parser_classes = [DecimalJSONParser]
    lookup_value_regex = ID_PATTERN
    required_scopes: Mapping[str, str] = {}
    owner_field = "owner"
    """Where a row names its owner; `account__owner` where it is its parent's."""

    def get_queryset(self) -> models.QuerySet[Any]:
        found = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return found.none()
        return found.filter(**{self.owner_field: self.request.user})
