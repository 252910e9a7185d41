"""A process that serves pages speaks to real venues through a worker, and opens no credential."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from redis import RedisError

from brokers import asking, tasks
from brokers.base import Broker
from brokers.credentials import open_credentials
from brokers.encoding import from_plain, to_plain
from brokers.errors import (
    AnotherAccount,
    BadCredentials,
    BrokerError,
    NotSent,
    RateLimited,
    Unsupported,
)
from brokers.models import BrokerAccount
from brokers.paper.adapter import PaperBroker
from brokers.registry import connect
from brokers.tests.builders import NOW, open_stub_account, request, use_stub
from brokers.tests.stub_venue.adapter import scripts
from brokers.types import (
    AccountState,
    Capabilities,
    FillReport,
    OrderReport,
    Quote,
    ReportStatus,
    VenuePosition,
)
from tradehub.core.words import OrderSide, OrderType, TimeInForce


class Worker:
    """Stands in for queue and Redis: the task runs at once, in what is no pages' process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.answers: dict[str, Any] = {}
        self.posted: list[str] = []
        self.deaf = False
        monkeypatch.setattr(tasks, "redis_client", lambda: self)
        monkeypatch.setattr(asking, "mailbox", self)

    def post(self, message: Mapping[str, Any]) -> None:
        self.posted.append(json.dumps(message))
        if self.deaf:
            return
        self.monkeypatch.setattr(asking, "_pages", False)
        tasks.ask_venue(**json.loads(self.posted[-1]))
        self.monkeypatch.setattr(asking, "_pages", True)

    def wait(self, reply_to: str, seconds: float) -> Any:
        return self.answers.get(reply_to)

    def pipeline(self) -> "Worker":
        return self

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None: ...

    def rpush(self, name: str, value: str) -> None:
        self.answers[name] = value.encode()

    def expire(self, name: str, seconds: int) -> None: ...

    def execute(self) -> None: ...


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Worker:
    use_stub(settings)
    monkeypatch.setattr(asking, "_quiet_until", {})
    return Worker(monkeypatch)


@pytest.fixture
def account(alice: Any, worker: Worker) -> BrokerAccount:
    made = open_stub_account(alice)
    asking.serve_pages()
    return made


def test_the_worker_is_asked_and_says_what_the_venue_says(account: BrokerAccount) -> None:
    scripts["k1"].venue_account_id = "uid-7"
    broker = connect(account, now=lambda: NOW)
    assert isinstance(broker, asking.AskingBroker)
    assert broker.account().equity == Decimal(1000)
    assert broker.account().venue_account_id == "uid-7"
    assert broker.positions() == [VenuePosition("BTCUSDT", Decimal("0.10"), Decimal(50_000))]
    assert broker.quote("BTCUSDT").ask == Decimal("10.5")  # type: ignore[union-attr]  # it has one
    assert broker.quote("ETHUSDT") is None
    assert list(broker.quotes(["BTCUSDT", "ETHUSDT"])) == ["BTCUSDT"]


def test_no_secret_goes_into_the_queue_or_comes_back(
    account: BrokerAccount, worker: Worker
) -> None:
    connect(account).account()
    said = " ".join(worker.posted) + str(worker.answers)
    assert "secret of k1" not in said
    assert account.sealed_credentials not in said


def test_credentials_can_not_be_opened_there(account: BrokerAccount) -> None:
    with pytest.raises(RuntimeError, match="not opened"):
        open_credentials(account)


def test_orders_do_not_leave_from_there(account: BrokerAccount) -> None:
    broker = connect(account)
    with pytest.raises(Unsupported):
        broker.submit(request())
    with pytest.raises(Unsupported):
        broker.cancel("order1")


@pytest.mark.parametrize(
    "error",
    [
        BadCredentials("Invalid API-key.", venue_code="-2015"),
        RateLimited("Too many.", retry_after=7.5, venue_code="-1003"),
        NotSent("no route"),
        AnotherAccount("uid-8"),
    ],
)
def test_what_the_adapter_raises_is_raised_there(
    account: BrokerAccount, error: BrokerError
) -> None:
    scripts["k1"].error = error
    with pytest.raises(type(error)) as caught:
        connect(account).account()
    assert (caught.value.text, caught.value.venue_code) == (error.text, error.venue_code)
    if isinstance(error, RateLimited):
        assert caught.value.retry_after == 7.5  # type: ignore[attr-defined]  # RateLimited


def test_when_nobody_answers_it_is_said_and_the_next_question_does_not_wait(
    account: BrokerAccount, worker: Worker
) -> None:
    worker.deaf = True
    with pytest.raises(NotSent, match="No worker answered"):
        connect(account).account()
    with pytest.raises(NotSent, match="some seconds ago"):
        connect(account).positions()
    assert len(worker.posted) == 1


def test_a_dead_redis_is_said(account: BrokerAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def post(self, message: Mapping[str, Any]) -> None:
            raise RedisError("gone")

    monkeypatch.setattr(asking, "mailbox", Dead())
    with pytest.raises(NotSent, match="Redis"):
        connect(account).account()


def test_a_kind_whose_room_is_full_is_told_so(
    account: BrokerAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brokers.room import Room

    full = Room(0)
    monkeypatch.setattr(tasks, "room", full)
    with pytest.raises(NotSent, match="busy"):
        connect(account).account()


def test_paper_is_its_own_venue_and_asks_nobody(alice: Any, worker: Worker) -> None:
    asking.serve_pages()
    paper = connect(BrokerAccount(id="acc_1", kind="paper"))
    assert isinstance(paper, PaperBroker)
    assert worker.posted == []


def test_only_questions_are_answered(account: BrokerAccount) -> None:
    with pytest.raises(ValueError, match="no question"):
        asking.answer(connect(account), "submit", [])


def test_every_answer_survives_the_way() -> None:
    """Of each type that a question's answer is made of, with all of its fields set."""
    fill = FillReport(
        "f1", "c1", "BTCUSDT", OrderSide.BUY, Decimal("0.1"), Decimal(1000), Decimal(0), "BNB",
        NOW, "v1",
    )  # fmt: skip
    report = OrderReport(
        "c1", "v1", "BTCUSDT", OrderSide.SELL, ReportStatus.FILLED, Decimal(1), Decimal(1), NOW,
        (fill,), "-1", "text", OrderType.LIMIT, TimeInForce.GTC, Decimal(5), None,
    )  # fmt: skip
    able = Capabilities(frozenset(), frozenset(), shorts=False, linked_orders=True)
    state = AccountState(Decimal("1.1"), Decimal(2), Decimal(3), "USD", NOW, "uid")
    quote = Quote("A", Decimal(1), Decimal(2), Decimal("1.5"), NOW, "stub")
    for kind, value in (
        (list[OrderReport], [report, replace(report, fills=())]),
        (OrderReport | None, None),
        (list[FillReport], [fill]),
        (Capabilities, able),
        (AccountState, state),
        (dict[str, Quote], {"A": quote}),
    ):
        there = json.loads(json.dumps(to_plain(value)))
        assert from_plain(kind, there) == value
        assert repr(from_plain(kind, there)) == repr(value)  # enumerations too


def test_every_question_has_types_that_can_be_sent() -> None:
    plain = {str, datetime, Decimal, bool, int, type(None)}
    for question in asking.QUESTIONS:
        for hint in asking._hints(question).values():
            if get_origin(hint) is None and not isinstance(hint, UnionType):
                assert hint in plain or hasattr(hint, "__dataclass_fields__"), (question, hint)
            else:
                assert get_args(hint), (question, hint)
    every = Capabilities(frozenset(OrderType), frozenset(TimeInForce), True, linked_orders=True)
    assert from_plain(Capabilities, json.loads(json.dumps(to_plain(every)))) == every
    asked = {name for name in vars(Broker) if not name.startswith("_")}
    assert asked - asking.QUESTIONS == {"submit", "cancel", "observe"}
