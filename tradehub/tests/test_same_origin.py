"""Which page may open the live socket."""

from typing import Any

import pytest

from tradehub.same_origin import is_same_origin


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        ("http://hub.example:8000", True),
        ("HTTP://HUB.EXAMPLE:8000", True),
        ("https://public.example", True),
        ("http://hub.example:9", False),
        ("http://hub.example", False),
        ("http://evil.example:8000", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_this_hubs_own_pages(settings: Any, origin: str, same: bool) -> None:
    settings.PUBLIC_URL = "https://public.example"
    assert is_same_origin(origin, "hub.example:8000") is same
