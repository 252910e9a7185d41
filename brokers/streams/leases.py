"""Which process follows which account: a lease for each in Redis, renewed every few seconds.

Two processes normally never hold one, and where they do for a moment nothing is harmed: what
streams tell is recorded once, however often it comes. A process that dies lets go by itself. While
Redis is away everybody keeps what it has.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from redis import Redis

LEASE_SECONDS = 15
KEY = "tradehub:stream:lease:{subject}"
PROCESSES = "tradehub:stream:processes"
"""A sorted set: process -> when it was last heard from."""

# Renews what is held and takes what is free, up to a number; those named first go first.
_HOLD = """
local mine = {}
for i, key in ipairs(KEYS) do
  local holder = redis.call('get', key)
  if #mine < tonumber(ARGV[3]) and (not holder or holder == ARGV[1]) then
    redis.call('set', key, ARGV[1], 'px', ARGV[2])
    mine[#mine + 1] = i
  elseif holder == ARGV[1] then
    redis.call('del', key)
  end
end
return mine
"""
_LET_GO = """
for _, key in ipairs(KEYS) do
  if redis.call('get', key) == ARGV[1] then redis.call('del', key) end
end
"""


@dataclass
class Leases:
    """Of one process. Everything raises RedisError."""

    redis: Redis
    owner: str
    seconds: float = LEASE_SECONDS

    def share(self, total: int, *, now: datetime) -> int:
        """Say that we are here; how many of so many accounts are ours at most."""
        at = now.timestamp()
        with self.redis.pipeline(transaction=False) as together:
            together.zadd(PROCESSES, {self.owner: at})
            together.zremrangebyscore(PROCESSES, "-inf", at - self.seconds)
            together.zcard(PROCESSES)
            processes = together.execute()[2]
        return math.ceil(total / max(1, processes))

    def hold(self, wanted: Sequence[str], held: Collection[str], most: int) -> set[str]:
        """Renew and take leases, held ones first; what is ours now. The surplus is let go."""
        subjects = sorted(wanted, key=lambda each: each not in held)
        if not subjects:
            return set()
        keys = [KEY.format(subject=each) for each in subjects]
        given = [self.owner, str(int(self.seconds * 1000)), str(most)]
        mine = cast("list[int]", self.redis.eval(_HOLD, len(keys), *keys, *given))
        return {subjects[each - 1] for each in mine}

    def let_go(self, subjects: Collection[str]) -> None:
        keys = [KEY.format(subject=each) for each in subjects]
        if keys:
            self.redis.eval(_LET_GO, len(keys), *keys, self.owner)

    def leave(self, subjects: Collection[str]) -> None:
        """We end: somebody else may go on at once."""
        self.let_go(subjects)
        self.redis.zrem(PROCESSES, self.owner)
