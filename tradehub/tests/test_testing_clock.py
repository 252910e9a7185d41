"""The clock that tests give to several threads at once."""

import threading
from datetime import UTC, datetime, timedelta

from tradehub.testing.hub import Clock

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)


class Moment(datetime):
    """While a millisecond is added to it, somebody else has the clock leap."""

    leap: threading.Thread

    def __add__(self, more: timedelta) -> "Moment":
        if more < timedelta(seconds=1):
            self.leap.start()
            self.leap.join(0.2)  # it waits for us, or is done
        return super().__add__(more)


def test_a_look_takes_back_no_leap() -> None:
    moment = Moment(2026, 3, 18, 15, 0, tzinfo=UTC)
    clock = Clock(moment)
    moment.leap = threading.Thread(target=clock.wait, args=(60,))
    clock()
    moment.leap.join(20)
    assert clock.now - NOW == timedelta(seconds=60, milliseconds=1)
