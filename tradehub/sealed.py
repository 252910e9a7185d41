"""Every column that holds a sealed secret, and sealing them all anew under the newest key.

The one list: a column that holds sealed text is named `sealed_…` and stands here with what binds it
to its row, or a test fails. Each row is changed only while its text is still the one that was read,
so what somebody stores meanwhile is never overwritten. To run it twice is to run it once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import models

from accounts import audit
from brokers.credentials import credentials_context
from brokers.models import BrokerAccount
from signals.models import WebhookToken
from signals.routes import secret_context
from tradehub.lib.crypto import SealBroken, needs_rotation, open_sealed, seal
from tradehub.lib.db import in_write_transaction

BATCH = 200
PASSES = 3
"""A row that changed while it was sealed anew is looked at once more."""


class Action(StrEnum):
    """Words of the audit trail."""

    ROTATED = "site.keys_rotated"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    model: type[models.Model]
    name: str
    context: Callable[[Any], str]
    """What a row's text is bound to."""

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


SEALED = (
    SealedColumn(BrokerAccount, "sealed_credentials", credentials_context),
    SealedColumn(
        WebhookToken, "sealed_passphrase", lambda token: secret_context(token, "passphrase")
    ),
    SealedColumn(
        WebhookToken, "sealed_hmac_secret", lambda token: secret_context(token, "hmac_secret")
    ),
)


@dataclass
class Rotation:
    """Counts and names, never a value."""

    found: int = 0
    rotated: int = 0
    unopened: list[str] = field(default_factory=list)
    """`model.column id` of each that no key of the ring opens."""
    moving: int = 0
    """Changed by somebody else at every pass; sealed under an old key still."""

    @property
    def complete(self) -> bool:
        return not self.unopened and not self.moving


def rotate_keys(*, now: datetime, batch: int = BATCH) -> Rotation:
    """Afterwards, if it is complete, the older keys open nothing that is stored here."""
    done = Rotation()
    for column in SEALED:
        left = _rotate_column(column, done, batch, first=True)
        for _ in range(PASSES - 1):
            left = left and _rotate_column(column, done, batch, first=False)
        done.moving += left
    data = {
        "found": done.found,
        "rotated": done.rotated,
        "unopened": len(done.unopened),
        "moving": done.moving,
    }
    in_write_transaction(
        partial(
            audit.record, owner=None, actor=None, action=Action.ROTATED.value, data=data, now=now
        )
    )
    return done


def _rotate_column(column: SealedColumn, done: Rotation, batch: int, *, first: bool) -> int:
    """How many changed under our hands."""
    left = 0
    for rows in _batches(column, batch):
        done.found += len(rows) if first else 0
        fresh = [each for each in rows if needs_rotation(getattr(each, column.name))]
        moved = in_write_transaction(partial(_seal_anew, column, _opened(column, fresh, done)))
        done.rotated += moved[0]
        left += moved[1]
    return left


def _batches(column: SealedColumn, size: int) -> Iterator[list[Any]]:
    last = ""
    while True:
        rows = column.model._default_manager.filter(pk__gt=last).exclude(**{column.name: ""})
        found = list(rows.order_by("pk")[:size])
        if not found:
            return
        yield found
        last = found[-1].pk


def _opened(column: SealedColumn, rows: list[Any], done: Rotation) -> list[tuple[Any, str]]:
    """Rows with their new text; those that can't be opened are named."""
    found = []
    for row in rows:
        context = column.context(row)
        try:
            plaintext = open_sealed(getattr(row, column.name), context=context)
        except SealBroken:
            name = f"{column} {row.pk}"
            if name not in done.unopened:
                done.unopened.append(name)
            continue
        found.append((row, seal(plaintext, context=context)))
    return found


def _seal_anew(column: SealedColumn, fresh: list[tuple[Any, str]]) -> tuple[int, int]:
    """(changed, not changed since somebody else was faster)."""
    moved = 0
    for row, text in fresh:
        as_read = {"pk": row.pk, column.name: getattr(row, column.name)}
        rows = column.model._default_manager.filter(**as_read)
        moved += rows.update(**{column.name: text})
    return moved, len(fresh) - moved
