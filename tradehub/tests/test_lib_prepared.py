"""Prepared statements answer as their querysets do, on both engines, composed once."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from orders.models import Order
from tradehub.lib.prepared import Prepared
from tradehub.testing.hub import make_hub

pytestmark = pytest.mark.django_db

SINCE = Prepared(
    lambda account, since: (
        Order.objects.filter(account_id=account, created_at__gte=since)
        .order_by("id")
        .values_list("pk", "quantity", "created_at", "protection")
    ),
    texts=["account"],
    times=["since"],
)
FIRST = Prepared(
    lambda account: Order.objects.filter(account_id=account).order_by("id")[:1], texts=["account"]
)
TRIED = Prepared(
    lambda attempts: Order.objects.filter(attempts=attempts).values_list("pk"), numbers=["attempts"]
)


def two_orders(alice: User, now: datetime) -> str:
    hub = make_hub(alice, now)
    hub.send(action="buy", quantity="0.1234567890123456789", price="100.000000000000000001")
    hub.send(action="buy", quantity="2", symbol="MSFT", stop_loss=90)
    return hub.account.pk


def test_tuples_are_those_of_the_queryset(alice: User, now: datetime) -> None:
    account = two_orders(alice, now)
    for since in (now, now + timedelta(seconds=90), now + timedelta(days=1)):
        expected = Order.objects.filter(account_id=account, created_at__gte=since)
        columns = ("pk", "quantity", "created_at", "protection")
        found = SINCE.rows(account=account, since=since)
        assert found == list(expected.order_by("id").values_list(*columns))
    assert SINCE.rows(account="acc_of_nobody", since=now) == []
    assert {type(row[1]) for row in SINCE.rows(account=account, since=now)} == {Decimal}


def test_instances_have_every_field(alice: User, now: datetime) -> None:
    account = two_orders(alice, now)
    expected = Order.objects.filter(account_id=account).order_by("id").first()
    found = FIRST.first(account=account)
    assert expected is not None
    assert found is not None
    for field in Order._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(expected, field.attname), field.attname
    assert not found.get_deferred_fields()
    assert FIRST.first(account="acc_of_nobody") is None


def test_numbers_are_parameters(alice: User, now: datetime) -> None:
    two_orders(alice, now)
    for attempts in (0, 1, 2):
        expected = set(Order.objects.filter(attempts=attempts).values_list("pk"))
        assert set(TRIED.rows(attempts=attempts)) == expected


def test_it_is_composed_once_and_asked_each_time(alice: User, now: datetime) -> None:
    composed: list[str] = []

    def compose(account: str) -> QuerySet[Order]:
        composed.append(account)
        return Order.objects.filter(account_id=account)

    statement = Prepared(compose, texts=["account"])
    account = two_orders(alice, now)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(statement.all(account=account)) == Order.objects.count() > 0
        assert statement.all(account="acc_of_nobody") == []
    assert len(composed) == 1
    assert len(asked) == 3


def test_a_parameter_that_is_not_given_is_an_error(alice: User, now: datetime) -> None:
    with pytest.raises(KeyError):
        SINCE.rows(account="acc_of_nobody")
