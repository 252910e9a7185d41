"""The drill: the life of one small order at a real venue, and whether each answer is still what
the adapter was written for.

A limit far below the market is placed, sent again, looked for, cancelled and looked for once more.
Whoever runs it on a schedule learns of a change at the venue before a stop does. It never meets
the market, and whatever goes wrong, the order is cancelled at the end or named as left behind.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from brokers.base import Broker
from brokers.errors import BrokerError
from brokers.types import ClientIds, Instrument, Line, OrderReport, OrderRequest, ReportStatus
from tradehub.core.money import EXACT, plain, round_down, round_up
from tradehub.core.words import BrokerKind, OrderSide, OrderType, TimeInForce

SYMBOLS = {
    BrokerKind.PAPER.value: "BTCUSDT",
    BrokerKind.BINANCE_SPOT.value: "BTCUSDT",
    BrokerKind.BINANCE_FUTURES.value: "BTCUSDT",
    BrokerKind.ALPACA.value: "BTCUSD",
}
"""Traded at any hour."""
BELOW = Decimal("0.8")
"""Of the bid: far from any fill, and within what venues allow."""
ROOM = Decimal("1.1")
"""Above the least notional, which a venue may count at another price."""
CLOCKS = timedelta(minutes=1)
"""By how much the venue's clock may be behind ours."""
LOOKS = 10
LOOK_SECONDS = 0.5
STEP = Decimal("1e-8")
"""Where the venue names none."""

CHANGED = "Compare with the venue's change log; until it is understood, watch real orders closely."


class Odd(Exception):
    """An answer that the adapter was not written for. Its text says which."""


@dataclass
class Drill:
    broker: Broker
    symbol: str
    order_id: str
    """A client order id that was never used."""
    pause: Callable[[float], None] = time.sleep
    _began: datetime = field(init=False)
    _request: OrderRequest = field(init=False)
    _venue_order_id: str = field(default="", init=False)
    _may_rest: bool = field(default=False, init=False)
    """From before the order leaves until the venue has told that it ended."""

    def lines(self) -> Iterator[Line]:
        """One line for each step. The first that is not ok is the last, but for the clean-up."""
        for name, step in self._steps():
            line = _judged(name, step)
            yield line
            if not line.ok:
                if self._may_rest:
                    yield _judged("clean up", self._clean_up)
                return

    def _steps(self) -> list[tuple[str, Callable[[], str]]]:
        steps = [
            ("account", self._account),
            ("instrument", self._instrument),
            ("unknown order", self._unknown),
            ("place", self._place),
            ("look up", self._look_up),
            ("open orders", self._listed),
            ("cancel", self._cancel),
            ("after the cancel", self._ended),
        ]
        if self.broker.capabilities().client_ids is not ClientIds.NONE:
            steps.insert(6, ("the same id again", self._again))
        return steps

    # The steps: each says what it saw, or raises Odd or what the broker raises.

    def _account(self) -> str:
        state = self.broker.account()
        self._began = state.at
        return f"Equity {plain(state.equity)} {state.currency}."

    def _instrument(self) -> str:
        instrument = self.broker.instrument(self.symbol)
        quote = self.broker.quote(self.symbol)
        if instrument is None or not instrument.tradable:
            raise Odd(f"The venue doesn't trade {self.symbol} now.")
        if quote is None or quote.bid <= 0:
            raise Odd(f"The venue tells no price of {self.symbol}.")
        self._request = far_order(self.order_id, instrument, quote.bid)
        return f"{self.symbol} at {plain(quote.bid)} to {plain(quote.ask)}."

    def _unknown(self) -> str:
        if self.broker.order(self.order_id) is not None:
            raise Odd("The venue knows an order that was never sent.")
        return "An order that was never sent is told as unknown."

    def _place(self) -> str:
        self._may_rest = True
        report = self.broker.submit(self._request)
        self._check(report, ReportStatus.OPEN)
        self._venue_order_id = report.venue_order_id
        return f"{plain(self._request.quantity)} {self.symbol} rests."

    def _look_up(self) -> str:
        self._check(self._found(lambda each: True), ReportStatus.OPEN)
        return "Found by our own id."

    def _listed(self) -> str:
        mine = self._mine(self.broker.open_orders())
        if len(mine) != 1:
            raise Odd(f"It is listed {len(mine)} times among the open orders.")
        self._check(mine[0], ReportStatus.OPEN)
        return "Listed once among the open orders."

    def _again(self) -> str:
        report = self.broker.submit(self._request)
        if report.venue_order_id != self._venue_order_id:
            raise Odd(f"Sent again it became a second order, {report.venue_order_id}.")
        if len(self._mine(self.broker.open_orders())) != 1:
            raise Odd("Sent again it is listed twice.")
        return "Sent again under the same id, it is still one order."

    def _cancel(self) -> str:
        self._check(self.broker.cancel(self._name()), None)
        self._check(self._found(_has_ended), ReportStatus.CANCELED)
        self._may_rest = False
        return "Cancelled, and told so."

    def _ended(self) -> str:
        if self._mine(self.broker.open_orders()):
            raise Odd("It is cancelled, and yet among the open orders.")
        if len(self._mine(self.broker.closed_orders(self._began - CLOCKS))) != 1:
            raise Odd("It is not among the orders that ended.")
        return "Listed once among the orders that ended."

    def _clean_up(self) -> str:
        with suppress(BrokerError):  # the look below decides
            self.broker.cancel(self._name())
        found = self._found(_has_ended)
        if not _has_ended(found):
            raise Odd(f"The order {self._name()} still rests at the venue: cancel it there.")
        return f"The order ended as {found.status}."

    # Within

    def _name(self) -> str:
        """By which the venue is asked."""
        return self.broker.capabilities().name_of(self.order_id, self._venue_order_id)

    def _mine(self, reports: list[OrderReport]) -> list[OrderReport]:
        able = self.broker.capabilities()
        return [
            each
            for each in reports
            if able.name_of(each.client_order_id, each.venue_order_id) == self._name()
        ]

    def _found(self, enough: Callable[[OrderReport], bool]) -> OrderReport:
        """A venue may lag behind its own answers."""
        for look in range(LOOKS):
            if look:
                self.pause(LOOK_SECONDS)
            found = self.broker.order(self._name())
            if found is not None and enough(found):
                return found
        if found is None:
            raise Odd("The venue denies an order that it has taken.")
        return found

    def _check(self, report: OrderReport, status: ReportStatus | None) -> None:
        """It is told as it was asked for. None: whatever it came to."""
        asked = self._request
        if status is not None and report.status is not status:
            raise Odd(f"It is {report.status}, not {status}. {report.text or ''}".strip())
        told = (report.symbol, report.side, report.quantity)
        if told != (asked.symbol, asked.side, asked.quantity):
            said = f"{report.side} {plain(report.quantity)} {report.symbol}"
            raise Odd(f"It is told as {said}, which was not asked for.")
        if report.limit_price not in (None, asked.limit_price) or report.filled_quantity:
            raise Odd("Its price or what is filled is not what was asked for.")


def far_order(client_order_id: str, instrument: Instrument, bid: Decimal) -> OrderRequest:
    """The smallest limit to buy that the venue takes, far below `bid`."""
    price = round_down(EXACT.multiply(bid, BELOW), instrument.price_tick or STEP)
    least = EXACT.divide(EXACT.multiply(instrument.min_notional, ROOM), price)
    step = instrument.quantity_step or STEP
    quantity = max(round_up(least, step), round_up(instrument.min_quantity, step), step)
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=instrument.symbol,
        side=OrderSide.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=quantity,
        limit_price=price,
    )


def _has_ended(report: OrderReport) -> bool:
    return report.status not in (ReportStatus.OPEN, ReportStatus.PARTIALLY_FILLED)


def _judged(name: str, step: Callable[[], str]) -> Line:
    try:
        return Line(name, True, step())
    except Odd as odd:
        return Line(name, False, str(odd), CHANGED)
    except BrokerError as error:
        return Line(name, False, error.text, CHANGED, code=error.code)
