"""The SDK's client, wrapped once: addresses, signing, time-outs, one request each, no retry at all.

Only `_request` is ours: the SDK's keeps the last answer on the client (two threads would read each
other's), follows redirects (a 307 sends an order again) and reads without an end. Its constructor
is not called: it makes an event loop in every thread and two web sockets that nobody uses. Before
a request the shared budget is asked (`brokers.budget`), after it the budget is told. Errors are
those of `brokers.errors`; no text of theirs holds an address's query, a key or a secret.
"""

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from brokers import budget as shared
from brokers.binance.errors import Answer, Meaning, meaning_of, of_answer, read_json, told_patience
from brokers.binance.site import Site
from brokers.binance.weights import Api, counters, limits_told, row_of, weight_of
from brokers.budget import Budget, Charge, Ticket, scope_of
from brokers.budgeting import Limit, Priority
from brokers.errors import BrokerError, NotSent, OutcomeUnknown, RateLimited
from brokers.ownership import Owner

with warnings.catch_warnings():
    # The SDK imports a name that the package `websockets` calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance.client import Client

# At DEBUG it would write signed addresses.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

MOST_BYTES = 32 * 1024 * 1024
"""Of an answer; all symbols of exchangeInfo are some megabytes."""
BANNED_FOR = 120.0
"""Seconds: the shortest ban, for when the venue does not say how long it is."""
AS_SIGNED = ":/"
"""What an id may hold, given by whomever, and the SDK signs as it stands."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CERTAIN = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Scheme and host; the paths are the SDK's."""

    spot: str
    futures: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: float = 5
    read: float = 15
    """Longer than the 10 s in which Binance itself gives an order up (-1007)."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one request."""

    api: Api
    charges: list[Charge]
    priority: Priority


class VenueClient(Client):
    """Safe to be used by several threads at once. `close` it."""

    REQUEST_RECVWINDOW = 5000

    def __init__(
        self,
        *,
        key: str,
        secret: str,
        addresses: Addresses,
        site: Site,
        now: Callable[[], datetime],
        timeouts: Timeouts,
        budget: Budget = shared.budget,
    ) -> None:
        self.API_KEY, self.API_SECRET, self.PRIVATE_KEY = key, secret, None
        self.API_URL = f"{addresses.spot}/api"
        self.MARGIN_API_URL = f"{addresses.spot}/sapi"
        self.FUTURES_URL = f"{addresses.futures}/fapi"
        self.FUTURES_DATA_URL = f"{addresses.futures}/futures/data"
        self.tld, self.TIME_UNIT, self.verbose = "com", None, False
        self.testnet = self.demo = self._is_rsa = False
        self._requests_params = None
        self.session = self._init_session()
        self.site, self.now = site, now
        self.owner = Owner()
        self._timeouts = timeouts
        self._budget = budget

    def __repr__(self) -> str:
        return f"VenueClient({self.API_URL})"

    def close(self) -> None:
        self.session.close()

    def get_rules(self, symbols: list[str]) -> Any:
        """exchangeInfo of some symbols: the SDK's own method reads all of them."""
        named = json.dumps(symbols, separators=(",", ":"))
        asked = {"symbols": named, "showPermissionSets": "false"}
        return self._get("exchangeInfo", data=asked)

    def get_reference_price(self, symbol: str) -> Any:
        """The SDK has no method for it."""
        return self._get("referencePrice", data={"symbol": symbol})

    def owner_uri(self) -> str:
        """Whose answer tells the venue's own id of the account."""
        return f"{self.API_URL}/{self.PRIVATE_API_VERSION}/account"

    def ask_owner(self) -> None:
        self.get_account(omitZeroBalances="true")

    def owner_in(self, found: Any) -> str:
        return str(found.get("uid") or "") if isinstance(found, dict) else ""

    @property
    def timestamp_offset(self) -> float:
        """What the SDK adds to its own look at the clock, in milliseconds."""
        ahead = self.site.offset(self.now()) or timedelta()
        return (self.now() + ahead - _EPOCH) / timedelta(milliseconds=1) - time.time() * 1000

    def _request(
        self, method: str, uri: str, signed: bool, force_params: bool = False, **kwargs: Any
    ) -> Any:
        cost = self._cost(method, uri, kwargs.get("data") or {})
        with shared.at(cost.priority):
            if signed:
                self._keep_clock(cost.priority)
                if uri != self.owner_uri():
                    self.owner.check(self.ask_owner)
                kwargs.setdefault("data", {})
            ticket = self._budget.ask(cost.charges, cost.priority, self._their_time())
            ready = self._get_request_kwargs(method, signed, force_params, **kwargs)
            form = urlencode(ready.get("data") or (), safe=AS_SIGNED)
            answer = self._exchange(method, uri, ready.get("params"), form)
        error = self.error_of(answer, self.now())
        self._tell(cost.api, ticket, answer, error)
        if error is None:
            return self._learned(cost.api, uri, read_json(answer))
        if self.meaning_of(error) is Meaning.CLOCK:
            self.site.forget_clock()
        raise error

    def error_of(self, answer: Answer, now: datetime) -> BrokerError | None:
        """By the table of this client's API."""
        return of_answer(answer, now)

    def meaning_of(self, error: BrokerError) -> Meaning:
        return meaning_of(error)

    def _cost(self, method: str, uri: str, params: Mapping[str, object]) -> _Cost:
        api, path = self._place(uri)
        row = row_of(api, method, path)
        venue, address = f"binance-{api}", urlsplit(uri).netloc
        weight, *orders = (self._limits(api).get(x.limit.name, x.limit) for x in counters(api))
        charges = [Charge(scope_of(venue, address), weight, weight_of(row, params))]
        if row.places:
            own = scope_of(venue, address, self.API_KEY)
            # The venue counts those that are unfilled, which we can't: only what it tells counts.
            charges += [Charge(own, each, 0) for each in orders]
        return _Cost(api, charges, shared.urgency(row.priority))

    def _limits(self, api: Api) -> dict[str, Limit]:
        return self.site.limits.get(api, {})

    def _learned(self, api: Api, uri: str, found: Any) -> Any:
        """exchangeInfo also tells the limits, the account whose it is. Raises AnotherAccount."""
        if uri == self.owner_uri():
            self.owner.learn(self.owner_in(found))
        if uri.endswith("/exchangeInfo") and isinstance(found, dict):
            with suppress(KeyError, TypeError, ValueError):
                self.site.limits[api] = limits_told(api, found["rateLimits"])
        return found

    def _place(self, uri: str) -> tuple[Api, str]:
        for api, base in ((Api.FUTURES, self.FUTURES_URL), (Api.WALLET, self.MARGIN_API_URL)):
            if uri.startswith(f"{base}/"):
                return api, uri.removeprefix(base)
        return Api.SPOT, uri.removeprefix(self.API_URL)

    def _tell(self, api: Api, ticket: Ticket, answer: Answer, error: BrokerError | None) -> None:
        """The budget, what the answer says of the rate."""
        now = self._their_time()
        told = {x.limit.name: answer.headers.get(x.header, "") for x in counters(api)}
        used = {name: int(text) for name, text in told.items() if text.isdigit()}
        self._budget.told(ticket, used, now)
        address, last = ticket.charges[0].scope, ticket.charges[-1].scope
        if answer.status == 418:
            wait = error.retry_after if isinstance(error, RateLimited) else BANNED_FOR
            self._budget.stop(address, wait, now=now)
        elif isinstance(error, RateLimited):
            # Too many orders are the account's; too much weight is of everybody here.
            scope = last if self.meaning_of(error) is Meaning.LIMITED_ORDERS else address
            self._budget.slow(scope, error.retry_after, asked_at=ticket.at, now=now)
        elif answer.status == 429:
            # What stands before the venue has no words for it, and counts all the same.
            self._budget.slow(address, told_patience(answer), asked_at=ticket.at, now=now)

    def _their_time(self) -> float:
        """By which they count; ours until theirs is known."""
        now = self.now()
        return (now + (self.site.offset(now) or timedelta())).timestamp()

    def _keep_clock(self, priority: Priority) -> None:
        """Asked before the first signed request, every hour, and after a refused timestamp. What
        is urgent goes on with that of an hour ago where the venue does not answer."""
        asked = self.now()
        if self.site.offset(asked) is not None:
            return
        try:
            theirs = _EPOCH + timedelta(milliseconds=int(self.get_server_time()["serverTime"]))
        except RateLimited:
            raise
        except (BrokerError, KeyError, TypeError, ValueError) as error:
            if priority is Priority.FIRST and self.site.trust_clock(self.now()):
                return
            raise NotSent("Binance did not tell its time, so nothing was sent.") from error
        self.site.set_clock(theirs, asked, self.now())

    def _exchange(self, method: str, uri: str, params: str | None, form: str) -> Answer:
        headers = {} if method == "get" else {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            with self.session.request(
                method.upper(),
                uri,
                params=params,
                data=form or None,
                headers=headers,
                timeout=(self._timeouts.connect, self._timeouts.read),
                stream=True,
                allow_redirects=False,
            ) as response:
                body = b"".join(self._parts(response))
                return Answer(response.status_code, _lower(response.headers), body)
        except (requests.exceptions.RequestException, HTTPError, OSError) as error:
            # Not chained: its text holds the signed address.
            raise of_transport(error) from None

    def _parts(self, response: requests.Response) -> Iterator[bytes]:
        """The body, to a limit of bytes and of time: a time-out starts anew with every byte."""
        ends_at = time.monotonic() + self._timeouts.read
        size = 0
        while part := response.raw.read1(65536, decode_content=True):
            size += len(part)
            if size > MOST_BYTES:
                raise OSError("the answer has no end")
            if time.monotonic() > ends_at:
                raise OSError("the answer comes too slowly")
            yield part


def of_transport(error: Exception) -> BrokerError:
    """Certain only where no connection came about."""
    name = type(error).__name__
    chain = list(_causes(error))
    if isinstance(error, _CERTAIN) or any(
        isinstance(each, NewConnectionError | SSLCertVerificationError) for each in chain
    ):
        return NotSent(f"Binance can't be reached ({name}).")
    return OutcomeUnknown(f"Binance gave no whole answer ({name}).")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps, wherever `requests` and `urllib3` put that."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
