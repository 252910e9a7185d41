"""One account at the near venue, what may happen to it, and what must be true of it at any time.

The checks know the venue's books as they are and our tables; of how the order path works they know
nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import User
from brokers.models import BrokerAccount
from orders import comparisons, drifts, holding, reconciling, services, syncing
from orders.ledger import Holding, apply_fill
from orders.lifecycle import AT_VENUE, ENDED, UNSETTLED
from orders.models import Drift, Fill, LaneItem, Order, OrderEvent, Position
from orders.tests.near_venue import KEY, Killed, NearVenue, Steps
from signals.models import Signal
from tests.venue.books import Order as VenueOrder
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.words import OrderRole, OrderSide, OrderSource, OrderStatus
from tradehub.testing.builders import deliver, make_profile, make_strategy, make_token
from tradehub.testing.hub import Clock, Hub, drain_due_lanes

Sums = defaultdict[str, Decimal]
PRICES = {"AAPL": Decimal(150), "MSFT": Decimal(300)}
NEEDS_REVIEW = "NEEDS_REVIEW"
ENDED_STATUSES = {each.value for each in ENDED}
UNSETTLED_STATUSES = {each.value for each in UNSETTLED}
AT_VENUE_STATUSES = {each.value for each in AT_VENUE}


class World:
    def __init__(self, owner: User, now: datetime, options: dict[str, Any], **rules: Any) -> None:
        clock = Clock(now)
        self.steps = Steps()
        self.venue = NearVenue(lambda: clock.now, self.steps, **rules)
        self._options = options
        for symbol in PRICES:
            # Half an order may fill, and half of that again: what is held can be protected.
            self.venue.do("set_instrument", symbol=symbol, step="0.000000001")
            self.price(symbol, 0)
        account = BrokerAccount.objects.create(owner=owner, kind="paper", environment="paper")
        profile = make_profile(owner, now, max_signal_age_seconds=120)
        strategy = make_strategy(owner, account, profile, on_opposite="reverse", max_adds=3)
        self.hub = Hub(owner, account, profile, strategy, make_token(strategy), clock)
        self.adopted: Sums = Sums(Decimal)
        """What the owner took over of each symbol, without a fill."""

    @property
    def clock(self) -> Clock:
        return self.hub.clock

    def connect(self, account: BrokerAccount, *, now: Callable[[], datetime]) -> Any:
        return self.venue.connect(account, now, **self._options)

    # ---- what may happen ----

    def alert(self, symbol: str, **alert: Any) -> None:
        body = {"symbol": symbol, "price": str(PRICES[symbol]), **alert}
        deliver(self.hub.token, body, self.clock())

    def drain(self) -> None:
        """One worker, until nothing is due; it may be killed."""
        with suppress(Killed):
            drain_due_lanes(self.clock)

    def reconcile(self) -> None:
        reconciling.reconcile_now(self.hub.account, clock=self.clock)

    def poll(self) -> None:
        syncing.sync_account(self.hub.account, clock=self.clock)

    def price(self, symbol: str, percent: int) -> None:
        price = str(PRICES[symbol] * (100 + percent) / 100)
        self.venue.do("set_quote", symbol=symbol, bid=price, ask=price, last=price)

    def fill(self, order: VenueOrder, part: str) -> None:
        quantity = order.remaining * Decimal(part)
        if quantity:
            self.venue.do("fill", key=KEY, order_id=order.id, quantity=str(quantity))

    def end(self, order: VenueOrder, status: str) -> None:
        self.venue.do("end_order", key=KEY, order_id=order.id, status=status)

    def by_hand(self, symbol: str, change: int, visible: bool) -> None:
        price = str(PRICES[symbol])
        self.venue.do(
            "change_position",
            key=KEY, symbol=symbol, change=str(change), price=price, visible=visible,
        )  # fmt: skip

    def cancel(self, order: Order) -> None:
        with suppress(Conflict):
            services.cancel_order(order=order, actor=self.hub.owner, now=self.clock())

    def replace(self, order: Order, factor: str, change: int) -> None:
        fields = {"quantity": order.quantity * Decimal(factor)}
        if order.limit_price is not None:
            fields["limit_price"] = order.limit_price + change
        with suppress(Conflict, BadInput):
            services.replace_order(
                order=order, fields=fields, actor=self.hub.owner, now=self.clock()
            )

    def adopt(self) -> None:
        """The owner takes every confirmed difference over."""
        rows = Drift.objects.filter(healed_at__isnull=True, confirmed_at__isnull=False)
        for symbol in list(rows.values_list("symbol", flat=True)):
            with suppress(Conflict):
                done = drifts.adopt_drifts(
                    account=self.hub.account,
                    symbols=[symbol],
                    actor=self.hub.owner,
                    now=self.clock(),
                )
                for each in done:
                    self.adopted[symbol] += each.theirs - each.ours

    def recover(self) -> None:
        """Faults stop, time passes, and everybody does what is due."""
        self.venue.troubles.clear()
        rules = {"fills_by_hand": False, "order_lag": 0, "fill_lag": 0, "position_lag": 0}
        self.venue.do("set_rules", key=KEY, rules=rules)
        for _ in range(30):
            self.clock.wait(6)
            for symbol in PRICES:
                self.price(symbol, 0)
            drain_due_lanes(self.clock)
            self.poll()
            if comparisons.claim_comparison(self.hub.account.pk, now=self.clock()):
                self.reconcile()
            holding.expire_held(clock=self.clock)
            self.adopt()

    def told(self) -> str:
        """For a failure: all orders, here and there, and what waits."""
        lines = ["", "ours:"]
        for row in Order.objects.order_by("id"):
            lines.append(
                f"  {row.pk[-6:]} {row.venue_order_id:4} {row.leg} {row.role} {row.symbol}"
                f" {row.side} {row.filled_quantity}/{row.quantity} {row.order_type} {row.status}"
                f" {row.reason} {row.reason_text} after={str(row.after_id)[-6:]} {row.source}"
            )
        lines.append("theirs:")
        for order in self.venue.books.orders.values():
            lines.append(
                f"  {order.id:4} {order.symbol} {order.side} {order.filled}/{order.quantity}"
                f" {order.type} {order.status} {order.code} of {order.client_order_id}"
            )
        waiting = LaneItem.objects.exclude(status="done")
        lines += [f"  waits: {each.kind} {each.status} {each.reason}" for each in waiting]
        rows = Position.objects.all()
        lines += [f"  holds {each.symbol} {each.quantity} {each.protected}" for each in rows]
        lines.append(f"  there {self.venue.books.holdings}")
        return "\n".join(lines)

    # ---- what must be true ----

    def theirs(self) -> list[VenueOrder]:
        """Orders at the venue that came from us."""
        orders = self.venue.books.orders.values()
        return [each for each in orders if each.client_order_id is not None]

    def resting(self) -> list[VenueOrder]:
        return [each for each in self.venue.books.orders.values() if each.remaining > 0]

    def ours(self) -> dict[str, Order]:
        rows = Order.objects.filter(account=self.hub.account)
        return {each.client_order_id: each for each in rows}

    def check(self) -> None:
        ours = self.ours()
        self._check_orders(ours)
        self._check_histories()
        self._check_fills(ours)
        self._check_positions()

    def _check_orders(self, ours: dict[str, Order]) -> None:
        """I1, I2: each order at the venue is one of ours that left, and none is there twice."""
        entries: Counter[tuple[str | None, str]] = Counter()
        for order in self.theirs():
            row = ours[order.client_order_id or ""]
            assert row.source != OrderSource.EXTERNAL, f"{row.pk} was taken for another's"
            assert row.status not in ("queued", "denied"), f"{row.pk} is there and {row.status}"
            assert (row.symbol, row.side) == (order.symbol, order.side)
            entries[_origin(row), row.leg] += 1
            asked = self.venue.submits.count(row.client_order_id)
            assert 0 < asked <= row.attempts, f"{row.pk} left {asked} times"
        doubled = [leg for leg, count in entries.items() if count > 1]
        assert not doubled, f"twice at the venue: {doubled}"
        openings = Counter(
            _origin(row)
            for order in self.theirs()
            if (row := ours[order.client_order_id or ""]).role == OrderRole.ENTRY
        )
        assert all(count == 1 for count in openings.values()), openings
        working = {ours[each.client_order_id or ""].pk for each in self.theirs() if each.working}
        both = [each.pk for each in ours.values() if {each.pk, each.replaces_id} <= working]
        assert not both, f"works beside the order that it replaces: {both}"

    def _check_histories(self) -> None:
        """No status but by an event, and none leaves an end."""
        last: dict[str, str] = {}
        rows = OrderEvent.objects.order_by("id").values_list("order_id", "event", "status")
        for order_id, event, status in rows:
            before = last.get(order_id)
            if before in ENDED_STATUSES:
                assert status == before or (event, status) == ("fill", "filled"), (
                    f"{order_id}: {event} made {status} of {before}"
                )
            last[order_id] = status
        now = dict(Order.objects.values_list("pk", "status"))
        assert {pk: last.get(pk, OrderStatus.QUEUED.value) for pk in now} == now

    def _check_fills(self, ours: dict[str, Order]) -> None:
        told = {each.id: each for each in self.venue.books.fills}
        sums = Sums(Decimal)
        fills = Fill.objects.select_related("order")
        ids = [each.venue_fill_id for each in fills]
        assert len(ids) == len(set(ids))
        for fill in fills:
            there = told[fill.venue_fill_id]
            assert (fill.quantity, fill.price, fill.symbol, fill.side) == (
                there.quantity, there.price, there.symbol, there.side,
            )  # fmt: skip
            if there.client_order_id is not None:
                assert fill.order.client_order_id == there.client_order_id
            sums[fill.order_id] += fill.quantity
        for order in ours.values():
            assert order.filled_quantity == sums[order.pk], f"{order.pk}: not the sum of its fills"

    def _check_positions(self) -> None:
        """Each position is the ledger's of its fills, in the order in which they were recorded."""
        net = Sums(Decimal, self.adopted)
        ledgers: dict[tuple[str, str | None], Holding] = {}
        strange: set[str] = set(self.adopted)
        for fill in self._recorded_fills():
            key = fill.symbol, fill.strategy_id
            side = OrderSide(fill.side)
            net[fill.symbol] += side.sign * fill.quantity
            effect = apply_fill(ledgers.get(key, Holding()), side, fill.quantity, fill.price)
            ledgers[key] = effect.holding
            if fill.order.source == OrderSource.EXTERNAL:
                strange.add(fill.symbol)
        held = Sums(Decimal)
        for row in Position.objects.filter(account=self.hub.account):
            held[row.symbol] += row.quantity
            assert row.is_open == bool(row.quantity)
            if row.symbol in strange:
                continue  # whose position another's trade changed is not the ledger's to say
            ledger = ledgers.get((row.symbol, row.strategy_id), Holding())
            assert (row.quantity, row.average_entry_price) == (
                ledger.quantity,
                ledger.average_price,
            ), f"{row.symbol}: not what its fills make"
        assert _not_flat(held) == _not_flat(net), self.told()

    def _recorded_fills(self) -> list[Fill]:
        told = OrderEvent.objects.filter(key__startswith="fill:").order_by("id")
        order = {key: place for place, key in enumerate(told.values_list("key", flat=True))}
        fills = Fill.objects.select_related("order")
        return sorted(fills, key=lambda fill: order[f"fill:{fill.venue_fill_id}"])

    def check_recovered(self) -> None:
        """I4, and no alert lost: nothing is under way, and the venue's books are ours."""
        self.check()
        ours = self.ours()
        pending = {each.pk for each in ours.values() if each.status in ("open", "partially_filled")}
        if not self.venue.was_silent:
            assert not any(each.reason == NEEDS_REVIEW for each in ours.values()), self.told()
        left = [
            each
            for each in ours.values()
            if each.status in ("queued", "sending", "unconfirmed")
            and each.reason != NEEDS_REVIEW
            and each.after_id not in pending  # an entry whose exit rests at the venue
        ]
        assert not left, self.told()
        under_way = {each.signal_id for each in ours.values() if each.status in UNSETTLED_STATUSES}
        signals = Signal.objects.exclude(status__in=["processed", "stale"])
        assert set(signals.values_list("pk", flat=True)) <= under_way, self.told()
        assert not LaneItem.objects.exclude(status="done").exists(), self.told()
        self._compare_books(ours)

    def _compare_books(self, ours: dict[str, Order]) -> None:
        books = self.venue.books
        works = {each.venue_order_id for each in ours.values() if each.status in AT_VENUE_STATUSES}
        there = {each.id for each in books.orders.values() if each.working}
        assert works == there, self.told()
        # Another's fill may count as part of what was there when we first looked.
        mine = set(Fill.objects.values_list("venue_fill_id", flat=True))
        assert mine >= {each.id for each in books.fills if each.client_order_id is not None}
        held = Sums(Decimal)
        for row in Position.objects.filter(account=self.hub.account, is_open=True):
            held[row.symbol] += row.quantity
        there_held = {name: each.quantity for name, each in books.holdings.items()}
        assert _not_flat(held) == there_held, self.told()


def _origin(row: Order) -> str | None:
    """The signal; of what a person asked for, the decision."""
    return row.signal_id or row.decision_id


def _not_flat(held: dict[str, Decimal]) -> dict[str, Decimal]:
    return {symbol: quantity for symbol, quantity in held.items() if quantity}
