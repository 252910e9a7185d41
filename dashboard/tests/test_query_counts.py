"""A list costs the same number of queries with one row as with many."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.tests.builders import (
    World,
    make_decision,
    make_invalid_signal,
    make_order,
    make_signal,
)
from risk import services as risk_services
from signals.models import Strategy, Subscription
from tradehub.core.words import Outcome

LISTS = ["signals", "orders", "strategies", "risk-profiles"]


def add_rows(world: World, now: datetime) -> None:
    for minutes in range(1, 8):
        at = now + timedelta(minutes=minutes)
        signal = make_signal(world.strategy, world.token, at)
        decision = make_decision(signal, world.account, at, outcome=Outcome.DENIED)
        make_order(decision, at)
        make_invalid_signal(world.strategy, at)
        name = f"Strategy {minutes}"
        risk_services.create_profile(owner=world.owner, values={"name": name}, now=now)
        strategy = Strategy.objects.create(owner=world.owner, name=name)
        Subscription.objects.create(
            strategy=strategy, account=world.account, risk_profile=world.profile
        )


def queries_of(client: Client, name: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(reverse(f"dashboard:{name}")).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_more_rows_are_not_more_queries(
    client: Client, world: World, now: datetime, name: str
) -> None:
    client.force_login(world.owner)
    few = queries_of(client, name)
    add_rows(world, now)
    assert queries_of(client, name) == few
    assert few <= 14


def test_the_decision_page_does_not_ask_for_each_order(
    client: Client, world: World, now: datetime
) -> None:
    client.force_login(world.owner)
    url = reverse("dashboard:signal", args=[world.signal.pk])
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    decision = world.signal.decisions.get()
    for leg in range(1, 6):
        make_order(decision, now, leg=str(leg))
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(few)
