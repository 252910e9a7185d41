"""Runs the children until told to stop: passes their lines on, starts again what died or went
deaf, says when the hub is ready, and leaves nothing running.

One thread, no Django: it must be the last thing here that ever fails.
"""

import json
import os
import selectors
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tradehub.supervisor.canary import signs_of_life
from tradehub.supervisor.children import Child, printed
from tradehub.supervisor.hearing import Ears, ears_for
from tradehub.supervisor.plan import Setup
from tradehub.supervisor.sockets import http_status

TICK_SECONDS = 0.2
LOOK_SECONDS = 2.0
POLITE_SECONDS = 6.0
DEAF_SECONDS = 4.0


@dataclass
class Supervisor:
    setup: Setup
    children: list[Child]
    url: str
    probe: tuple[str, int]
    stopping: bool = False
    ready: bool = False
    begun: float = field(default_factory=time.monotonic)
    next_probe: float = 0.0
    next_look: float = 0.0
    killing: dict[str, float] = field(default_factory=dict)
    ears: Ears = field(init=False)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def __post_init__(self) -> None:
        self.ears = ears_for(self.children)

    def run(self) -> None:
        """Returns after SIGINT or SIGTERM, when every child has ended."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        try:
            for child in self.children:
                self._start(child)
                if child.name == "redis":
                    self._await_redis(child)
            self.write_note()
            while not self.stopping:
                self._pass_on(TICK_SECONDS)
                self._revive()
                self._look_at_readiness()
                self._end_the_deaf()
        finally:
            self.stop_children()
            (self.setup.home / "up.json").unlink(missing_ok=True)

    def write_note(self) -> None:
        """up.json: where this hub answers and who runs, for scripts and other terminals."""
        note = {
            "url": self.url,
            "pid": os.getpid(),
            "children": {child.name: child.pid for child in self.children},
        }
        _replace(self.setup.home / "up.json", json.dumps(note, indent=1))

    def say(self, line: str, name: str = "up") -> None:
        print(printed(name, line, colour=sys.stdout.isatty()), flush=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _start(self, child: Child) -> None:
        child.start()
        self.selector.register(child.output, selectors.EVENT_READ, child)

    def _await_redis(self, child: Child) -> None:
        """The others would only log that they can't connect."""
        deadline = time.monotonic() + 5
        while signs_of_life(self.setup.redis_url) is None and time.monotonic() < deadline:
            if child.has_ended() or self.stopping:
                return
            time.sleep(0.02)

    def _pass_on(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            child: Child = key.data
            lines = child.read_lines()
            for line in lines:
                self.say(line, child.name)
            if not lines and child.has_ended():
                self._forget(child)

    def _forget(self, child: Child) -> None:
        if child.process is not None and child.output in self.selector.get_map():
            self.selector.unregister(child.output)

    def _revive(self) -> None:
        changed = False
        for child in self.children:
            if child.has_ended():
                for line in child.read_lines():
                    self.say(line, child.name)
                self._forget(child)
                self.killing.pop(child.name, None)
                self.say(child.plan_restart(), child.name)
                changed = True
            elif child.process is None and time.monotonic() >= child.start_again_at:
                self._start(child)
                changed = True
        if changed:
            self.write_note()

    def _look_at_readiness(self) -> None:
        if self.ready or time.monotonic() < self.next_probe:
            return
        self.next_probe = time.monotonic() + TICK_SECONDS
        if http_status(self.probe, "/readyz", timeout=0.5) == 200:
            self.ready = True
            print(f"TradeHub is ready: {self.url}", flush=True)

    def _end_the_deaf(self) -> None:
        """They are told to end, then killed: one that is stopped hears no SIGTERM either."""
        now = time.monotonic()
        self._kill_the_stubborn(now)
        if now < self.next_look:
            return
        self.next_look = now + LOOK_SECONDS
        signs = signs_of_life(self.setup.redis_url, self.ears.keys())
        for ear in self.ears.deaf(signs, now=now):
            if ear.child.name in self.killing:
                continue
            self.say(f"not heard from for {ear.limit:g} s: restarting", ear.child.name)
            ear.child.send(signal.SIGTERM)
            self.killing[ear.child.name] = now + DEAF_SECONDS

    def _kill_the_stubborn(self, now: float) -> None:
        for child in self.children:
            if self.killing.get(child.name, now + 1) <= now:
                child.send(signal.SIGKILL)

    def stop_children(self) -> None:
        """Everybody is asked; redis last, so that the others can finish what they hold."""
        self.say("stopping")
        self.ears.close()
        others = [child for child in self.children if child.name != "redis"]
        self._end(others, POLITE_SECONDS)
        self._end([child for child in self.children if child.name == "redis"], 1.5)

    def _end(self, group: list[Child], seconds: float) -> None:
        for child in group:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while any(_runs(child) for child in group) and time.monotonic() < deadline:
            self._pass_on(0.05)
        for child in group:
            child.send(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
                self._forget(child)
                child.close()


def _runs(child: Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _replace(path: Path, content: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(content, encoding="utf-8")
    os.replace(draft, path)
