"""Once: copies, order of alerts, and kill -9 between the answer and the fill. From outside."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.hub import RunningHub

pytestmark = pytest.mark.processes

_numbers = count(1)


def new_symbol() -> str:
    """One that no other test uses: TA, TB, …"""
    number, letters = next(_numbers), ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return f"T{letters}"


def orders_of(hub: RunningHub, demo: dict[str, Any], symbol: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found = hub.get(f"/api/v1/orders/?symbol={symbol}", key=demo["api_key"])
    assert found.status == 200, found.body
    return list(reversed(found.json["results"]))


def all_filled(hub: RunningHub, demo: dict[str, Any], symbol: str, many: int) -> bool:
    orders = orders_of(hub, demo, symbol)
    return len(orders) == many and all(order["status"] == "filled" for order in orders)


FORMS: list[dict[str, Any]] = [
    {
        "passphrase": "x",
        "ticker": "AAPL",
        "action": "BUY",
        "quantity": 10,
        "price": 150.5,
        "order_type": "MARKET",
        "stop_loss": 145,
        "take_profit": 160,
        "time_in_force": "DAY",
    },
    {
        "action": "buy",
        "symbol": "BTCUSDT",
        "quantity": 0.001,
        "price": 45000,
        "strategy": "ALSAPRO 1",
        "time": "2024-01-01T12:00:00Z",
    },
    {
        "symbol": "TCS",
        "exchange": "NSE",
        "action": "BUY",
        "price": 3500,
        "stop_loss": 3462.5,
        "target": 3593.75,
        "conviction": "MEDIUM",
        "timeframe": "15m",
        "strategy": "BB_MTF",
        "api_key": "y",
    },
    {
        "ticker": "BTCUSDT",
        "action": "buy",
        "order_type": "market",
        "quantity": 0.001,
        "price": 50000,
        "strategy": "s",
    },
    {
        "ticker": "ETHUSDT",
        "action": "buy",
        "sentiment": "long",
        "market_position": "long",
        "prev_market_position": "flat",
        "position_size": "1",
        "contracts": "1",
        "price": "2400.5",
        "time": "2026-01-05T10:00:00Z",
    },
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(list(form)[:3]))
def test_case_07_a_dialect_is_read_the_same_however_it_is_sent(
    hub: RunningHub, demo: dict[str, Any], form: dict[str, Any]
) -> None:
    path = f"/api/v1/signals/preview/?strategy={demo['strategy_id']}"
    body = json.dumps(form).encode()
    answers = [
        hub.post(path, body, key=demo["api_key"], content_type="application/json"),
        hub.post(path, body, key=demo["api_key"], content_type="text/plain"),
        hub.post(path, body, key=demo["api_key"]),
        hub.post(path, b"\xef\xbb\xbf" + body, key=demo["api_key"], content_type="text/plain"),
    ]
    assert [answer.status for answer in answers] == [200] * 4, answers[0].body
    intents = [answer.json["intents"] for answer in answers]
    assert len(intents[0]) == 1
    assert intents[0][0]["verb"] == "enter"
    assert intents[0][0]["side"] == "long"
    assert all(each == intents[0] for each in intents)


def test_case_04_fifty_copies_at_once_make_one_order(hub: RunningHub, demo: dict[str, Any]) -> None:
    symbol = new_symbol()
    alert = {"symbol": symbol, "action": "buy", "quantity": 1, "price": 100, "alert_id": symbol}
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: hub.alert(demo["webhook_token"], alert), range(50)))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [202]
    assert {answer.json["status"] for answer in answers} == {"accepted", "duplicate"}
    assert len({answer.json["signal_id"] for answer in answers}) == 1
    hub.until(lambda: all_filled(hub, demo, symbol, 1), what="one filled order")
    signal_id = answers[0].json["signal_id"]
    stored = hub.get(f"/api/v1/signals/{signal_id}/", key=demo["api_key"]).json
    assert stored["deliveries"] == 50


def test_two_alerts_in_one_second_make_two_orders_in_order(
    hub: RunningHub, demo: dict[str, Any]
) -> None:
    symbol = new_symbol()
    for action in ("buy", "sell"):
        alert = {"symbol": symbol, "action": action, "quantity": 1, "price": 100}
        assert hub.alert(demo["webhook_token"], alert).status == 202
    hub.until(lambda: all_filled(hub, demo, symbol, 2), what="two filled orders")
    first, second = orders_of(hub, demo, symbol)
    assert (first["side"], first["role"]) == ("buy", "entry")
    assert (second["side"], second["role"]) == ("sell", "exit")
    assert first["submitted_at"] < second["submitted_at"]


@pytest.mark.parametrize("victims", [("worker",), ("redis",), ("worker", "redis")], ids="+".join)
def test_case_02_kill_9_between_the_answer_and_the_fill(
    hub: RunningHub, demo: dict[str, Any], victims: tuple[str, ...]
) -> None:
    """Stopped first, so that the alert is surely answered before anything could fill it."""
    symbol = new_symbol()
    children = hub.until(lambda: len(hub.children()) >= 5 and hub.children(), what="children")
    for name in victims:
        os.kill(children[name], signal.SIGSTOP)
    alert = {"symbol": symbol, "action": "buy", "quantity": 1, "price": 100}
    answer = hub.alert(demo["webhook_token"], alert)
    for name in victims:
        os.kill(children[name], signal.SIGKILL)
    assert answer.status == 202
    hub.until(lambda: all_filled(hub, demo, symbol, 1), what="one filled order")
    hub.wait_ready()
    assert all_filled(hub, demo, symbol, 1)
    positions = hub.get(f"/api/v1/positions/?symbol={symbol}", key=demo["api_key"]).json
    assert [each["quantity"] for each in positions["results"]] == ["1"]
