"""Alice with a world of her own, and a browser signed in as her."""

from datetime import datetime

import pytest
from django.test import Client

from accounts.models import User
from dashboard.tests.builders import World, make_world


@pytest.fixture
def world(alice: User, now: datetime) -> World:
    return make_world(alice, now)


@pytest.fixture
def as_alice(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client
