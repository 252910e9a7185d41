"""The stream process: all streams in one event loop, and threads that look at prices and poll.

Polling stays the truth, here once a second for accounts without a living stream (paper has none),
and now and then for the others, whichever process holds their streams. Marks of open positions go
to open pages. Feeds of prices are beside the streams of accounts (`orders.pricing`). Without this
process resting orders fill a little later: the workers poll too.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from socket import gethostname
from time import monotonic
from uuid import uuid4

import structlog
from django.db import Error, close_old_connections
from django.db.models import QuerySet
from redis import RedisError

from brokers.models import BrokerAccount
from brokers.prices.board import Board
from brokers.prices.shared import streamed_quotes
from brokers.prices.station import PriceStation
from brokers.registry import connect
from brokers.streams.leases import Leases
from brokers.streams.line import Means
from brokers.streams.states import StreamState, states_for_pages
from brokers.streams.station import LOOK_SECONDS, Station
from brokers.streams.venues import open_stream
from brokers.types import Quote
from orders.market import name_of
from orders.marking import Marker
from orders.models import Position
from orders.monitoring import watch_account, watch_prices, watched_symbols
from orders.pricing import Pricer
from orders.streaming import Recorder, missed_fills
from orders.syncing import accounts_at_work, sync_account
from tradehub.lib import duties
from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import redis_client, stream_pulse
from tradehub.lib.logs import Seldom

POLL_SECONDS = 1.0
POLL_STREAMED_SECONDS = 15.0
"""How often an account is polled whose stream tells of it, and asked for prices that feeds tell."""
DOUBT_SECONDS = 15.0
DISTRUSTED_SECONDS = 600.0
"""For so long after it missed something a stream saves no polling."""
THREADS = 2
SIGN = "TRADEHUB_SIGN"
"""In the environment: the key of the sign of life that `up` listens to."""
DUTY = "streams"

log = structlog.get_logger(__name__)


def run_streams() -> None:
    """Until SIGTERM or SIGINT. In the main thread."""
    asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    recorder = make_recorder(loop)
    station = make_station(recorder)
    prices, pricer = make_prices(recorder)
    poller = Poller(station, loop)
    poller.start()
    pricer.start()
    try:
        await asyncio.gather(station.run(stop), prices.run(stop))
    finally:
        poller.stop()
        pricer.stop()
        recorder.turns.close()


def make_recorder(loop: asyncio.AbstractEventLoop) -> Recorder:
    def later(seconds: float, work: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and we with it
            loop.call_soon_threadsafe(lambda: loop.call_later(seconds, work))

    return Recorder(later=later)


def make_station(recorder: Recorder, *, clock: Callable[[], datetime] = utc_now) -> Station:
    means = Means(
        ear=recorder,
        open_stream=lambda account: open_stream(account, now=clock),
        clock=clock,
    )
    leases = Leases(redis_client(), _owner())
    threads = ThreadPoolExecutor(THREADS, "station")
    return Station(means, leases, redis_client(), threads, lives=lives, looked=looked)


def make_prices(
    recorder: Recorder, *, clock: Callable[[], datetime] = utc_now
) -> tuple[PriceStation, Pricer]:
    board, redis = Board(), redis_client()
    pricer = Pricer(board, redis, recorder.turns.put, clock)
    leases, threads = Leases(redis, _owner()), ThreadPoolExecutor(THREADS, "feeds")
    return PriceStation(board, pricer.needed, leases, redis, threads, clock), pricer


def _owner() -> str:
    """Of leases."""
    return f"{gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def lives(now: datetime) -> None:
    """The loop turns, and threads work."""
    sign = os.environ.get(SIGN)
    if sign:
        with suppress(RedisError):
            stream_pulse(sign, now)


def looked(now: datetime) -> None:
    """Database and Redis told what there is to follow."""
    duties.done(DUTY, now)


def _unprotected() -> QuerySet[Position]:
    return Position.objects.filter(is_open=True, protected=False)


@dataclass
class Poller:
    station: Station
    loop: asyncio.AbstractEventLoop
    marker: Marker = field(default_factory=Marker)
    clock: Callable[[], datetime] = utc_now
    _polled: dict[str, float] = field(default_factory=dict)
    _priced: dict[str, float] = field(default_factory=dict)
    """Account -> when its venue was last asked for the prices that it waits for."""
    _doubted_at: float = 0.0
    _states: dict[str, StreamState] = field(default_factory=dict)
    """Of streams that other processes hold too, as they told some moments ago."""
    _read_at: float = float("-inf")
    _said: Seldom = field(default_factory=Seldom)
    """Of accounts whose venue does not answer."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._run, name="poller", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                close_old_connections()
                self.round()
            except Error as error:
                log.warning("stream_waits_for_database", error=type(error).__name__)
            except Exception as error:  # the next round may do better; the worker polls meanwhile
                log.exception("stream_round_failed", error=type(error).__name__)

    def round(self) -> None:
        if self.station.polls:
            bare = set(_unprotected().values_list("account_id", flat=True))
            at_work = accounts_at_work()
            self._read_states([each.pk for each in at_work])
            for account in at_work:
                if account.pk in bare or self._is_due(account.pk):
                    sync_account(account, clock=self.clock)
                else:
                    self._watch(account)
            self.marker.publish()
        if monotonic() - self._doubted_at >= DOUBT_SECONDS:
            self._doubted_at = monotonic()
            self.doubt()

    def doubt(self) -> None:
        """Streams that missed what polling found are made anew."""
        lines = self.station.lines()
        states = {key: line.state for key, line in lines.items() if line.is_up}
        for account_id in missed_fills(states, now=self.clock()) if states else ():
            until = self.clock().timestamp() + DISTRUSTED_SECONDS
            self.station.distrusted[account_id] = until
            self.loop.call_soon_threadsafe(lines[account_id].doubt, "missed a fill")

    def _watch(self, account: BrokerAccount) -> None:
        """A stream tells of orders, not of prices that positions wait for."""
        told = self._told(account)
        try:
            if told:
                watch_prices(account.pk, told, self.clock())
            else:
                watch_account(account, connect(account, now=self.clock), clock=self.clock)
        except Error:
            raise
        except Exception as error:  # one account that breaks must keep no other from its poll
            if self._said.due(account.pk):
                log.warning("watch_failed", account=account.pk, error=name_of(error))

    def _told(self, account: BrokerAccount) -> dict[str, Quote]:
        """What feeds tell, where they tell all of it; empty when the venue is to be asked."""
        symbols, now = watched_symbols(account.pk), monotonic()
        told = streamed_quotes(account, symbols, now=self.clock())
        asked = self._priced.get(account.pk, float("-inf"))
        if len(told) == len(symbols) and now - asked < POLL_STREAMED_SECONDS:
            return told
        self._priced[account.pk] = now
        return {}

    def _read_states(self, account_ids: list[str]) -> None:
        """Our own as they are now, the others' as often as they are told. Without Redis there are
        none of those, and their accounts are polled."""
        if monotonic() - self._read_at >= LOOK_SECONDS:
            self._read_at = monotonic()
            self._states = states_for_pages(account_ids, now=self.clock())
        self._states |= self.station.states()

    def _is_due(self, account_id: str) -> bool:
        state, now = self._states.get(account_id), monotonic()
        trusted = state is not None and state.saves_polling(self.clock())
        every = POLL_STREAMED_SECONDS if trusted else 0.0
        if now - self._polled.get(account_id, float("-inf")) < every:
            return False
        self._polled[account_id] = now
        return True
