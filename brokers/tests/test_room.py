from typing import Any

import pytest
from celery import current_app

from brokers import room
from brokers.models import BrokerAccount

ACCOUNT = BrokerAccount(id="acc_1", kind="alpaca")


def visited(account: BrokerAccount | None) -> list[str]:
    done: list[str] = []
    room.visit(account, lambda each: done.append(f"looked at {each.pk}"), done.append)
    return done


def test_an_account_is_looked_at_while_there_is_room_for_its_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = room.Room(1)
    monkeypatch.setattr(room, "room", small)
    assert visited(ACCOUNT) == ["looked at acc_1"]
    with small.place("alpaca"):
        assert visited(ACCOUNT) == ["acc_1"], "it comes back"
        assert visited(BrokerAccount(id="acc_2", kind="paper")) == ["looked at acc_2"]
    assert visited(ACCOUNT) == ["looked at acc_1"]


def test_one_that_has_gone_is_not_looked_for() -> None:
    assert visited(None) == []


def test_each_is_handed_out_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any, Any]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, args, queue, **_: sent.append((name, args, queue))
    )
    room.hand_out("a.task", ["acc_1", "acc_2"])
    assert sent == [("a.task", ("acc_1",), "background"), ("a.task", ("acc_2",), "background")]
