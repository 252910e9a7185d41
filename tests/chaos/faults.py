"""The hand that does what the plan says, and the tally of what was really injected.

A process fault counts when its signal was delivered; a crash when its instruction was handed out;
the venue's own faults when its ledger says that a request met one.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.chaos.plan import Do, Step
from tests.chaos.processes import Hub
from tests.chaos.rigs import AWAY, Rig

LOOK_SECONDS = 1.0


class Injector:
    """One thread calls it: `perform` for each step, `look` in between, `end` once."""

    def __init__(self, hub: Hub, rig: Rig, seed: int) -> None:
        self._hub = hub
        self._rig = rig
        self._random = Random(f"{seed}|hand")
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._mix: Step | None = None
        self._venue_is_up = True
        self._crashes_seen = 0
        self._next_look = 0.0
        self.processes: Counter[str] = Counter()
        self.crashes: Counter[str] = Counter()
        self.venue: Counter[str] = Counter()
        self.sockets: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return sum(map(Counter.total, (self.processes, self.crashes, self.venue, self.sockets)))

    def tally(self) -> dict[str, dict[str, int]]:
        counters = {"processes": self.processes, "crash_points": self.crashes}
        counters |= {"venue": self.venue, "sockets": self.sockets}
        return {name: dict(sorted(kinds.items())) for name, kinds in counters.items()}

    def perform(self, step: Step) -> None:
        _HANDS[step.do](self, step)

    def look(self) -> None:
        """Do what is due by now: wake who was stopped, start what was killed."""
        now = time.monotonic()
        due = [each for each in self._later if each[0] <= now]
        self._later = [each for each in self._later if each[0] > now]
        for _, act in sorted(due, key=lambda each: each[0]):
            act()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._count()

    def end(self) -> None:
        """Faults off and everything up: what was to come later comes now."""
        later, self._later = sorted(self._later, key=lambda each: each[0]), []
        self._mix = None
        for _, act in later:
            act()
        self._count()
        self._rig.calm()
        for key in self._rig.keys:
            self._rig.lag(key, lags=False)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, act))

    def _count(self) -> None:
        self.venue = self._rig.faults_met()
        with suppress(*AWAY):
            given = self._rig.crashes()
            if len(given) < self._crashes_seen:
                self._crashes_seen = 0  # it forgot them when it died
            self.crashes.update(given[self._crashes_seen :])
            self._crashes_seen = len(given)

    def _kill(self, step: Step) -> None:
        if step.role == "up":
            if self._hub.is_running():
                self._hub.kill()
                self.processes["kill_up"] += 1
                self._after(self._random.uniform(0.2, 2), self._hub.start)
            return
        if self._hub.send(step.role, signal.SIGKILL, self._random.randrange(99)) is not None:
            self.processes[f"kill_{step.role}"] += 1

    def _stop(self, step: Step) -> None:
        pid = self._hub.send(step.role, signal.SIGSTOP, self._random.randrange(99))
        if pid is None:
            return
        self.processes[f"stop_{step.role}{'_beyond_lease' if step.seconds > 10 else ''}"] += 1
        self._after(step.seconds, lambda: self._wake(pid))

    def _wake(self, pid: int) -> None:
        self._hub.signal(pid, signal.SIGCONT)

    def _crash(self, step: Step) -> None:
        assert step.point is not None
        with suppress(*AWAY):
            self._rig.crash(step.point)

    def _venue_down(self, step: Step) -> None:
        if not self._venue_is_up:
            return
        self._count()
        self._rig.go_down()
        self._venue_is_up = False
        self.processes["kill_venue"] += 1
        self._after(step.seconds, self._venue_up)

    def _venue_up(self) -> None:
        self._rig.come_up()
        self._venue_is_up = True
        if self._mix is not None:
            self._tell_mix(self._mix)

    def _lag(self, step: Step) -> None:
        key = self._rig.keys[step.account]
        with suppress(*AWAY):
            self._rig.lag(key, lags=True)
            self.processes["venue_lag"] += 1
            self._after(step.seconds, lambda: self._seen_again(key))

    def _seen_again(self, key: str) -> None:
        with suppress(*AWAY):
            self._rig.lag(key, lags=False)

    def _sockets(self, step: Step) -> None:
        """Counts when somebody was connected."""
        kind, seed = step.role, self._random.randrange(10**9)
        with suppress(*AWAY):
            if self._rig.socket_fault(kind):
                self.sockets[kind] += 1
            self._after(step.seconds, lambda: self._sockets_again(kind, seed))

    def _sockets_again(self, kind: str, seed: int) -> None:
        with suppress(*AWAY):
            self._rig.end_socket_fault(kind, seed)

    def _set_mix(self, step: Step) -> None:
        self._mix = step
        if self._venue_is_up:
            self._tell_mix(step)

    def _tell_mix(self, step: Step) -> None:
        """Its draws are new after each start of the venue."""
        seed = self._random.randrange(10**9)
        for operation, chances in step.mixes.items():
            self._rig.mix(operation, chances, seed=seed, seconds=step.seconds)


_HANDS: dict[Do, Callable[[Injector, Step], None]] = {
    Do.KILL: Injector._kill,
    Do.STOP: Injector._stop,
    Do.CRASH: Injector._crash,
    Do.VENUE_DOWN: Injector._venue_down,
    Do.LAG: Injector._lag,
    Do.MIX: Injector._set_mix,
    Do.SOCKETS: Injector._sockets,
}
