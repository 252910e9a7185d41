"""One order of the drill: what is asked for, each step of its life, and its end whatever happens.

What is asked for is the smallest that the venue takes, and so far from the market that nobody meets
it: a limit to buy below it, a stop to buy above it. An order counts as one that may rest from
before its request leaves until the venue has told that it ended.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from brokers.base import Broker, ReplacingBroker
from brokers.errors import BrokerError
from brokers.types import (
    Capabilities,
    ClientIds,
    Instrument,
    OrderReport,
    OrderRequest,
    Quote,
    ReportStatus,
)
from tradehub.core.money import EXACT, ZERO, plain, round_down, round_up
from tradehub.core.words import OrderSide, OrderType, TimeInForce

BELOW = Decimal("0.8")
"""Of the price: far from any fill, and within what venues allow."""
ABOVE = Decimal("1.25")
FURTHER = Decimal("1.3")
"""Where the stop is moved to."""
ROOM = Decimal("1.1")
"""Above the least notional, which a venue may count at another price."""
CLOCKS = timedelta(minutes=1)
"""By how much the venue's clock may be behind ours."""
LOOKS = 10
LOOK_SECONDS = 0.5
STEP = Decimal("1e-8")
"""Where the venue names none."""

Pause = Callable[[float], None]


class Odd(Exception):
    """An answer that the adapter was not written for. Its text says which."""


@dataclass(eq=False)
class Trial:
    broker: Broker
    ask: Callable[[], OrderRequest]
    """Called when it is placed: by the prices of that moment."""
    pause: Pause = time.sleep
    sent: bool = field(default=False, init=False)
    may_rest: bool = field(default=False, init=False)
    """From before it leaves until the venue has told that it ended."""
    filled: Decimal = field(default=ZERO, init=False)
    """The most that the venue ever told."""
    request: OrderRequest = field(init=False)
    venue_order_id: str = field(default="", init=False)

    # The steps: each says what it saw, or raises Odd or what the broker raises.

    def place(self) -> str:
        self.leave()
        report = self.broker.submit(self.request)
        self._take(report)
        return f"{_words(self.request)} rests."

    def look_up(self) -> str:
        self._check(self._found(lambda each: True), ReportStatus.OPEN)
        return "Found by our own id."

    def listed(self) -> str:
        mine = self._listed(self.broker.open_orders, 1)
        if len(mine) != 1:
            raise Odd(f"It is listed {len(mine)} times among the open orders.")
        self._check(mine[0], ReportStatus.OPEN)
        return "Listed once among the open orders."

    def again(self) -> str:
        report = self.broker.submit(self.request)
        if report.venue_order_id != self.venue_order_id:
            raise Odd(f"Sent again it became a second order, {report.venue_order_id}.")
        if len(self._listed(self.broker.open_orders, 1)) != 1:
            raise Odd("Sent again it is listed twice.")
        return "Sent again under the same id, it is still one order."

    def give_way(self, heir: "Trial") -> str:
        """Replaced by another, in one request."""
        heir.leave()
        broker = cast(ReplacingBroker, self.broker)
        found = broker.replace(self.name, heir.request)
        if not isinstance(found.placed, BrokerError):
            heir._take(found.placed)
        self._check(found.ended, ReportStatus.CANCELED)
        self._ends()
        if isinstance(found.placed, BrokerError):
            raise found.placed
        heir.look_up()
        heir.listed()
        if self._listed(self.broker.open_orders, 0):
            raise Odd("It was replaced, and yet it is among the open orders.")
        return f"{_words(heir.request)} took its place in one request."

    def cancel(self) -> str:
        self._check(self.broker.cancel(self.name), None)
        self._ends()
        return "Cancelled, and told so."

    def ended(self, since: datetime) -> str:
        if self._listed(self.broker.open_orders, 0):
            raise Odd("It is cancelled, and yet among the open orders.")
        if len(self._listed(lambda: self.broker.closed_orders(since - CLOCKS), 1)) != 1:
            raise Odd("It is not among the orders that ended.")
        return "Listed once among the orders that ended."

    # What comes after a step that failed

    def clean_up(self) -> str:
        """Cancelled until the venue tells that it ended, or denies it for so long that it never
        came. Every answer may be the one that fails: the next one counts."""
        if not self.name:
            raise Odd(f"Whether the venue has taken {_words(self.request)} is not known.")
        settles = self.broker.capabilities().settle_seconds
        found, answered = None, False
        for look in range(LOOKS):
            if look:
                self.pause(1 + settles // (LOOKS - 1))
            answered = False
            with suppress(Exception):  # whatever it is, it must not end the clean-up
                self.broker.cancel(self.name)
            with suppress(Exception):
                found = self.broker.order(self.name)
                answered = True
            if found is not None and has_ended(found):
                break
        self._note(found)
        if found is not None and has_ended(found):
            self.may_rest = False
            return f"{self.name} ended as {found.status}."
        if answered and found is None and not self.venue_order_id:
            self.may_rest = False
            return f"The venue has denied {self.name} for {settles} s: it never came."
        raise Odd(f"{_words(self.request)}, named {self.name}, may still rest at the venue.")

    def leave(self) -> None:
        """From now on it may be at the venue."""
        self.request = self.ask()
        self.sent = self.may_rest = True

    @property
    def name(self) -> str:
        """By which the venue is asked; empty where it takes none of ours and has not told its
        own."""
        able = self.broker.capabilities()
        return able.name_of(self.request.client_order_id, self.venue_order_id)

    def state(self) -> OrderReport | None:
        found = self.broker.order(self.name) if self.name else None
        self._note(found)
        return found

    # Within

    def _take(self, report: OrderReport) -> None:
        self.venue_order_id = report.venue_order_id
        self._check(report, ReportStatus.OPEN)

    def _ends(self) -> None:
        self._check(self._found(has_ended), ReportStatus.CANCELED)
        self.may_rest = False

    def _listed(self, ask: Callable[[], list[OrderReport]], wanted: int) -> list[OrderReport]:
        """Of what the venue lists, this one: as soon as it is there `wanted` times."""
        able = self.broker.capabilities()
        mine: list[OrderReport] = []
        for look in range(LOOKS):
            if look:
                self.pause(LOOK_SECONDS)
            mine = [
                each
                for each in ask()
                if able.name_of(each.client_order_id, each.venue_order_id) == self.name
            ]
            if len(mine) == wanted:
                break
        return mine

    def _found(self, enough: Callable[[OrderReport], bool]) -> OrderReport:
        """A venue may lag behind its own answers."""
        for look in range(LOOKS):
            if look:
                self.pause(LOOK_SECONDS)
            found = self.broker.order(self.name)
            if found is not None and enough(found):
                return found
        if found is None:
            raise Odd("The venue denies an order that it has taken.")
        return found

    def _note(self, report: OrderReport | None) -> None:
        if report is not None:
            self.filled = max(self.filled, report.filled_quantity)

    def _check(self, report: OrderReport, status: ReportStatus | None) -> None:
        """It is told as it was asked for. None: whatever it came to."""
        self._note(report)
        asked = self.request
        if status is not None and report.status is not status:
            raise Odd(f"It is {report.status}, not {status}. {report.text or ''}".strip())
        told = (report.symbol, report.side, report.quantity)
        if told != (asked.symbol, asked.side, asked.quantity):
            said = f"{report.side} {plain(report.quantity)} {report.symbol}"
            raise Odd(f"It is told as {said}, which was not asked for.")
        if report.order_type not in _told_as(asked.order_type):
            raise Odd(f"It is told as a {report.order_type}, not a {asked.order_type}.")
        if not _same_prices(report, asked) or report.filled_quantity:
            raise Odd("Its price or what is filled is not what was asked for.")


def far_limit(client_order_id: str, instrument: Instrument, quote: Quote) -> OrderRequest:
    """The smallest limit to buy that the venue takes, far below the price."""
    low = min(quote.bid, quote.last)
    price = round_down(EXACT.multiply(low, BELOW), instrument.price_tick or STEP)
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=instrument.symbol,
        side=OrderSide.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=_least(instrument, price, instrument.quantity_step),
        limit_price=price,
    )


def far_stop(
    client_order_id: str,
    instrument: Instrument,
    able: Capabilities,
    quote: Quote,
    beyond: Decimal = ABOVE,
) -> OrderRequest:
    """The smallest stop to buy that the venue takes, far above the price: of the kind that guards
    a position there. Raises Odd where it takes none."""
    kinds = able.order_types if instrument.order_types is None else instrument.order_types
    tick = instrument.price_tick or STEP
    trigger = round_up(EXACT.multiply(max(quote.ask, quote.last), beyond), tick)
    kind, limit = OrderType.STOP, None
    if kind not in kinds:
        # Where stops become limits, one that guards a position leaves as a stop limit.
        kind, limit = OrderType.STOP_LIMIT, instrument.limit_of_stop(OrderSide.BUY, trigger)
        if kind not in kinds or limit is None:
            raise Odd(f"The venue takes no stop of {instrument.symbol}.")
    step = max(instrument.quantity_step, instrument.market_step or ZERO)
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=instrument.symbol,
        side=OrderSide.BUY,
        order_type=kind,
        time_in_force=TimeInForce.GTC,
        quantity=_least(instrument, min(quote.bid, quote.last), step),
        limit_price=None if limit is None else round_up(limit, tick),
        stop_price=trigger,
    )


def has_ended(report: OrderReport) -> bool:
    return report.status not in (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)


def takes_ids(broker: Broker) -> bool:
    return broker.capabilities().client_ids is not ClientIds.NONE


def _least(instrument: Instrument, price: Decimal, step: Decimal) -> Decimal:
    step = step or STEP
    worth = EXACT.divide(EXACT.multiply(instrument.min_notional, ROOM), price)
    return max(round_up(worth, step), round_up(instrument.min_quantity, step), step)


def _told_as(asked: OrderType) -> tuple[OrderType | None, ...]:
    """A venue may give a stop a limit of its own; or tell no type."""
    return (None, asked, OrderType.STOP_LIMIT if asked is OrderType.STOP else asked)


def _same_prices(report: OrderReport, asked: OrderRequest) -> bool:
    if report.stop_price not in (None, asked.stop_price):
        return False
    own = asked.order_type is OrderType.STOP and report.order_type is OrderType.STOP_LIMIT
    return own or report.limit_price in (None, asked.limit_price)


def _words(request: OrderRequest) -> str:
    price = request.limit_price if request.stop_price is None else request.stop_price
    at = "" if price is None else f" at {plain(price)}"
    kind = request.order_type.value.replace("_", " ")
    return f"A {kind} to buy {plain(request.quantity)} {request.symbol}{at}"
