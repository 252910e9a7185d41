"""Structured logs: one JSON object a line, every one passed through `redact`.

Plain `logging` loggers and structlog's end in the same formatter, so no library can write past
the redaction. What a request is about is bound with structlog's context variables.
"""

import logging
from collections.abc import MutableMapping
from threading import Lock
from time import monotonic
from typing import Any

import structlog

from tradehub.lib.redact import redact

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


SELDOM_SECONDS = 60.0


class Seldom:
    """For what goes wrong each second alike: each key is due once a minute. For any threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._said: dict[str, float] = {}

    def due(self, key: str) -> bool:
        now = monotonic()
        with self._lock:
            self._said = {each: at for each, at in self._said.items() if now - at < SELDOM_SECONDS}
            if key in self._said:
                return False
            self._said[key] = now
            return True


def without_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    clean = redact({key: item for key, item in event.items() if not key.startswith("_")})
    event.update(clean)
    return event


def configure_structlog() -> None:
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_config(level: str) -> dict[str, Any]:
    """For Django's LOGGING and for a process that has no Django."""
    quiet = max(logging.getLevelName(level), logging.WARNING)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    without_secrets,
                    structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Our own request line stands for theirs; they would print a URL and so a token.
            "django.server": {"level": "ERROR"},
            "daphne": {"level": quiet},
            "celery": {"level": quiet},
            "kombu": {"level": quiet},
            "twisted": {"level": quiet},
            "asyncio": {"level": quiet},
            "urllib3": {"level": quiet},
            "django": {"level": level, "handlers": [], "propagate": True},
        },
    }
