"""I10: a number that is allowed comes back with every digit, on both engines, by every way."""

from datetime import datetime
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from brokers.models import BrokerAccount
from orders.models import Order
from orders.serializers import OrderSerializer
from tradehub.core.money import MAX_DIGITS, MAX_EXPONENT, plain, to_decimal
from tradehub.lib.api import DecimalString
from tradehub.lib.prepared import Prepared
from tradehub.testing.builders import make_account

pytestmark = pytest.mark.django_db

PREPARED = Prepared(lambda pk: Order.objects.filter(pk=pk), texts=["pk"])
TUPLES = Prepared(
    lambda pk: Order.objects.filter(pk=pk).values_list("quantity", "limit_price"), texts=["pk"]
)
_names = count()


@st.composite
def numbers(draw: st.DrawFn) -> Decimal:
    digits = draw(st.lists(st.integers(0, 9), min_size=1, max_size=MAX_DIGITS).map(tuple))
    digits = (digits[0] or 1, *digits[1:])
    power = draw(st.integers(-MAX_EXPONENT, MAX_EXPONENT))
    return Decimal((draw(st.integers(0, 1)), digits, power - len(digits) + 1))


LONGEST = Decimal("1234567890.123456789012345679")
SMALLEST = Decimal((1, (9,) * MAX_DIGITS, -MAX_EXPONENT - MAX_DIGITS + 1))
LARGEST = Decimal((0, (9,) * MAX_DIGITS, MAX_EXPONENT - MAX_DIGITS + 1))


def order_of(account: BrokerAccount, number: Decimal, price: Decimal, **more: object) -> Order:
    return Order(
        owner_id=account.owner_id,
        account=account,
        leg="0",
        client_order_id=f"number-{next(_names)}",
        symbol="AAPL",
        side="buy",
        order_type="limit",
        time_in_force="day",
        quantity=number,
        limit_price=price,
        role="entry",
        source="manual",
        **more,
    )


def assert_kept(order_id: str, number: Decimal, price: Decimal) -> None:
    """Read in every way that we read."""
    row = Order.objects.get(pk=order_id)
    (prepared,) = PREPARED.all(pk=order_id)
    told = [
        (row.quantity, row.limit_price),
        Order.objects.values_list("quantity", "limit_price").get(pk=order_id),
        (prepared.quantity, prepared.limit_price),
        *TUPLES.rows(pk=order_id),
    ]
    assert told == [(number, price)] * 4
    assert {type(each) for pair in told for each in pair} == {Decimal}
    shown = OrderSerializer(row).data
    assert (shown["quantity"], shown["limit_price"]) == (plain(number), plain(price))
    field = DecimalString()
    assert field.to_internal_value(shown["quantity"]) == number


@given(number=numbers(), other=numbers(), third=numbers())
@example(LONGEST, SMALLEST, LARGEST)
@example(LARGEST, LONGEST, -LARGEST)
@example(SMALLEST, -SMALLEST, Decimal("-0.000000000000000001"))
@settings(
    max_examples=60, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_digit_comes_back(
    alice: User, now: datetime, number: Decimal, other: Decimal, third: Decimal
) -> None:
    assert [to_decimal(each) for each in (number, other, third)] == [number, other, third]
    account = BrokerAccount.objects.filter(owner=alice).first() or make_account(alice, now)
    order = order_of(account, number, other)
    order.save(force_insert=True)
    assert_kept(order.pk, number, other)
    order.quantity, order.limit_price = other, third
    order.save(update_fields=["quantity", "limit_price"])
    assert_kept(order.pk, other, third)
    Order.objects.filter(pk=order.pk).update(quantity=third, limit_price=number)
    assert_kept(order.pk, third, number)
    (made,) = Order.objects.bulk_create([order_of(account, third, other)])
    assert_kept(made.pk, third, other)
