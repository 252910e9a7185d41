"""The SDK's client, wrapped once: addresses, signing, time-outs, one request each, no retry at all.

Only `_request` is ours: the SDK's keeps the last answer on the client (two threads would read each
other's), follows redirects (a 307 sends an order again) and reads without an end. Its constructor
is not called: it makes an event loop in every thread and two web sockets that nobody uses. Errors
are those of `brokers.errors`; no text of theirs holds an address's query, a key or a secret.
"""

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ssl import SSLCertVerificationError
from typing import Any

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from brokers.binance.errors import Answer, Meaning, meaning_of, of_answer, read_json
from brokers.binance.site import Site
from brokers.errors import BrokerError, NotSent, OutcomeUnknown, RateLimited

with warnings.catch_warnings():
    # The SDK imports a name that the package `websockets` calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance.client import Client

# At DEBUG it would write signed addresses.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

MOST_BYTES = 32 * 1024 * 1024
"""Of an answer; all symbols of exchangeInfo are some megabytes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEEDED = ("/time", "/exchangeInfo", "/ticker/price", "/order")
"""What an order can't do without: asked for even when reads have to wait."""
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
        self._timeouts = timeouts

    def __repr__(self) -> str:
        return f"VenueClient({self.API_URL})"

    def close(self) -> None:
        self.session.close()

    def get_rules(self, symbols: list[str]) -> Any:
        """exchangeInfo of some symbols: the SDK's own method reads all of them."""
        named = json.dumps(symbols, separators=(",", ":"))
        asked = {"symbols": named, "showPermissionSets": "false"}
        return self._get("exchangeInfo", data=asked)

    @property
    def timestamp_offset(self) -> float:
        """What the SDK adds to its own look at the clock, in milliseconds."""
        ahead = self.site.offset(self.now()) or timedelta()
        return (self.now() + ahead - _EPOCH) / timedelta(milliseconds=1) - time.time() * 1000

    def _request(
        self, method: str, uri: str, signed: bool, force_params: bool = False, **kwargs: Any
    ) -> Any:
        self.site.admit(self.now(), needed=method != "get" or uri.endswith(_NEEDED))
        if signed:
            self._keep_clock()
            kwargs.setdefault("data", {})
        ready = self._get_request_kwargs(method, signed, force_params, **kwargs)
        answer = self._exchange(method, uri, ready.get("params"), ready.get("data"))
        now = self.now()
        self.site.note(answer.headers, now)
        error = of_answer(answer, now)
        if error is None:
            return read_json(answer)
        self._heed(error, now)
        raise error

    def _heed(self, error: BrokerError, now: datetime) -> None:
        meaning = meaning_of(error)
        if meaning is Meaning.CLOCK:
            self.site.forget_clock()
        elif meaning is Meaning.LIMITED and isinstance(error, RateLimited):
            self.site.quiet(error, now)

    def _keep_clock(self) -> None:
        """Asked before the first signed request, every hour, and after a refused timestamp."""
        asked = self.now()
        if self.site.offset(asked) is not None:
            return
        try:
            theirs = _EPOCH + timedelta(milliseconds=int(self.get_server_time()["serverTime"]))
        except RateLimited:
            raise
        except (BrokerError, KeyError, TypeError, ValueError) as error:
            raise NotSent("Binance did not tell its time, so nothing was sent.") from error
        self.site.set_clock(theirs, asked, self.now())

    def _exchange(self, method: str, uri: str, params: str | None, data: Any) -> Answer:
        headers = {} if method == "get" else {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            with self.session.request(
                method.upper(),
                uri,
                params=params,
                data=data,
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
