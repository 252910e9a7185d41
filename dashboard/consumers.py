"""The live socket: one for each open page, frames of its own user and of nobody else.

The group is made from the session's user, never from anything the browser says, and the only
message understood is `{"type": "ping"}`. A socket outlives no session: `dashboard.session_watch`
closes it within a few seconds of a logout, a disabled user or a changed password. A word that the
channel layer loses costs a moment: it is said again, and then the page is open without it.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from channels.exceptions import ChannelFull
from channels.generic.websocket import AsyncWebsocketConsumer
from redis import RedisError

from dashboard.session_watch import watch
from tradehub.lib.live import group_of

NOT_SIGNED_IN = 4401
MAX_MESSAGE = 256
"""Characters of a client's message; all it may say is ping."""
PONG_REST_SECONDS = 1.0
SAY_AGAIN_SECONDS = 0.5
MOST_SAID = 4
"""Our own word, at the opening."""


class LiveConsumer(AsyncWebsocketConsumer):
    group = ""
    last_pong = 0.0
    is_open = False
    _opening = False
    _calling: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        user = self.scope.get("user")
        session_key = getattr(self.scope.get("session"), "session_key", None)
        if user is None or not user.is_authenticated or not user.is_active or not session_key:
            await self.close(code=NOT_SIGNED_IN)
            return
        self.session_key: str = session_key
        self.group = group_of(user.pk)
        await self.channel_layer.group_add(self.group, self.channel_name)
        # Where nobody listened before, the channel layer naps for up to 0.1 s and lets frames wait:
        # the page is open when it hears. Not awaited here: what comes meanwhile is heard after us.
        self._calling = asyncio.create_task(self._call())

    async def _call(self) -> None:
        for _ in range(MOST_SAID):
            with suppress(RedisError, OSError, ChannelFull):
                await self.channel_layer.send(self.channel_name, {"type": "live.heard"})
            await asyncio.sleep(SAY_AGAIN_SECONDS)
            if self._opening:
                return
        with suppress(RuntimeError):  # it went away by itself meanwhile
            await self._open()

    async def live_heard(self, event: Mapping[str, Any]) -> None:
        """Our own word has come back, maybe not for the first time."""
        await self._open()

    async def _open(self) -> None:
        if self._opening:
            return
        self._opening = True
        await self.accept()
        self.is_open = True
        watch.add(self)
        # Frames come from here on: what the page was rendered before, it fetches now.
        await self.send_frame({"type": "hello", "id": "", "version": 0})

    async def disconnect(self, code: int) -> None:
        if self._calling is not None:
            self._calling.cancel()
        watch.discard(self)
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None or len(text_data) > MAX_MESSAGE:
            return
        try:
            message = json.loads(text_data)
        except (ValueError, RecursionError):
            return
        now = time.monotonic()
        is_ping = isinstance(message, dict) and message.get("type") == "ping"
        if is_ping and now - self.last_pong >= PONG_REST_SECONDS:
            self.last_pong = now
            await self.send_frame({"type": "pong"})

    async def live_frames(self, event: Mapping[str, Any]) -> None:
        """What `tradehub.lib.live` sent to the user's group."""
        if not self.is_open:
            return  # what it tells of, the page fetches at hello
        for frame in event["frames"]:
            await self.send_frame(frame)

    async def send_frame(self, frame: Mapping[str, Any]) -> None:
        await self.send(text_data=json.dumps(frame, separators=(",", ":")))

    async def session_ended(self) -> None:
        """Called by the watch."""
        await self.close(code=NOT_SIGNED_IN)
