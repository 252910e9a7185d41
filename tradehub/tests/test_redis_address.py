"""Where Redis is, in each library's own words."""

from pathlib import Path

import pytest

from tradehub.redis_address import LONGEST_SOCKET_PATH, broker_url, embedded_socket


def test_the_socket_lies_in_the_home() -> None:
    home = Path("/tmp/hub-with-short-name")  # noqa: S108  # only its length counts
    assert embedded_socket(home) == home / "redis" / "redis.sock"


def test_a_long_home_gets_a_short_folder_that_every_process_finds(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    home.mkdir()
    found = embedded_socket(home)
    assert len(str(found).encode()) <= LONGEST_SOCKET_PATH
    assert embedded_socket(home) == found
    found.parent.rmdir()


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://host:6379/2", "redis://host:6379/2"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_celery_is_given_its_own_form(redis_url: str, expected: str) -> None:
    assert broker_url(redis_url) == expected
