"""Closes live sockets whose session is over: logged out, expired, user disabled, password changed.

One look for all sockets of a process, every few seconds, in two queries: a check for each socket
would cost hundreds a second. A look that fails (the database is away) closes nothing and is tried
again; the next one catches up.
"""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine, Iterable
from typing import Any, Protocol

import structlog
from channels.db import database_sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils.crypto import constant_time_compare

from accounts.models import User
from tradehub.lib.clock import utc_now

EVERY_SECONDS = 3.0

log = structlog.get_logger(__name__)


class Watched(Protocol):
    session_key: str

    def session_ended(self) -> Coroutine[Any, Any, None]: ...


def living_sessions(session_keys: Collection[str]) -> set[str]:
    """Those of the keys that still sign an active user in, with the password that he has now."""
    sessions = Session.objects.filter(session_key__in=list(session_keys), expire_date__gt=utc_now())
    claims = {each.session_key: each.get_decoded() for each in sessions}
    ids = {data[SESSION_KEY] for data in claims.values() if SESSION_KEY in data}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=ids, is_active=True)}
    return {key for key, data in claims.items() if _signs_in(data, users)}


def _signs_in(data: dict[str, Any], users: dict[str, User]) -> bool:
    user = users.get(data.get(SESSION_KEY, ""))
    if user is None or BACKEND_SESSION_KEY not in data:
        return False
    given = data.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(given, each) for each in hashes)


class SessionWatch:
    """Runs while there is anything to watch, in the event loop of the sockets."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, socket: Watched) -> None:
        self._watched.add(socket)
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._run())

    def discard(self, socket: Watched) -> None:
        self._watched.discard(socket)

    async def _run(self) -> None:
        while self._watched:
            await asyncio.sleep(EVERY_SECONDS)
            await self.look()

    async def look(self) -> None:
        sockets = list(self._watched)
        try:
            alive = await database_sync_to_async(living_sessions)(_keys(sockets))
        except DatabaseError as error:
            log.warning("session_watch_failed", error=type(error).__name__)
            return
        for socket in sockets:
            if socket.session_key not in alive:
                self._watched.discard(socket)
                with contextlib.suppress(RuntimeError):  # it went away by itself meanwhile
                    await socket.session_ended()


def _keys(sockets: Iterable[Watched]) -> set[str]:
    return {socket.session_key for socket in sockets}


watch = SessionWatch()
