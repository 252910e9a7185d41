"""Prices that feeds tell: for which symbols they are wanted, and what each means for our orders.

Needed is the price of every open position, and of what rests at a paper account whose prices are a
venue's. What waits for which price is kept in memory, a second old at most; only where a price
means work is the database asked, by the code that polling runs too. A symbol is looked at ten times
a second at most. The poll looks every second all the same: nothing rests on a feed.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Protocol

import structlog
from django.db.models import QuerySet
from redis import Redis, RedisError

from brokers.models import BrokerAccount
from brokers.prices.board import FRESH, Board, Heard
from brokers.prices.places import VENUE_SOURCES, Place
from brokers.prices.shared import places_at, tell
from brokers.types import Quote
from orders.lifecycle import AT_VENUE
from orders.models import Order, Position
from orders.monitoring import asks, waits, watch_prices
from orders.syncing import sync_account
from orders.triggers import stop_passed
from tradehub.core.words import BrokerKind, OrderSide, OrderType

PRESS_SECONDS = 0.1
AGAIN_SECONDS = 0.5
"""A position or an order that a price has met is looked at again after so long at the earliest."""
_RESTING = [each.value for each in AT_VENUE]

log = structlog.get_logger(__name__)


class Put(Protocol):
    def __call__(self, account_id: str, kind: str, job: Callable[[], object], /) -> bool:
        """Do it in the account's turn. False: too much waits there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that a price may mean work for."""

    account: BrokerAccount
    symbol: str
    """As the account names it."""
    subject: Position | Order

    @property
    def key(self) -> str:
        """Of the work: for an order that is a look at all of its account."""
        return self.account.pk if isinstance(self.subject, Order) else self.subject.pk

    def means_work(self, quote: Quote) -> bool:
        if isinstance(self.subject, Position):
            return asks(self.subject, quote)
        return may_fill(self.subject, quote)


@dataclass
class Pricer:
    board: Board
    redis: Redis
    put: Put
    clock: Callable[[], datetime]
    _waiting: Mapping[Place, list[Waiting]] = field(default_factory=dict)
    _handed: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def needed(self) -> list[Place]:
        """Those that something waits for first. Reads the database."""
        waiting: dict[Place, list[Waiting]] = defaultdict(list)
        held: list[Place] = []
        subjects: list[Position | Order] = [*_positions(), *_resting()]
        places = places_at((each.account, each.symbol) for each in subjects)
        for subject, place in zip(subjects, places, strict=True):
            if place is None:
                continue
            if isinstance(subject, Position):
                held.append(place)
                if not waits(subject):
                    continue
            waiting[place].append(Waiting(subject.account, subject.symbol, subject))
        self._waiting = waiting
        self.board.again(waiting)
        return list(dict.fromkeys([*waiting, *held]))

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="prices", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(PRESS_SECONDS):
            try:
                self.press()
            except Exception as error:  # the next price may do better, and the poll looks too
                log.exception("prices_not_pressed", error=type(error).__name__)

    def press(self) -> int:
        """One look at what was told since the last; for how many it meant work. Told to others
        first, since paper accounts take their prices there."""
        now = self.clock()
        found = ((place, self.board.heard(place, now)) for place in self.board.take())
        news = {place: heard for place, heard in found if heard is not None}
        try:
            tell(self.redis, news, now=now)
        except RedisError as error:
            log.warning("prices_not_told", error=type(error).__name__)
        return sum(
            self._hand(each, heard)
            for place, heard in news.items()
            for each in self._waiting.get(place, ())
            if each.means_work(heard.quote)
        )

    def _hand(self, waiting: Waiting, heard: Heard) -> bool:
        now = monotonic()
        self._handed = {key: at for key, at in self._handed.items() if now - at < AGAIN_SECONDS}
        if waiting.key in self._handed:
            return False  # the next look at the database brings it again
        self._handed[waiting.key] = now
        account = waiting.account
        return self.put(account.pk, account.kind, partial(self._work, waiting, heard))

    def _work(self, waiting: Waiting, heard: Heard) -> None:
        now = self.clock()
        if now - heard.at >= FRESH:
            return  # it waited for its turn too long
        if isinstance(waiting.subject, Order):
            sync_account(waiting.account, clock=self.clock)
        else:
            named = replace(heard.quote, symbol=waiting.symbol)
            watch_prices(waiting.account.pk, {waiting.symbol: named}, now)


def may_fill(order: Order, quote: Quote) -> bool:
    """Whether a price may change a resting paper order. Its venue decides, so rather once more."""
    if order.order_type in (OrderType.MARKET, OrderType.TRAILING_STOP):
        return True
    side = OrderSide(order.side)
    if order.stop_price is not None and stop_passed(side, order.stop_price, quote):
        return True
    if order.limit_price is None:
        return False
    there = quote.ask if side is OrderSide.BUY else quote.bid
    return (there - order.limit_price) * side.sign <= 0


def _positions() -> QuerySet[Position]:
    return Position.objects.filter(is_open=True).select_related("account").order_by("pk")


def _resting() -> list[Order]:
    paper = BrokerAccount.objects.filter(kind=BrokerKind.PAPER.value)
    ids = [
        pk
        for pk, options in paper.values_list("pk", "options")
        if options.get("price_source") in VENUE_SOURCES
    ]
    if not ids:
        return []
    orders = Order.objects.filter(account_id__in=ids, status__in=_RESTING)
    return list(orders.select_related("account").order_by("pk"))
