"""One chaos run: storms over a hub that trades, then peace, then the books side by side.

Needs Django set up for the hub's home: see `__main__`. Progress and bad cases go to stderr.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from django.db import Error

from tests.chaos import ours
from tests.chaos.faults import Injector
from tests.chaos.plan import Step, schedule
from tests.chaos.processes import ROOT, Hub
from tests.chaos.rigs import AWAY, Rig
from tests.chaos.traffic import Traffic, next_quote
from tests.chaos.verdict import CATEGORIES, Case, OurBooks, TheirBooks, Verdict, judge

RECOVERY_SECONDS = 60.0
"""The promise (I4): after the faults' end the books agree within so long."""
PATIENCE_SECONDS = 240.0
"""How long a late one is waited for, to tell late from never."""
STILL_SECONDS = 6.0
"""What agrees must still agree then."""
SECONDS_PER_FAULT = 1.5
TICK_SECONDS = 0.05
QUOTE_SECONDS = 2.0
REPORT_SECONDS = 15.0
SHOWN_CASES = 25
SHOWN = 8
"""Requests about one order: so many of the first and of the last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    venue: str
    faults: int | None
    """Run until so many are injected."""
    seconds: float | None
    """Run so long instead."""
    seed: int
    engine: str
    alerts_per_second: float


@dataclass(frozen=True, slots=True)
class Settled:
    verdict: Verdict
    ours: OurBooks
    theirs: TheirBooks
    recovery_seconds: float | None
    """None: not within PATIENCE_SECONDS."""


class Run:
    def __init__(self, wanted: Wanted, hub: Hub, rig: Rig) -> None:
        self._wanted = wanted
        self._hub = hub
        self._rig = rig
        rig.open_accounts()
        tokens = ours.make_desks(rig)
        self._injector = Injector(hub, rig, wanted.seed)
        self._traffic = Traffic(hub.port, tokens, rig.keys, wanted.seed, rig.market)
        self._quotes = Random(f"{wanted.seed}|quotes")

    def run(self) -> tuple[dict[str, Any], bool]:
        """The line to print, and whether every promise was kept."""
        self._traffic.start(self._wanted.alerts_per_second)
        began = time.monotonic()
        try:
            self._storm(began)
        finally:
            self._traffic.stop()
        seconds = time.monotonic() - began
        self._injector.end()
        say(f"faults off after {seconds:.0f} s: {json.dumps(self._injector.tally())}")
        settled = self._settle()
        show(settled, self._rig)
        line = self._line(seconds, settled)
        enough = self._wanted.faults is None or line["n"] >= self._wanted.faults
        recovered = settled.recovery_seconds is not None
        in_time = recovered and (settled.recovery_seconds or 0) <= RECOVERY_SECONDS
        return line, enough and in_time and settled.verdict.clean

    def _storm(self, began: float) -> None:
        steps = schedule(self._wanted.seed, len(self._rig.keys), streams=self._rig.streams)
        step = next(steps)
        quote_at = report_at = began
        while not self._is_over(now := time.monotonic(), began):
            while step.at <= now - began:
                self._do(step, now - began)
                step = next(steps)
            self._injector.look()
            if now >= quote_at:
                quote_at = now + QUOTE_SECONDS
                self._move_price()
            if now >= report_at:
                report_at = now + REPORT_SECONDS
                self._report(now - began)
            time.sleep(TICK_SECONDS)

    def _do(self, step: Step, at: float) -> None:
        say(f"{at:7.1f} {step.do} {step.role} {step.point or ''} {step.seconds:.1f}")
        self._injector.perform(step)

    def _is_over(self, now: float, began: float) -> bool:
        wanted = self._wanted
        if wanted.seconds is not None:
            return now - began >= wanted.seconds
        assert wanted.faults is not None
        too_long = now - began >= 120 + SECONDS_PER_FAULT * wanted.faults
        return self._injector.total >= wanted.faults or too_long

    def _move_price(self) -> None:
        symbol, price = next_quote(self._quotes, self._rig.market)
        with suppress(*AWAY):  # it may be down
            self._rig.set_price(symbol, price)

    def _report(self, at: float) -> None:
        waiting: object
        try:
            waiting = ours.waiting_items()
        except Error as error:
            waiting = error
        answers = json.dumps(self._traffic.answers())
        say(f"{at:7.1f} {self._injector.total} faults, {waiting} items wait, answers {answers}")

    def _settle(self) -> Settled:
        """Wait for peace: agreed, and again a while later."""
        began = time.monotonic()
        said: dict[str, int] = {}
        while True:
            at = time.monotonic() - began
            settled = self._look(at)
            if settled.verdict.clean:
                time.sleep(STILL_SECONDS)
                again = self._look(at)
                if again.verdict.clean:
                    return again
            elif at >= PATIENCE_SECONDS:
                return settled
            if counts(settled.verdict) != said:
                said = counts(settled.verdict)
                say(f"  {at:5.1f} s of peace: {said}")
            time.sleep(1)

    def _look(self, at: float) -> Settled:
        here = ours.read_books()
        there = self._rig.read_books()
        verdict = judge(self._traffic.sent(), here, there, may_shout=self._rig.may_shout)
        return Settled(verdict, here, there, at if verdict.clean else None)

    def _line(self, seconds: float, settled: Settled) -> dict[str, Any]:
        sent, verdict = self._traffic.sent(), settled.verdict
        recovery = settled.recovery_seconds
        return {
            "n": self._injector.total,
            "venue": self._wanted.venue,
            "seed": self._wanted.seed,
            "engine": self._wanted.engine,
            "commit": commit(),
            "seconds": round(seconds, 1),
            "alerts": len(sent),
            "acknowledged": sum(alert.signal_id is not None for alert in sent),
            "orders": len(settled.theirs.orders),
            "fills": len(settled.theirs.fills),
            "stops_wanted": sum(
                bool(each.wants_stop and each.quantity) for each in settled.ours.positions
            ),
            "sockets": self._rig.sockets_seen(),
            "faults": self._injector.tally(),
            **counts(verdict),
            "recovery_seconds": None if recovery is None else round(recovery, 1),
            "max_signal_seconds": round(ours.slowest_signal(), 1),
        }


def counts(verdict: Verdict) -> dict[str, int]:
    return {name: len(getattr(verdict, name)) for name in CATEGORIES}


def show(settled: Settled, rig: Rig) -> None:
    if settled.verdict.clean:
        return
    for name in CATEGORIES:
        cases: tuple[Case, ...] = getattr(settled.verdict, name)
        for case in cases[:SHOWN_CASES]:
            say(f"{name.upper()}: {case}")
            rows = list(_told_here(case, settled.ours))
            if case.client_order_id is not None:
                rows += ends_of(rig.heard_of(case.account, case.client_order_id))
            for row in rows:
                say(f"    {row}")


def ends_of(lines: list[str]) -> list[str]:
    return lines if len(lines) <= 2 * SHOWN else [*lines[:SHOWN], "…", *lines[-SHOWN:]]


def _told_here(case: Case, books: OurBooks) -> Iterator[str]:
    """Of the order, or of every order of the signal."""
    about: Iterable[str] = (
        [case.order_id]
        if case.order_id
        else [
            each.id for each in books.orders if each.signal_id and each.signal_id == case.signal_id
        ]
    )
    if case.signal_id is not None:
        yield from ours.story_of_signal(case.signal_id)
    for order_id in about:
        yield from ours.story(order_id)


def commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(wanted: Wanted, hub: Hub, rig: Rig) -> int:
    line, kept = Run(wanted, hub, rig).run()
    sys.stdout.write(json.dumps({"chaos": line}) + "\n")
    sys.stdout.flush()
    return 0 if kept else 1
