"""Threads for each kind of venue, so that one that hangs keeps no other's work waiting."""

from concurrent.futures import ThreadPoolExecutor


class Pools:
    def __init__(self, name: str, of_one_kind: int) -> None:
        self._name = name
        self._of_one_kind = of_one_kind
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def of(self, kind: str) -> ThreadPoolExecutor:
        """Not for two threads at once."""
        if kind not in self._pools:
            self._pools[kind] = ThreadPoolExecutor(self._of_one_kind, f"{self._name}-{kind}")
        return self._pools[kind]

    def close(self, *, wait: bool = False, drop: bool = False) -> None:
        """What has begun goes on to its end; `drop`: what waits does not begin."""
        for each in [*self._pools.values()]:
            each.shutdown(wait=wait, cancel_futures=drop)
