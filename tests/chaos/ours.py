"""What the hub's database says, and the rows that the run trades with. Needs Django set up.

Read with the models and no service: the judge must not depend on what is judged.
"""

import time

from accounts.models import User
from brokers.models import BrokerAccount
from orders.models import Decision, Drift, Fill, LaneItem, Order, Position
from signals.models import Signal
from tests.chaos.rigs import Rig
from tests.chaos.verdict import Decided, OurBooks, OurOrder, OurPosition
from tradehub.core.words import Outcome
from tradehub.lib.clock import utc_now
from tradehub.lib.db import write_transaction
from tradehub.testing.builders import make_profile, make_strategy, make_token

NEVER_THROTTLED = 1_000_000_000


EXAMINED_SECONDS = 90.0
ASKED_AGAIN_SECONDS = 10.0


def make_desks(rig: Rig) -> list[str]:
    """A user with an account, a strategy and a webhook for each account there; the webhooks'
    tokens. Each is connected when the account doctor has passed the one before."""
    with write_transaction():
        owner = User.objects.create(username="chaos", email="chaos@example.org")
        profile = make_profile(owner, utc_now(), **rig.limits())
    tokens = []
    for number, key in enumerate(rig.keys):
        with write_transaction():
            account = rig.make_account(owner, key)
            settings = rig.market.settings_of(number)
            strategy = make_strategy(owner, account, profile, name=key, **settings)
            tokens.append(make_token(strategy, requests_per_minute=NEVER_THROTTLED).secret)
        _wait_examined()
    return tokens


def _wait_examined() -> None:
    """Asked for again now and then, as a user would: the budget of a venue that counts by address
    may be used up by so many accounts at once."""
    from brokers.examining import ask_for_examination

    began = asked = time.monotonic()
    while waiting := list(BrokerAccount.objects.exclude(trouble="")):
        now = time.monotonic()
        if now - began > EXAMINED_SECONDS:
            rows = [(each.label, each.trouble) for each in waiting]
            raise AssertionError(f"The account doctor does not pass them: {rows}.")
        if now - asked > ASKED_AGAIN_SECONDS:
            asked = now
            for each in waiting:
                ask_for_examination(each.pk)
        time.sleep(0.2)


def read_books() -> OurBooks:
    keys = dict(BrokerAccount.objects.values_list("pk", "label"))
    orders = list(Order.objects.order_by("id"))
    return OurBooks(
        signals=dict(Signal.objects.values_list("pk", "status")),
        decisions=_decisions(keys, {order.decision_id for order in orders}),
        orders=tuple(_order(row, keys[row.account_id]) for row in orders),
        fills={
            (keys[account], fill_id): quantity
            for account, fill_id, quantity in Fill.objects.values_list(
                "account_id", "venue_fill_id", "quantity"
            )
        },
        positions=tuple(_position(row, keys[row.account_id]) for row in Position.objects.all()),
        drifts=tuple(
            (keys[account], symbol)
            for account, symbol in Drift.objects.filter(healed_at__isnull=True).values_list(
                "account_id", "symbol"
            )
        ),
    )


def waiting_items() -> int:
    """How much the lanes still have to do."""
    waiting = (LaneItem.Status.QUEUED.value, LaneItem.Status.HELD.value)
    return LaneItem.objects.filter(status__in=waiting).count()


def slowest_signal() -> float:
    """Seconds from an alert's arrival to the end of its work on its account."""
    rows = LaneItem.objects.filter(signal__isnull=False, finished_at__isnull=False)
    times = rows.values_list("signal__received_at", "finished_at")
    return max(((end - begin).total_seconds() for begin, end in times if end), default=0.0)


def story_of_signal(signal_id: str) -> list[str]:
    """Its work on its account, and what was decided."""
    items = LaneItem.objects.filter(signal_id=signal_id)
    decisions = Decision.objects.filter(signal_id=signal_id)
    return [
        *(
            f"item {each.pk} {each.kind} {each.status} {each.reason} attempts {each.attempts} "
            f"due {each.due_at:%H:%M:%S}"
            for each in items
        ),
        *(f"decision {each.outcome} {[x['code'] for x in each.reasons]}" for each in decisions),
    ]


def story(order_id: str) -> list[str]:
    """What happened to an order, a line for each event."""
    order = Order.objects.get(pk=order_id)
    head = (
        f"{order.role} {order.side} {order.quantity} {order.symbol} leg {order.leg}, "
        f"attempts {order.attempts}, {order.reason_text}"
    )
    events = order.events.order_by("id").values_list("at", "event", "status", "key", "data")
    return [
        head,
        *(f"{at:%H:%M:%S.%f} {what} -> {to} {key} {data}" for at, what, to, key, data in events),
    ]


def _decisions(keys: dict[str, str], with_orders: set[str | None]) -> tuple[Decided, ...]:
    rows = Decision.objects.values_list("pk", "signal_id", "account_id", "outcome", "cancels")
    return tuple(
        Decided(
            signal_id=signal_id,
            account=keys[account],
            approved=outcome == Outcome.APPROVED,
            acts=pk in with_orders or bool(cancels),
        )
        for pk, signal_id, account, outcome, cancels in rows
    )


def _order(row: Order, key: str) -> OurOrder:
    return OurOrder(
        id=row.pk,
        account=key,
        signal_id=row.signal_id,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        status=row.status,
        filled=row.filled_quantity,
        reason=row.reason,
        source=row.source,
    )


def _position(row: Position, key: str) -> OurPosition:
    return OurPosition(
        account=key,
        symbol=row.symbol,
        quantity=row.quantity,
        wants_stop=bool(row.protection and row.protection["stop_price"]),
        alarmed=row.protected is False,
    )
