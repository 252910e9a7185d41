"""alpaca-py's TradingClient, wrapped once: time-outs, no retry, numbers as Decimal, errors of ours.

The SDK has no time-out at all and sends a request again, three times, on 429 and 504, orders too.
Both end here: every request is one request, with a connect and a read time-out, a limit for the
whole answer and for its size. Prices go through the same client and the same connections. What is
left of a minute's rate is kept for what concerns orders (`rate`). Nothing of a key is in a repr, an
error or a log.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from requests.adapters import HTTPAdapter

from brokers.alpaca import errors
from brokers.alpaca.rate import Rate
from brokers.errors import BrokerError

POOL_SIZE = 4
MOST_BYTES = 16 * 1024 * 1024


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
    """One attempt at a request, within its time; the answer is read here, to its end."""

    def __init__(self, timeouts: Timeouts) -> None:
        super().__init__(pool_connections=2, pool_maxsize=POOL_SIZE, max_retries=0)
        self._timeouts = timeouts
        self._rates: dict[str, Rate] = {}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        place = urlsplit(request.url or "")
        rate = self._rates.setdefault(place.netloc, Rate())
        rate.ask(of_orders=place.path.startswith("/v2/orders"), now=time.time())
        deadline = time.monotonic() + self._timeouts.whole
        both = (self._timeouts.connect, self._timeouts.read)
        response = super().send(request, True, both, verify, cert, proxies)
        rate.note(response.status_code, response.headers, now=time.time())
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
    ) -> None:
        self._data_url = data_url
        self._trading_url = trading_url
        self._client = TradingClient(
            api_key, api_secret, paper=False, raw_data=True, url_override=trading_url
        )
        # There is no public switch: the constructor takes 0 for "as ever", which is 3.
        self._client._retry = 0
        session = self._client._session
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        wire = _Wire(timeouts or Timeouts())
        for scheme in ("https://", "http://"):
            session.mount(scheme, wire)

    def __repr__(self) -> str:
        return f"Client({self._trading_url})"

    def get(self, path: str, **query: str) -> Any:
        return self._call(lambda: self._client.get(path, query), ordering=False)

    def prices(self, path: str, *, version: str, **query: str) -> Any:
        def ask() -> Any:
            where = {"base_url": self._data_url, "api_version": version}
            return self._client.get(path, query, **where)

        return self._call(ask, ordering=False)

    def post(self, path: str, body: Mapping[str, str | bool]) -> Any:
        return self._call(lambda: self._client.post(path, dict(body)), ordering=True)

    def delete(self, path: str) -> Any:
        return self._call(lambda: self._client.delete(path), ordering=True)

    def close(self) -> None:
        self._client._session.close()

    def _call(self, ask: Callable[[], Any], *, ordering: bool) -> Any:
        try:
            return ask()
        except BrokerError:
            raise  # held back by the rate
        except APIError as error:
            raise _refused(error, ordering) from error
        except requests.exceptions.JSONDecodeError as error:
            raise errors.unreadable() from error
        except requests.RequestException as error:
            raise _of_transport(error) from error


def _refused(error: APIError, ordering: bool) -> BrokerError:
    status = int(error.status_code or 0)
    headers: Mapping[str, str] = {}
    if error.response is not None:
        headers = error.response.headers
    return errors.of_answer(status, str(error), headers, ordering=ordering, now=time.time())


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
