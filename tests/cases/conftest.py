"""Every case that speaks of a broker has a scripted venue, over real HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from tests.venue.fixtures import ScriptedVenue, make_scripted_hub, scripted_venue
from tradehub.testing.hub import Hub

__all__ = ["scripted_venue"]

# The sizes that alerts name are taken as they are.
LIMITS = {"max_order_value": "100000"}
MakeHub = Callable[..., Hub]


@pytest.fixture
def make_hub(alice: User, scripted_venue: ScriptedVenue) -> MakeHub:
    """`rules` are of the account there, `options` of the adapter, the rest of the strategy."""
    scripted_venue.control.set_default_price("100")

    def make(limits: dict[str, Any] | None = None, **settings: Any) -> Hub:
        return make_scripted_hub(alice, scripted_venue, LIMITS | (limits or {}), **settings)

    return make
