"""The doorbell: once a lane, off the caller's thread, and not lost when the process ends."""

import subprocess
import sys
import threading

from django.conf import settings

from orders.doorbell import Doorbell

ENDS_AT_ONCE = """
import time
from orders.doorbell import Doorbell

def publish(account_id):
    time.sleep(0.3)  # as long as it takes to load the broker's library
    print(account_id, flush=True)

Doorbell(publish).ring(["one", "two"])
"""


def test_a_process_that_ends_has_rung_before() -> None:
    """`manage.py halt` ends right after its commit; the working entries must not wait for the
    worker's own look."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS_AT_ONCE],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["one", "two"]


def test_the_caller_does_not_wait_and_a_lane_is_rung_once_for_many() -> None:
    may_go, rung = threading.Event(), list[str]()

    def publish(account_id: str) -> None:
        assert may_go.wait(20)
        rung.append(account_id)

    bell = Doorbell(publish)
    bell.ring(["first"])
    assert not bell.flush(0.05)
    for _ in range(5):
        bell.ring(["second", "third"])
    may_go.set()
    assert bell.flush(20)
    assert rung in (["first", "second", "third"], ["second", "third", "first"])


def test_a_bell_that_fails_keeps_no_other_from_ringing() -> None:
    rung: list[str] = []

    def publish(account_id: str) -> None:
        if account_id == "broken":
            raise OSError
        rung.append(account_id)

    bell = Doorbell(publish)
    bell.ring(["broken", "well"])
    assert bell.flush(20)
    assert rung == ["well"]
