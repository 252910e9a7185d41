"""The statements of the group commit, by hand where the ORM's are too slow or can't say it.

Called only by `signals.ingest`, inside its transaction. Values go as parameters; column names come
from the models.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, models
from django.db.models import F

from orders.models import LaneItem
from signals.arrivals import Arrival
from signals.models import Signal, SignalKey, WebhookToken

BODY_WINDOW = timedelta(seconds=45)
"""How long a body without an id counts as a copy: longer than TradingView's resends take (27 s),
shorter than a one-minute bar."""

FOR_EVER = timedelta(days=36_500)


def claim_keys(arrivals: Sequence[Arrival]) -> dict[tuple[str, str], tuple[str, str]]:
    """Claim each key, or learn who holds it: {(strategy, key): (signal id, fingerprint)}.

    One upsert: a held key is taken over only when its holder is older than the window, which for
    an explicit id never comes."""
    if not arrivals:
        return {}
    table = _quoted(SignalKey)
    statement = (
        f"INSERT INTO {table} (strategy_id, key, signal_id, fingerprint, claimed_at)"  # noqa: S608 (names, no values)
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (strategy_id, key) DO UPDATE SET"
        " signal_id = excluded.signal_id, fingerprint = excluded.fingerprint,"
        f" claimed_at = excluded.claimed_at WHERE {table}.claimed_at <= %s"
    )
    rows = []
    for each in arrivals:
        assert each.strategy is not None
        held_since = each.received_at - (BODY_WINDOW if each.key_expires else FOR_EVER)
        rows.append(
            (
                each.strategy.id,
                each.key,
                each.id,
                each.fingerprint,
                _moment(each.received_at),
                _moment(held_since),
            )
        )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
        strategies = sorted({strategy for strategy, *_ in rows})
        keys = sorted({key for _, key, *_ in rows})
        # Both columns, or SQLite's index on (strategy, key) is of no use.
        cursor.execute(
            f"SELECT strategy_id, key, signal_id, fingerprint FROM {table}"  # noqa: S608 (names, no values)
            f" WHERE strategy_id IN ({_marks(strategies)}) AND key IN ({_marks(keys)})",
            [*strategies, *keys],
        )
        held = cursor.fetchall()
    return {(strategy, key): (signal, mark) for strategy, key, signal, mark in held}


_SIGNAL_COLUMNS = (
    "id",
    "owner_id",
    "strategy_id",
    "token_id",
    "status",
    "received_at",
    "source_ip",
    "content_type",
    "raw",
    "dialect",
    "intents",
    "error",
    "deliveries",
    "ack_ms",
)


def insert_signals(arrivals: Sequence[Arrival], now: datetime) -> None:
    rows = []
    for each in arrivals:
        if not each.stored_id:
            continue
        rows.append(
            (
                each.id,
                each.route.owner_id,
                None if each.strategy is None else each.strategy.id,
                each.route.token_id,
                _status(each),
                _moment(each.received_at),
                each.source_ip,
                each.content_type,
                each.raw,
                each.dialect,
                each.intents_json,
                None if each.error is None else orjson.dumps(each.error).decode(),
                1,
                (now - each.received_at).total_seconds() * 1000,
            )
        )
    _insert(Signal, _SIGNAL_COLUMNS, rows)


_ITEM_COLUMNS = (
    "account_id",
    "kind",
    "status",
    "signal_id",
    "subject",
    "intents",
    "terms",
    "attempts",
    "due_at",
    "created_at",
    "reason",
)


def insert_lane_items(arrivals: Sequence[Arrival]) -> None:
    _insert(
        LaneItem,
        _ITEM_COLUMNS,
        [
            (
                account_id,
                LaneItem.Kind.DECIDE.value,
                LaneItem.Status.QUEUED.value,
                each.id,
                "",
                each.intents_json,
                terms,
                0,
                _moment(each.received_at),
                _moment(each.received_at),
                "",
            )
            for each in arrivals
            if each.strategy is not None
            for account_id, terms in each.strategy.lanes
        ],
    )


def count_deliveries(signal_ids: Iterable[str]) -> None:
    """One more delivery of each first copy."""
    for signal_id in signal_ids:
        Signal.objects.filter(pk=signal_id).update(deliveries=F("deliveries") + 1)


def count_throttled(counts: Mapping[str, int]) -> None:
    for token_id, count in sorted(counts.items()):
        WebhookToken.objects.filter(pk=token_id).update(
            throttled_count=F("throttled_count") + count
        )


def mark_token_used(token_id: str, now: datetime) -> None:
    WebhookToken.objects.filter(pk=token_id).update(last_used_at=now)


def _status(arrival: Arrival) -> str:
    if arrival.error is not None:
        return "invalid"
    return "received" if arrival.strategy is not None and arrival.strategy.lanes else "processed"


def _insert(model: type[models.Model], columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    values = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {_quoted(model)} ({names}) VALUES ({values})"  # noqa: S608 (names, no values)
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))


def _quoted(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
