"""Who is deaf: alive, and of no use. Each kind of child is listened to in its own way.

Web and Redis are knocked at and must answer; beat, the stream and each worker leave signs in Redis
that must change. One knock waits for its answer as long as a child may be silent, so a slow one
that lives is heard; and silence counts only while we could have heard. Never blocks for long.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from tradehub.supervisor.children import Child

GRACE_SECONDS = 40.0
"""After its start, until a child is expected to be heard from: a machine under full load."""
SILENT_SECONDS = {"worker": 20.0, "redis": 20.0, "beat": 30.0, "web": 30.0, "stream": 30.0}
KNOCK_SECONDS = 5.0
CONNECT_SECONDS = 0.2
WEB_KNOCK = b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n"
REDIS_KNOCK = b"PING\r\n"

Address = str | tuple[str, int]


@dataclass
class Knock:
    """At one child's own door: the path of a unix socket, or host and port."""

    address: Address
    words: bytes
    next_at: float = 0.0
    _waiting: socket.socket | None = None

    def answered(self, now: float) -> bool:
        """Has an answer come since the last look? Knocks again when one is due."""
        if self._waiting is None:
            if now >= self.next_at:
                self.next_at = now + KNOCK_SECONDS
                self._knock()
            return False
        try:
            said = self._waiting.recv(64)
        except BlockingIOError:
            return False
        except OSError:
            said = b""
        self.forget()
        return bool(said)

    def forget(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def _knock(self) -> None:
        kind = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        door = socket.socket(kind, socket.SOCK_STREAM)
        door.settimeout(CONNECT_SECONDS)
        try:
            # The kernel takes it for a stopped process too; whether it answers is the question.
            door.connect(self.address)
            door.sendall(self.words)
            door.setblocking(False)
        except OSError:
            door.close()
        else:
            self._waiting = door


@dataclass
class Ear:
    """Listens to one child. Times are monotonic."""

    child: Child
    limit: float
    knock: Knock | None = None
    key: str = ""
    """In Redis, of the sign of life that it leaves."""
    heard_at: float = 0.0
    _started_at: float = -1.0
    _sign: float | None = None
    _knows_sign: bool = False

    def listen(self, now: float, signs: Mapping[str, float | None] | None) -> None:
        """`signs` are the values in Redis; None: it didn't say, which tells nothing of others."""
        if self.child.started_at != self._started_at:
            self._started_at = self.child.started_at
            self.heard_at = self._started_at + GRACE_SECONDS
            if self.knock is not None:
                self.knock.forget()
        if self.knock is not None:
            if self.knock.answered(now):
                self.heard_at = now
        elif signs is None:
            self.heard_at = max(self.heard_at, now)
        elif self._is_new(signs.get(self.key)):
            self.heard_at = now

    def is_deaf(self, now: float) -> bool:
        return now - self.heard_at > self.limit

    def _is_new(self, sign: float | None) -> bool:
        """What lay there at the first look was left by whoever ran before."""
        known, before = self._knows_sign, self._sign
        self._knows_sign, self._sign = True, sign
        return known and sign is not None and sign != before


@dataclass
class Ears:
    """One for each child that is listened to."""

    of: list[Ear]

    def keys(self) -> list[str]:
        return [ear.key for ear in self.of if ear.key]

    def deaf(self, signs: Mapping[str, float | None] | None, *, now: float) -> list[Ear]:
        """Who runs and has been silent for too long."""
        listening = [ear for ear in self.of if ear.child.process is not None]
        for ear in listening:
            ear.listen(now, signs)
        return [ear for ear in listening if ear.is_deaf(now)]

    def close(self) -> None:
        for ear in self.of:
            if ear.knock is not None:
                ear.knock.forget()


def ears_for(children: list[Child]) -> Ears:
    return Ears([ear for child in children if (ear := _ear_for(child)) is not None])


def _ear_for(child: Child) -> Ear | None:
    kind = child.name.rstrip("0123456789")
    limit = SILENT_SECONDS.get(kind)
    if limit is None:
        return None
    if child.door is not None:
        words = REDIS_KNOCK if kind == "redis" else WEB_KNOCK
        return Ear(child, limit, knock=Knock(child.door, words))
    return Ear(child, limit, key=child.sign) if child.sign else None
