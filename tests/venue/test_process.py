"""The venue as a process: a kill loses nothing; an adapter's crash points kill for real."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from brokers.tests.builders import request
from brokers.types import ReportStatus
from tests.venue.faults import CrashPoint
from tests.venue.fixtures import KEY, ScriptedVenue
from tests.venue.process import ROOT, VenueProcess

KILLED = -9
SUBMIT = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings_test"
import django
django.setup()
from brokers.tests.builders import request
from tests.venue.adapter import Options, ScriptedBroker
from tradehub.lib.clock import utc_now
options = Options(url=sys.argv[1], api_key=sys.argv[2], crash_points=True)
print(ScriptedBroker(options, utc_now).submit(request(id=sys.argv[3])).status)
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[VenueProcess]:
    running = VenueProcess(tmp_path / "venue")
    try:
        yield running
    finally:
        running.stop()


def test_a_killed_venue_knows_everything_when_it_is_back(process: VenueProcess) -> None:
    venue = ScriptedVenue(process.url, process.control)
    venue.open(fee_percent="0.1")
    venue.control.set_quote("AAPL", "100")
    broker = venue.broker()
    filled = broker.submit(request(id="a", quantity="3"))
    resting = broker.submit(request("buy", "1", "limit", id="b", limit_price="90"))
    venue.control.fault("submit", "accept_then_close")
    with pytest.raises(Exception, match="no whole answer"):
        broker.submit(request(id="c", quantity="0.5"))
    before = venue.control.books(KEY), venue.control.ledger()
    process.kill()
    process.start()
    (books, ledger) = venue.control.books(KEY), venue.control.ledger()
    assert ledger == before[1]
    assert [each.taken for each in ledger] == [True, True, False]
    assert ledger[2].code == "BAD_QUANTITY"
    assert (books.orders, books.fills, books.positions) == (
        before[0].orders,
        before[0].fills,
        before[0].positions,
    )
    assert broker.order("a") == filled
    assert broker.open_orders() == [resting]
    assert broker.submit(request(id="d")).venue_order_id not in {"V1", "V2", "V3"}


@pytest.mark.parametrize(
    ("point", "arrives"),
    [(CrashPoint.BEFORE_SEND, False), (CrashPoint.IN_SEND, True), (CrashPoint.AFTER_REPLY, True)],
    ids=str,
)
def test_a_crash_point_kills_the_process_once(
    scripted_venue: ScriptedVenue, point: CrashPoint, arrives: bool
) -> None:
    venue = scripted_venue
    venue.open()
    venue.control.set_default_price("100")
    venue.control.crash(point, account=KEY)
    assert submit_elsewhere(venue, "x") == (KILLED, "")
    assert [each["point"] for each in venue.control.crashes()] == [point.value]
    assert submit_elsewhere(venue, "y") == (0, ReportStatus.FILLED.value)
    assert len(venue.control.posts(client_order_id="x")) == arrives
    assert venue.control.books(KEY).client_ids == ["x", "y"][not arrives :]
    assert venue.control.crashes()[0]["client_order_id"] == "x"


def submit_elsewhere(venue: ScriptedVenue, client_order_id: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT, venue.url, KEY, client_order_id],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.strip()
