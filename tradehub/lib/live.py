"""The one door to the live channel: tell a user's open pages that something of theirs changed.

Call `notify` from inside the transaction that made the change; it is sent after the commit, and
never when that is rolled back. Frames of one tick are sent together and the newest of one thing
replaces the older ones. Losing a frame loses nothing: pages fetch anew on a gap or a reconnect.
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.db import transaction

TICK_SECONDS = 0.02
MAX_WAITING = 10_000

log = structlog.get_logger(__name__)

Frame = dict[str, Any]


def group_of(user_id: int) -> str:
    """The channel group of one user; made from the server's own id only."""
    return f"user.{user_id}"


def notify(user_id: int, kind: str, id: str, version: int = 0, **data: Any) -> None:
    """Queue the frame `{"type": kind, "id", "version", **data}` for a user, after the commit.

    `data` is what a table row or a chart needs: plain JSON values, decimals as strings."""
    frame = {"type": kind, "id": id, "version": version, **data}
    transaction.on_commit(lambda: publisher.put(user_id, frame))


class Publisher:
    """A thread with an event loop of its own, started on first use (after the fork)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str, str], Frame] = {}
        self._awake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, user_id: int, frame: Frame) -> None:
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                return  # nobody is listening fast enough; pages will fetch
            key = (user_id, frame["type"], frame["id"])
            self._waiting.pop(key, None)
            self._waiting[key] = frame
            if self._loop is None:
                self._start()
        assert self._loop is not None
        assert self._awake is not None
        self._loop.call_soon_threadsafe(self._awake.set)

    def take(self) -> Mapping[int, list[Frame]]:
        """Everything that waits, by user, oldest first."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        frames: dict[int, list[Frame]] = {}
        for (user_id, _, _), frame in waiting.items():
            frames.setdefault(user_id, []).append(frame)
        return frames

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._awake = asyncio.Event()
        threading.Thread(target=self._run, name="live", daemon=True).start()

    def _run(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._forward())

    async def _forward(self) -> None:
        assert self._awake is not None
        while True:
            await self._awake.wait()
            self._awake.clear()
            for user_id, frames in self.take().items():
                await self._send(user_id, frames)
            await asyncio.sleep(TICK_SECONDS)

    async def _send(self, user_id: int, frames: list[Frame]) -> None:
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(1):
                await layer.group_send(group_of(user_id), {"type": "live.frames", "frames": frames})
        except Exception as error:  # Redis may be away; pages fetch when they reconnect
            log.warning("live_push_failed", error=type(error).__name__, frames=len(frames))


publisher = Publisher()
