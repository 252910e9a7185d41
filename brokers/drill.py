"""The drill: the life of small orders at a real venue, and whether each answer is still what the
adapter was written for.

A limit far below the market and a stop far above it are placed, sent again, looked for, moved where
the venue can, cancelled and looked for once more, while the account's stream is listened to.
Whoever runs it on a schedule learns of a change at the venue before a stop does. It never meets the
market. Whatever goes wrong, and whoever ends it, its orders are cancelled, and the last line proves
that nothing is left or names what may be.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

from brokers.base import Broker
from brokers.drill_orders import (
    ABOVE,
    FURTHER,
    LOOK_SECONDS,
    LOOKS,
    Odd,
    Trial,
    far_limit,
    far_stop,
    has_ended,
    takes_ids,
)
from brokers.errors import BrokerError
from brokers.types import Instrument, Line, OrderReport, OrderRequest, Quote
from tradehub.core.money import plain
from tradehub.core.words import BrokerKind

SYMBOLS = {
    BrokerKind.PAPER.value: "BTCUSDT",
    BrokerKind.BINANCE_SPOT.value: "BTCUSDT",
    BrokerKind.BINANCE_FUTURES.value: "BTCUSDT",
    BrokerKind.ALPACA.value: "BTCUSD",
}
"""Traded at any hour."""

CHANGED = "Compare with the venue's change log; until it is understood, watch real orders closely."
LEFT = "Look at the venue's own page now: cancel what is named, and close what it has bought."

Step = Callable[[], str]
Tell = Callable[[Line], None]


class Listens(Protocol):
    """`brokers.drill_stream.Hearing`."""

    @property
    def is_up(self) -> bool: ...

    def begin(self) -> str: ...

    def told(self, in_full: list[str], at_all: list[str]) -> str: ...

    def end(self) -> None: ...


@dataclass
class Drill:
    broker: Broker
    symbol: str
    name: str
    """How the names of its orders begin; never used before."""
    hearing: Listens | None = None
    """None where the venue has no stream."""
    pause: Callable[[float], None] = time.sleep
    _began: datetime = field(init=False)
    _instrument: Instrument = field(init=False)
    _trials: list[Trial] = field(default_factory=list, init=False)

    def run(self, tell: Tell) -> bool:
        """One line for each step, told as it is done. The first that is not ok ends it, but a
        stream that fails; then come the lines of the end, also when somebody interrupts it."""
        good = True
        try:
            for name, step in self._steps():
                line = _judged(name, step)
                tell(line)
                good = good and line.ok
                if not line.ok and not name.startswith("stream"):
                    break
        finally:
            try:
                good = self._end(tell) and good
            finally:
                if self.hearing is not None:
                    self.hearing.end()
        return good

    def lines(self) -> list[Line]:
        told: list[Line] = []
        self.run(told.append)
        return told

    def _steps(self) -> Iterator[tuple[str, Step]]:
        """Each is asked for when the one before it is done."""
        yield "account", self._account
        yield "instrument", self._symbol
        yield "unknown order", self._unknown
        if self.hearing is not None:
            yield "stream", self.hearing.begin
        limit = self._trial(self._limit)
        yield from self._life(limit, "")
        stop = self._trial(partial(self._stop, ABOVE))
        yield from self._life(stop, "stop: ")
        if self.hearing is not None and self.hearing.is_up:
            yield "stream, of orders", partial(self._heard, limit, stop)

    def _life(self, trial: Trial, of: str) -> Iterator[tuple[str, Step]]:
        yield f"{of}place", trial.place
        yield f"{of}look up", trial.look_up
        yield f"{of}open orders", trial.listed
        if takes_ids(self.broker):
            yield f"{of}the same id again", trial.again
        if of and self.broker.capabilities().replaces:
            heir = self._trial(partial(self._stop, FURTHER))
            yield f"{of}replace", partial(trial.give_way, heir)
            trial = heir
        yield f"{of}cancel", trial.cancel
        yield f"{of}after the cancel", lambda: trial.ended(self._began)

    # The first steps: each says what it saw, or raises Odd or what the broker raises.

    def _account(self) -> str:
        state = self.broker.account()
        self._began = state.at
        return f"Equity {plain(state.equity)} {state.currency}."

    def _symbol(self) -> str:
        instrument = self.broker.instrument(self.symbol)
        if instrument is None or not instrument.tradable:
            raise Odd(f"The venue doesn't trade {self.symbol} now.")
        self._instrument = instrument
        quote = self._quote()
        prices = f"{plain(quote.bid)} to {plain(quote.ask)}"
        return f"{self.symbol} at {prices}. The drill's orders are named {self.name}…"

    def _unknown(self) -> str:
        if self.broker.order(f"{self.name}0") is not None:
            raise Odd("The venue knows an order that was never sent.")
        return "An order that was never sent is told as unknown."

    def _heard(self, limit: Trial, stop: Trial) -> str:
        """Of a stop it may be told only that something happened."""
        assert self.hearing is not None
        return self.hearing.told([limit.request.client_order_id], [stop.request.client_order_id])

    # What is asked for

    def _trial(self, ask: Callable[[str], OrderRequest]) -> Trial:
        name = f"{self.name}{len(self._trials) + 1}"
        self._trials.append(Trial(self.broker, partial(ask, name), self.pause))
        return self._trials[-1]

    def _limit(self, name: str) -> OrderRequest:
        return far_limit(name, self._instrument, self._quote())

    def _stop(self, beyond: Decimal, name: str) -> OrderRequest:
        able = self.broker.capabilities()
        return far_stop(name, self._instrument, able, self._quote(), beyond)

    def _quote(self) -> Quote:
        quote = self.broker.quote(self.symbol)
        if quote is None or not 0 < quote.bid <= quote.ask or quote.last <= 0:
            raise Odd(f"The venue tells no price of {self.symbol}.")
        return quote

    # The end

    def _end(self, tell: Tell) -> bool:
        """Whatever was sent has ended, as far as the venue tells; a line that is not ok says what
        may be left."""
        lines: list[Line] = []
        try:
            for trial in self._trials:
                if trial.may_rest:
                    lines.append(_judged("clean up", trial.clean_up, LEFT))
            if any(trial.sent for trial in self._trials):
                lines.append(_judged("nothing left", self._nothing_left, LEFT))
        except BaseException:  # interrupted once more: at least it is said
            tell(Line("nothing left", False, self._not_known(""), LEFT))
            raise
        for each in lines:
            tell(each)
        return all(each.ok for each in lines)

    def _nothing_left(self) -> str:
        """By the venue's list and by its word of each; what is listed is cancelled, whoever's copy
        of ours it is."""
        sent = [each for each in self._trials if each.sent]
        try:
            found = self._swept(sent)
            found += [
                _words(each)
                for each in (trial.state() for trial in sent)
                if each is not None and not has_ended(each)
            ]
        except Exception as error:  # whatever it is, it must be said what may be left
            why = error.text if isinstance(error, BrokerError) else type(error).__name__
            raise Odd(self._not_known(why)) from error
        bought = [each for each in sent if each.filled]
        if bought:
            much = ", ".join(f"{plain(each.filled)} by {each.name}" for each in bought)
            found.append(f"{self.symbol} was BOUGHT and is held: {much}")
        unknown = [each.request.client_order_id for each in sent if each.may_rest]
        if found or unknown:
            raise Odd("LEFT AT THE VENUE: " + "; ".join(found or unknown) + ".")
        return f"Of {len(sent)} orders none is open at the venue, and nothing was bought."

    def _not_known(self, why: str) -> str:
        said = f"It is not known what is LEFT AT THE VENUE of orders named {self.name}…"
        return f"{said} ({why})" if why else said

    def _swept(self, sent: list[Trial]) -> list[str]:
        """Words of those that the venue goes on listing as open."""
        able = self.broker.capabilities()
        numbers = {each.venue_order_id for each in sent} - {""}
        for _ in range(LOOKS - 1):
            with suppress(Exception):  # whatever it is, the last look decides
                left = self._listed(numbers)
                if not left:
                    return []
                for each in left:
                    self.broker.cancel(able.name_of(each.client_order_id, each.venue_order_id))
            self.pause(LOOK_SECONDS)
        return [_words(each) for each in self._listed(numbers)]

    def _listed(self, numbers: set[str]) -> list[OrderReport]:
        return [
            each
            for each in self.broker.open_orders()
            if each.client_order_id.startswith(self.name) or each.venue_order_id in numbers
        ]


def _words(report: OrderReport) -> str:
    return (
        f"an open order to {report.side} {plain(report.quantity)} {report.symbol}, "
        f"{report.client_order_id} ({report.venue_order_id})"
    )


def _judged(name: str, step: Step, what_to_do: str = CHANGED) -> Line:
    try:
        return Line(name, True, step())
    except Odd as odd:
        return Line(name, False, str(odd), what_to_do)
    except BrokerError as error:
        return Line(name, False, error.text, what_to_do, code=error.code)
    except Exception as error:  # whatever an adapter makes of a changed answer, the end must come
        text = f"The answer can't be read ({type(error).__name__})."
        return Line(name, False, text, what_to_do)
