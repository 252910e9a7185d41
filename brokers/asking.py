"""How a process that serves pages speaks to a venue: it asks a worker, which asks the venue.

Such a process neither imports a vendor's SDK nor opens a credential. It puts a question into the
queue as a Celery task and waits some seconds for the answer in Redis. Questions only: orders leave
through the lanes. Answers hold what a venue says of an account, never a secret.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, cast, get_type_hints
from uuid import uuid4

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis import RedisError

from brokers.base import Broker
from brokers.encoding import from_plain, to_plain
from brokers.errors import (
    AnotherAccount,
    BadCredentials,
    BrokerError,
    NotSent,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from brokers.models import BrokerAccount
from brokers.prices.places import VENUE_SOURCES
from brokers.types import (
    AccountState,
    Capabilities,
    CashPage,
    FillReport,
    Instrument,
    OrderReport,
    OrderRequest,
    Quote,
    VenuePosition,
)
from tradehub.core.words import BrokerKind
from tradehub.lib.heartbeat import redis_client

TASK = "brokers.tasks.ask_venue"
ASK_SECONDS = 5.0
"""How long a page waits for a worker's answer."""
QUIET_SECONDS = 10.0
"""After a question that nobody answered, the account's next ones fail at once for so long."""
_TURN_SECONDS = 0.3
QUESTIONS = frozenset(
    {
        "account",
        "capabilities",
        "cash_entries",
        "closed_orders",
        "fills",
        "instrument",
        "open_orders",
        "order",
        "positions",
        "quote",
        "quotes",
        "reports",
    }
)
_ERRORS: Mapping[str, type[BrokerError]] = {
    each.__name__: each
    for each in (
        AnotherAccount,
        BadCredentials,
        NotSent,
        OrderRejected,
        OutcomeUnknown,
        RateLimited,
        Unsupported,
    )
}

log = structlog.get_logger(__name__)

_pages = False
_quiet_until: dict[str, float] = {}


def serve_pages() -> None:
    """Said once by a process that serves pages (`tradehub.asgi`)."""
    global _pages
    _pages = True


def serves_pages() -> bool:
    return _pages


def goes_to_a_worker(account: BrokerAccount) -> bool:
    """Questions about it are asked there: a venue is asked for them, if only for its prices."""
    if not _pages:
        return False
    paper = account.kind == BrokerKind.PAPER
    return not paper or account.options.get("price_source") in VENUE_SOURCES


class Mailbox(Protocol):
    """Where questions go and answers come from."""

    def post(self, message: Mapping[str, Any]) -> None: ...

    def wait(self, reply_to: str, seconds: float) -> bytes | None: ...


class QueueAndRedis:
    def post(self, message: Mapping[str, Any]) -> None:
        options = {"queue": "background", "retry": False, "ignore_result": True}
        current_app.send_task(TASK, kwargs=dict(message), expires=ASK_SECONDS, **options)

    def wait(self, reply_to: str, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = redis_client().blpop([reply_to], timeout=cast(int, _TURN_SECONDS))
            if found is not None:
                return cast("tuple[bytes, bytes]", found)[1]
        return None


mailbox: Mailbox = QueueAndRedis()


class AskingBroker:
    """A Broker for questions. Raises what the venue's adapter raised at the worker; NotSent when
    no worker answered."""

    def __init__(self, account: BrokerAccount) -> None:
        self._account_id = account.pk

    def __repr__(self) -> str:
        return f"AskingBroker({self._account_id})"

    def capabilities(self) -> Capabilities:
        return cast(Capabilities, self._ask("capabilities"))

    def account(self) -> AccountState:
        return cast(AccountState, self._ask("account"))

    def instrument(self, symbol: str) -> Instrument | None:
        return cast("Instrument | None", self._ask("instrument", symbol))

    def quote(self, symbol: str) -> Quote | None:
        return cast("Quote | None", self._ask("quote", symbol))

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        return cast("dict[str, Quote]", self._ask("quotes", list(symbols)))

    def observe(self, symbol: str, price: Decimal, at: datetime) -> None:
        """Venues with prices of their own ignore it."""

    def submit(self, request: OrderRequest) -> OrderReport:
        raise Unsupported("Orders leave through the account's lane, in a worker.")

    def cancel(self, client_order_id: str) -> OrderReport:
        raise Unsupported("Cancels leave through the account's lane, in a worker.")

    def order(self, client_order_id: str) -> OrderReport | None:
        return cast("OrderReport | None", self._ask("order", client_order_id))

    def reports(self, client_order_ids: Sequence[str]) -> list[OrderReport]:
        return cast("list[OrderReport]", self._ask("reports", list(client_order_ids)))

    def open_orders(self, symbols: Collection[str] | None = None) -> list[OrderReport]:
        return cast("list[OrderReport]", self._ask("open_orders", _plain(symbols)))

    def closed_orders(
        self, since: datetime, symbols: Collection[str] | None = None
    ) -> list[OrderReport]:
        return cast("list[OrderReport]", self._ask("closed_orders", since, _plain(symbols)))

    def fills(self, since: datetime, symbols: Collection[str] | None = None) -> list[FillReport]:
        return cast("list[FillReport]", self._ask("fills", since, _plain(symbols)))

    def positions(self) -> list[VenuePosition]:
        return cast("list[VenuePosition]", self._ask("positions"))

    def cash_entries(self, since: datetime, until: datetime) -> CashPage:
        return cast(CashPage, self._ask("cash_entries", since, until))

    def _ask(self, question: str, *given: Any) -> Any:
        if _quiet_until.get(self._account_id, 0.0) > time.monotonic():
            raise NotSent("No worker has answered for this account some seconds ago. Try again.")
        reply_to = f"tradehub:answer:{uuid4().hex}"
        message = {
            "account_id": self._account_id,
            "question": question,
            "given": to_plain(given),
            "reply_to": reply_to,
        }
        try:
            mailbox.post(message)
            said = mailbox.wait(reply_to, ASK_SECONDS)
        except (RedisError, OSError, OperationalError) as error:
            raise NotSent("The workers can't be asked: Redis does not answer.") from error
        if said is None:
            _quiet_until[self._account_id] = time.monotonic() + QUIET_SECONDS
            log.warning("venue_not_asked", account=self._account_id, question=question)
            raise NotSent(f"No worker answered within {ASK_SECONDS:.0f} s. Try again soon.")
        return _read(question, said)


# ---- at the worker ----


def _plain(symbols: Collection[str] | None) -> list[str] | None:
    return None if symbols is None else sorted(symbols)


def answer(broker: Broker, question: str, given: Sequence[Any]) -> str:
    """What the broker says, or which error it raised, as JSON."""
    if question not in QUESTIONS:
        raise ValueError(f"{question!r} is no question.")
    method = getattr(broker, question)
    kinds = [hint for name, hint in _hints(question).items() if name != "return"]
    arguments = [from_plain(kind, each) for kind, each in zip(kinds, given, strict=True)]
    try:
        return json.dumps({"answer": to_plain(method(*arguments))})
    except BrokerError as error:
        return failure(error)


def failure(error: BrokerError) -> str:
    said: dict[str, Any] = {
        "error": type(error).__name__,
        "text": error.text,
        "venue_code": error.venue_code,
    }
    if isinstance(error, RateLimited):
        said["retry_after"] = error.retry_after
    return json.dumps(said)


def _read(question: str, said: bytes) -> Any:
    found = json.loads(said)
    if "error" not in found:
        return from_plain(_hints(question)["return"], found["answer"])
    more = {"retry_after": found["retry_after"]} if "retry_after" in found else {}
    kind = _ERRORS.get(found["error"], OutcomeUnknown)
    raise kind(found["text"], venue_code=found["venue_code"], **more)


def _hints(question: str) -> dict[str, Any]:
    return get_type_hints(getattr(Broker, question))
