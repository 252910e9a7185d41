"""Adopting what turns out to have a row already: it has news, and no second row."""

import pytest

from orders.adopting import adopt_order
from orders.models import Fill, Order
from orders.tests.by_hand import executed, listed
from tradehub.lib.db import in_write_transaction
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db
BUY = {"symbol": "MSFT", "price": "100", "action": "buy", "quantity": 5, "order_type": "limit",
       "limit_price": "90"}  # fmt: skip


@pytest.fixture
def resting(hub: Hub) -> Order:
    hub.price(100, "MSFT")
    hub.send(**BUY)
    (order,) = hub.orders()
    return order


def adopt(hub: Hub, name: str) -> Order:
    part = executed("f1", "by another name", 2, at=hub.clock())
    told = listed(name, "partially_filled", part, at=hub.clock())
    return in_write_transaction(lambda: adopt_order(hub.account, told, price=None, now=hub.clock()))


def test_an_order_of_ours_has_its_fills(hub: Hub, resting: Order) -> None:
    for _ in range(2):
        order = adopt(hub, resting.client_order_id)
        assert (order.pk, order.source) == (resting.pk, resting.source)
        assert (order.status, order.filled_quantity) == ("partially_filled", 2)
    assert (len(hub.orders()), hub.position("MSFT").quantity) == (1, 2)


@pytest.mark.parametrize("status", ["queued", "sending", "denied"])
def test_one_that_is_its_lane_s_or_was_never_sent_stays_as_it_is(
    hub: Hub, resting: Order, status: str
) -> None:
    Order.objects.update(status=status)
    order = adopt(hub, resting.client_order_id)
    assert (order.pk, order.status) == (resting.pk, status)
    assert (len(hub.orders()), Fill.objects.count()) == (1, 0)
