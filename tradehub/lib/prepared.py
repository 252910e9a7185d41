"""SELECTs that are composed once.

Django spends several times longer on composing a statement than SQLite or PostgreSQL on answering
it. What every order asks is composed on first use in each thread; from then on only its parameters
change. The query is still written as a queryset, so both engines and every field's conversion are
Django's. The shape can't depend on the parameters, so none of them may be None or a list.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from django.db import connection
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
Parameter = str | int | datetime


class Prepared(Generic[M]):
    """`compose` is called with a stand-in for each of its parameters, named by kind.

    A queryset of `values_list` gives tuples by `rows`; any other gives instances by `all`."""

    def __init__(
        self,
        compose: Callable[..., QuerySet[M, Any]],
        *,
        texts: Sequence[str] = (),
        numbers: Sequence[str] = (),
        times: Sequence[str] = (),
    ) -> None:
        self._compose = compose
        self._stand_ins: dict[str, Parameter] = {
            **{name: f"\N{WHITE SQUARE}{name}" for name in texts},
            **{name: 2_000_000_000 - place for place, name in enumerate(numbers)},
            **{name: datetime(1900, 1, 1 + place, tzinfo=UTC) for place, name in enumerate(times)},
        }
        self._local = threading.local()

    def rows(self, **given: Parameter) -> list[tuple[Any, ...]]:
        statement = self._statement()
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.arguments(given))
            found = cursor.fetchall()
        return statement.converted(found)

    def all(self, **given: Parameter) -> list[M]:
        statement = self._statement()
        return [
            cast(M, statement.model.from_db(connection.alias, statement.names, row))
            for row in self.rows(**given)
        ]

    def first(self, **given: Parameter) -> M | None:
        """Of a queryset that is cut to one."""
        return next(iter(self.all(**given)), None)

    def _statement(self) -> "_Statement":
        kept: _Statement | None = getattr(self._local, "statement", None)
        if kept is None or kept.vendor != connection.vendor:
            kept = _Statement(self._compose(**self._stand_ins), self._stand_ins)
            self._local.statement = kept
        return kept


class _Statement:
    def __init__(self, queryset: QuerySet[Any, Any], stand_ins: Mapping[str, Parameter]) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, parameters = compiler.as_sql()
        selected = [each[0] for each in compiler.select[: compiler.col_count]]
        self._converters = compiler.get_converters(selected)
        self._compiler = compiler
        self.vendor = connection.vendor
        self.model = queryset.model
        self.names = [each.target.attname for each in selected if hasattr(each, "target")]
        places = {_plain(value): name for name, value in stand_ins.items()}
        self._parameters = [(places.get(each), each) for each in parameters]

    def arguments(self, given: Mapping[str, Parameter]) -> list[Any]:
        return [value if name is None else _plain(given[name]) for name, value in self._parameters]

    def converted(self, found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if not self._converters:
            return list(found)
        return [tuple(row) for row in self._compiler.apply_converters(found, self._converters)]


def _plain(value: Parameter) -> Any:
    """As the engine takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
