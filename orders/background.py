"""Work in a thread of our own: its connection, and how loudly its failures are told.

A thread outside of Django's requests and Celery's tasks looks after its own connection. A database
that is away or busy passes by itself and is a warning; what would fail in the same way for ever,
such as a table that lacks a column, is an error, and whoever asked is told of it.
"""

from collections.abc import Callable

import structlog
from django.db import Error, InterfaceError, OperationalError, close_old_connections

CODE = "INTERNAL_ERROR"
_LACKS = ("no such table", "no such column", "has no column")
"""What SQLite says of a schema that does not fit, under the name of what passes by itself."""

log = structlog.get_logger(__name__)


def with_connection(
    work: Callable[[], object], failed: str, broken: Callable[[], None] = lambda: None
) -> None:
    """Never raises: the thread must outlive whatever one account does. `failed` names it in the
    log; `broken` is called when the database will refuse it next time too."""
    try:
        close_old_connections()
        work()
    except Error as error:
        if passes_by_itself(error):
            log.warning(failed, error=type(error).__name__)
        else:
            log.exception(failed, code=CODE, error=type(error).__name__)
            broken()
    except Exception as error:  # as the docstring says
        log.exception(failed, code=CODE, error=type(error).__name__)
    finally:
        # Back to the pool: an idle thread must not keep a connection from one at work.
        close_old_connections()


def passes_by_itself(error: Error) -> bool:
    """Is it one of a database that is away, busy or restarting?"""
    if isinstance(error, InterfaceError):
        return True
    lacks = any(words in str(error) for words in _LACKS)
    return isinstance(error, OperationalError) and not lacks
