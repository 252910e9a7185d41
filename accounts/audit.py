"""The audit trail: every change of a secret, a limit or a trading state, in its own transaction.

Call `record` inside the write transaction of the change, so that neither is without the other.
What looks like a secret in `data` is masked, but don't put one there.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db import models

from accounts.models import AuditEntry, User
from tradehub.core.money import plain
from tradehub.lib.redact import redact


def record(
    *,
    owner: User | None,
    actor: User | None,
    action: str,
    target: models.Model | None = None,
    data: Mapping[str, Any] | None = None,
    now: datetime,
    ip: str = "",
) -> AuditEntry:
    """`owner` is whose thing it is, `actor` who did it; None for the site and for the hub."""
    return AuditEntry.objects.create(
        owner=owner,
        actor=actor,
        action=str(action),
        target_type=target._meta.label_lower if target else "",
        target_id=str(target.pk) if target else "",
        data=redact(_plain(data or {})),
        ip=ip,
        at=now,
    )


def _plain(value: Any) -> Any:
    """Decimals, times and enumerations as text; everything else that JSON has as it is."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
