"""Cases 2 and 19: kill -9 of web and worker, at random moments and at named points."""

import os
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from random import Random

import pytest

from tests.cases.world import ENGINES, Desk, World, many, running
from tests.hub import Answer
from tests.venue.faults import CrashPoint

pytestmark = pytest.mark.processes

SEED = int(os.environ.get("CASES_SEED", "20"))
RECOVERED_WITHIN = 60.0
"""The promise (I4). Past it a case fails; nothing waits that long here."""


@pytest.fixture(scope="module", params=ENGINES)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("killed"), request.param) as world:
        yield world


def acknowledged(desk: Desk, name: str) -> str:
    """As TradingView resends what got no answer: until it is taken; its signal's id."""

    def take() -> str | None:
        answer: Answer = desk.alert(alert_id=name)
        return answer.json["signal_id"] if answer.status in (200, 202) else None

    return str(desk.hub.until(take, what=f"{name} is taken"))


def test_case_02_what_was_acknowledged_survives_kill_9_of_web_and_worker(world: World) -> None:
    desk, random = world.desk(), Random(SEED)
    roles = cycle(["web", "worker"])
    ids = set()
    for number in range(many(8, 100)):
        ids.add(acknowledged(desk, f"kill-{number}"))
        time.sleep(random.random() * 0.05)
        role = next(roles)
        living = desk.hub.until(partial(world.children, role), what=f"a living {role}")
        world.kill(random.choice(living))
    final = partial(desk.all_final, ids)
    desk.hub.until(final, within=RECOVERED_WITHIN, what=f"all final (seed {SEED})")
    desk.assert_books_agree(ids)


def test_case_19_a_worker_killed_at_any_point_of_sending_loses_and_doubles_nothing(
    world: World,
) -> None:
    """A desk for each point, so that their leases run out side by side."""
    desks = {point: world.desk() for point in CrashPoint}
    for point, desk in desks.items():
        world.control.crash(point, account=desk.key, times=many(1, 10))
    sent: dict[CrashPoint, set[str]] = {point: set() for point in CrashPoint}
    for number in range(many(10, 100)):
        for point, desk in desks.items():
            sent[point].add(acknowledged(desk, f"{point}-{number}"))

    def struck() -> list[str]:
        keys = {desk.key for desk in desks.values()}
        return [each["point"] for each in world.control.crashes() if each["account"] in keys]

    kills = many(1, 10)
    world.hub.until(lambda: len(struck()) == 3 * kills, within=90 * kills, what="all kills")
    assert sorted(struck()) == sorted(point.value for point in CrashPoint for _ in range(kills))
    for point, desk in desks.items():
        final = partial(desk.all_final, sent[point])
        world.hub.until(final, within=RECOVERED_WITHIN, what=f"{point}: all final")
        desk.assert_books_agree(sent[point])
