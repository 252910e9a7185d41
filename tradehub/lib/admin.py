"""What the operators' pages share: rows to look at, without secrets, found by index.

Nothing is added, changed or deleted here but through a service that leaves an audit entry: a model
admin that allows more says so itself and calls one. Only `unfold.admin.ModelAdmin` is used of
unfold, so Django's own admin would do as well.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.db.models.fields.related import ForeignKey
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from unfold.admin import ModelAdmin, TabularInline

from tradehub.core.money import plain
from tradehub.lib.db import write_transaction
from tradehub.lib.fields import MoneyField
from tradehub.lib.redact import is_secret_name, redact

_NEVER_SHOWN = ("sealed_", "digest", "previous_digest", "request_digest", "password")
COUNTED = 10_000


class CappedPaginator(Paginator):
    """Counts no further than anybody turns pages: a ledger has millions of rows."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED].count())


def is_shown(field: "models.Field[Any, Any]") -> bool:
    if isinstance(field, models.BinaryField) or field.name.startswith(_NEVER_SHOWN):
        return False
    return not is_secret_name(field.name) or isinstance(field, ForeignKey)


def as_block(text: str) -> str:
    return format_html('<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>', text)


def as_text(field: "models.Field[Any, Any]") -> Callable[[models.Model], str]:
    """How a JSON, decimal or time column is shown: readable, and without what looks like a
    secret."""

    def show(row: models.Model) -> str:
        value = getattr(row, field.name)
        if value is None:
            return "-"
        if isinstance(field, MoneyField):
            return plain(value)
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03} UTC"
        return as_block(json.dumps(redact(value), indent=2, ensure_ascii=False))

    show.__name__ = field.name
    return admin.display(description=field.verbose_name)(show)


class Shown:
    """Which columns are shown, and how; for a page and for the rows within one."""

    model: type[models.Model]
    left_out: Sequence[str] = ()
    also: Sequence[str] = ()
    """Methods that are shown after the columns."""

    @cached_property
    def shown(self) -> list[Any]:
        columns = [
            as_text(field)
            if isinstance(field, models.JSONField | models.DateTimeField | MoneyField)
            else field.name
            for field in self.model._meta.concrete_fields
            if is_shown(field) and field.name not in self.left_out
        ]
        return [*columns, *self.also]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        return self.shown

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[Any]:
        return self.shown

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RowsInside(Shown, TabularInline):
    """Rows that belong to the one that is shown."""

    extra = 0
    show_change_link = True


class ReadOnlyAdmin(Shown, ModelAdmin):
    """A page for each row and a list of them, the newest first. A search is for an id, or for all
    of one user: both are answered by an index."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    owner_path: str | None = "owner"
    """From the row to its user; None for the hub's own rows."""
    search_fields = ("pk",)  # shows the search box; `get_search_results` searches

    @property
    def search_help_text(self) -> str:
        return "An id" if self.owner_path is None else "An id, or the name of its user"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        key = self.model._meta.pk
        by_id = (
            term.isdecimal() and len(term) < 19
            if not key.get_internal_type().startswith("Char")
            else "_" in term and term.islower()
        )
        found = queryset.filter(pk=term) if by_id else queryset.none()
        if self.owner_path is None or (by_id and found.exists()):
            return found, False
        owners = _users_named(term)
        return queryset.filter(**{f"{self.owner_path}__in": owners}), False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may run actions: `@admin.action(permissions=["operate"])`."""
        return bool(request.user.is_active and request.user.is_superuser)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        # Django opens a transaction of its own in there; on SQLite ours must be the outer one.
        with write_transaction():
            return super().changeform_view(request, object_id, form_url, extra_context)


def _users_named(name: str) -> list[int]:
    from django.contrib.auth import get_user_model

    users = get_user_model().objects.alias(lower=Lower("username")).filter(lower=name.lower())
    return list(users.values_list("pk", flat=True))
