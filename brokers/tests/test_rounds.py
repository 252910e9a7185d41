import asyncio

import pytest
from django.db import OperationalError
from redis import RedisError
from structlog.testing import capture_logs

from brokers.streams.rounds import go_rounds, outlived


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RedisError("away"), ("waits", "warning")),
        (OperationalError("away"), ("waits", "warning")),
        (KeyError("ours"), ("fails", "error")),
    ],
)
def test_a_round_that_fails_is_told_and_outlived(error: Exception, told: tuple[str, str]) -> None:
    with capture_logs() as entries, outlived("waits", "fails"):
        raise error
    assert [(each["event"], each["log_level"]) for each in entries] == [told]


def test_a_station_that_is_told_to_end_in_a_round_goes_no_other() -> None:
    async def rounds() -> int:
        stop, looks = asyncio.Event(), 0

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                stop.set()

        await go_rounds(look, stop, 0.001)
        return looks

    assert asyncio.run(rounds()) == 3
