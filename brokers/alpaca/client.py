"""alpaca-py's REST client, wrapped once: time-outs, no retry, numbers as Decimal, errors of ours.

It is the one under the SDK's TradingClient, of which nothing else is used and which brings pandas.
The SDK has no time-out at all and sends a request again, three times, on 429 and 504, orders too.
Both end here: every request is one request, with a connect and a read time-out, a limit for the
whole answer and for its size. Prices go through the same client and the same connections. Before a
request the shared budget is asked (`brokers.budget`), after it the budget is told. Nothing of a key
is in a repr, an error or a log.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from requests.adapters import HTTPAdapter

from brokers import budget as shared
from brokers.alpaca import errors
from brokers.budget import Budget, Charge, Ticket, scope_of
from brokers.budgeting import Limit, Priority
from brokers.errors import BrokerError
from brokers.ownership import Owner
from tradehub.lib.clock import utc_now

ACCOUNT = "/account"
"""Its answer tells Alpaca's own id of the account."""
POOL_SIZE = 4
MOST_BYTES = 16 * 1024 * 1024
A_MINUTE = Limit("requests", 200, 60)
"""Of a key without a plan, as its page of usage limits says; answers tell it, a plan has more."""
_PRIORITIES: tuple[tuple[str, str, Priority], ...] = (
    ("DELETE", "/v2/orders", Priority.FIRST),
    ("GET", "/v2/orders/", Priority.FIRST),
    ("GET", "/v2/orders:", Priority.FIRST),
    ("GET", "/v2/orders", Priority.LAST),
    ("GET", "/v2/account/activities", Priority.LAST),
)
"""By what a request begins with, where nobody says how urgent it is; the first that fits."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds."""

    connect: float = 3
    read: float = 10
    whole: float = 15
    """From the request to the answer's last byte."""


class _Response(requests.Response):
    """An answer whose numbers are read as Decimal."""

    def json(self, **how: Any) -> Any:
        return super().json(**{"parse_float": Decimal, **how})


class _Wire(HTTPAdapter):
    """One attempt at a request, within its time and its budget; the answer is read to its end."""

    def __init__(
        self, timeouts: Timeouts, key: str, now: Callable[[], datetime], budget: Budget
    ) -> None:
        super().__init__(pool_connections=2, pool_maxsize=POOL_SIZE, max_retries=0)
        self._timeouts = timeouts
        self._key = key
        self._now = now
        self._budget = budget
        self._limits: dict[str, Limit] = {}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        ticket = self._ask(request)
        deadline = time.monotonic() + self._timeouts.whole
        both = (self._timeouts.connect, self._timeouts.read)
        response = super().send(request, True, both, verify, cert, proxies)
        self._tell(ticket, response)
        response.__class__ = _Response
        response.encoding = "utf-8"
        try:
            body = b"".join(_parts(response, deadline))
        except urllib3.exceptions.HTTPError as error:
            response.close()
            raise requests.ConnectionError(type(error).__name__, request=request) from error
        # What `requests` itself does once it has read a body.
        response._content = body
        response._content_consumed = True
        return response

    def _ask(self, request: requests.PreparedRequest) -> Ticket:
        place = urlsplit(request.url or "")
        scope = scope_of("alpaca", place.netloc, self._key)
        charge = Charge(scope, self._limits.get(scope, A_MINUTE), 1)
        priority = shared.urgency(_priority_of(request.method or "", place.path))
        return self._budget.ask([charge], priority, self._now().timestamp())

    def _tell(self, ticket: Ticket, response: requests.Response) -> None:
        now, scope = self._now().timestamp(), ticket.charges[0].scope
        most, left = (
            response.headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining")
        )
        if most.isdecimal() and left.isdecimal():
            self._limits[scope] = replace(A_MINUTE, most=int(most))
            self._budget.told(ticket, {A_MINUTE.name: int(most) - int(left)}, now)
        if response.status_code == 429:
            wait = errors.retry_after(response.headers, now)
            self._budget.slow(scope, wait, asked_at=ticket.at, now=now)


def _priority_of(method: str, path: str) -> Priority:
    fitting = (
        priority
        for verb, begin, priority in _PRIORITIES
        if verb == method and path.startswith(begin)
    )
    return next(fitting, Priority.NORMAL)


def _parts(response: requests.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    while part := response.raw.read1(65536, decode_content=True):
        yield part
        size += len(part)
        if size > MOST_BYTES or time.monotonic() > deadline:
            raise urllib3.exceptions.HTTPError("an answer without end")


class Client:
    """One account's connections to Alpaca. Paths are those below `/v2`."""

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str,
        trading_url: str,
        data_url: str,
        timeouts: Timeouts | None = None,
        now: Callable[[], datetime] = utc_now,
        budget: Budget = shared.budget,
    ) -> None:
        self._data_url = data_url
        self._trading_url = trading_url
        self._now = now
        self.owner = Owner()
        self._client = RESTClient(
            trading_url, api_key=api_key, secret_key=api_secret, raw_data=True
        )
        # There is no public switch: the constructor takes 0 for "as ever", which is 3.
        self._client._retry = 0
        session = self._client._session
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        wire = _Wire(timeouts or Timeouts(), api_key, now, budget)
        for scheme in ("https://", "http://"):
            session.mount(scheme, wire)

    def __repr__(self) -> str:
        return f"Client({self._trading_url})"

    @property
    def address(self) -> str:
        """Of trading."""
        return self._trading_url

    def get(self, path: str, **query: str) -> Any:
        if path != ACCOUNT:
            self.owner.check(self._ask_owner)
        found = self._call(lambda: self._client.get(path, query), ordering=False)
        if path == ACCOUNT and isinstance(found, dict):
            self.owner.learn(str(found.get("id") or ""))
        return found

    def prices(self, path: str, *, version: str, **query: str) -> Any:
        def ask() -> Any:
            where = {"base_url": self._data_url, "api_version": version}
            return self._client.get(path, query, **where)

        return self._call(ask, ordering=False)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        self.owner.check(self._ask_owner)
        return self._call(lambda: self._client.post(path, dict(body)), ordering=True)

    def delete(self, path: str) -> Any:
        self.owner.check(self._ask_owner)
        return self._call(lambda: self._client.delete(path), ordering=True)

    def close(self) -> None:
        self._client._session.close()

    def _ask_owner(self) -> None:
        self.get(ACCOUNT)

    def _call(self, ask: Callable[[], Any], *, ordering: bool) -> Any:
        try:
            return ask()
        except BrokerError:
            raise  # held back by the rate
        except APIError as error:
            raise _refused(error, ordering, self._now().timestamp()) from error
        except requests.exceptions.JSONDecodeError as error:
            raise errors.unreadable() from error
        except requests.RequestException as error:
            raise _of_transport(error) from error


def _refused(error: APIError, ordering: bool, now: float) -> BrokerError:
    status = int(error.status_code or 0)
    headers: Mapping[str, str] = {}
    if error.response is not None:
        headers = error.response.headers
    return errors.of_answer(status, str(error), headers, ordering=ordering, now=now)


def _of_transport(error: requests.RequestException) -> BrokerError:
    """Certain only where no connection came about; whatever broke later may have arrived."""
    causes = list(_causes(error))
    never = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError,
             ssl.SSLCertVerificationError)  # fmt: skip
    if isinstance(error, requests.ConnectTimeout) or any(isinstance(c, never) for c in causes):
        return errors.not_reached(type(causes[-1]).__name__)
    return errors.no_answer(type(causes[-1]).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        reason = getattr(seen, "reason", None)
        inner = [each for each in (reason, *seen.args) if isinstance(each, BaseException)]
        seen = inner[0] if inner else None
