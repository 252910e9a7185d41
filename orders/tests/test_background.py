"""Threads of our own: what passes by itself is a warning, what does not is shouted about."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from structlog.testing import capture_logs

from brokers.models import BrokerAccount
from orders import reconciler, sweeper, work
from orders.background import passes_by_itself, with_connection
from tradehub.lib import duties
from tradehub.testing.hub import Hub

Entries = list[Any]


def logged(work: Callable[[], object], broken: Callable[[], None] = lambda: None) -> Entries:
    with capture_logs() as entries:
        with_connection(work, "it_failed", broken)
    return [(each["event"], each["log_level"], each["error"]) for each in entries]


def raising(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OperationalError("connection refused"), True),
        (OperationalError("database is locked"), True),
        (InterfaceError("the connection is closed"), True),
        (ProgrammingError('column "looks" does not exist'), False),
        (OperationalError("no such table: orders_lane"), False),
        (OperationalError("no such column: looks"), False),
        (OperationalError("table orders_lane has no column named looks"), False),
        (IntegrityError("NOT NULL"), False),
        (DataError("too long"), False),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_only_what_the_database_will_refuse_again_is_shouted_about(
    error: Error, passes: bool
) -> None:
    broken: list[bool] = []
    level = "warning" if passes else "error"
    assert passes_by_itself(error) is passes
    found = logged(raising(error), lambda: broken.append(True))
    assert found == [("it_failed", level, type(error).__name__)]
    assert broken == ([] if passes else [True])


@pytest.mark.django_db(transaction=True)
def test_a_schema_that_does_not_fit_is_not_taken_for_a_busy_database() -> None:
    """The engine's own words."""

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column FROM orders_lane")

    broken: list[bool] = []
    ((event, level, _),) = logged(ask, lambda: broken.append(True))
    assert (event, level, broken) == ("it_failed", "error", [True])


@pytest.mark.django_db(transaction=True)
def test_a_bug_is_an_error_and_the_thread_lives_on() -> None:
    broken: list[bool] = []
    found = logged(raising(KeyError("bug")), lambda: broken.append(True))
    assert found == [("it_failed", "error", "KeyError")]
    assert broken == [], "one account's adapter is not the hub's trouble"
    assert logged(lambda: None) == []


# ---- the duties ----


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(duties, "done", lambda duty, now: told.append(duty))
    return told


class Breaking:
    """What a thread is given to do: fails as told, until it is told nothing more."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __call__(self, *_: object, **__: object) -> bool:
        if self.error is not None:
            raise self.error
        return False


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "times"),
    [(ProgrammingError("column"), 1), (OperationalError("away"), 3), (KeyError("bug"), 3)],
)
def test_the_sweeper_s_duty_is_not_done_while_no_lane_can_be_worked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, done: list[str], error: Exception, times: int
) -> None:
    """A look that finds the work, and then can't do any of it, is no success."""
    lane, running = Breaking(), sweeper.Sweeper()
    monkeypatch.setattr(work, "drain_lane", lane)
    with capture_logs() as entries:
        running._sweep_once()
        lane.error = error
        for _ in range(2):
            running._drain(hub.account.pk)
            running._sweep_once()
    levels = {each["log_level"] for each in entries if each["event"] == "sweep_failed"}
    assert levels == {"warning" if isinstance(error, OperationalError) else "error"}
    assert done == ["sweeper"] * times
    lane.error = None
    running._drain(hub.account.pk)
    running._sweep_once()
    assert done == ["sweeper"] * (times + 1)


@pytest.mark.django_db(transaction=True)
def test_a_look_that_fails_is_not_done_and_shouts(
    monkeypatch: pytest.MonkeyPatch, done: list[str]
) -> None:
    monkeypatch.setattr(sweeper, "lanes_with_work", raising_for_good)
    running = sweeper.Sweeper()
    with capture_logs() as entries:
        with_connection(running._sweep_once, sweeper.FAILED)
    assert [(each["event"], each["log_level"]) for each in entries] == [("sweep_failed", "error")]
    assert done == []


def raising_for_good(**_: object) -> list[str]:
    raise ProgrammingError("column")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "times"), [(ProgrammingError("column"), 1), (OperationalError("away"), 2)]
)
def test_the_reconciler_s_duty_is_not_done_while_nothing_can_be_compared(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, done: list[str], error: Exception, times: int
) -> None:
    comparison, running = Breaking(), reconciler.Reconciler()
    monkeypatch.setattr(reconciler, "claim_comparison", comparison)
    monkeypatch.setattr(reconciler, "due_accounts", lambda now: list[BrokerAccount]())
    running._round()
    comparison.error = error
    running._compare(hub.account)
    running._round()
    assert done == ["reconciliation"] * times
    comparison.error = None
    running._compare(hub.account)
    running._round()
    assert done == ["reconciliation"] * (times + 1)
