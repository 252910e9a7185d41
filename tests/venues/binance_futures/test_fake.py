"""The futures fake itself: it refuses what Binance refuses, asked with a hand-made request."""

from typing import Any

import pytest
import requests

from tests.venues.binance.security import signature
from tests.venues.binance.shapes import milliseconds
from tests.venues.binance_futures.books import Account
from tests.venues.binance_futures.fixtures import KEY, SECRET, FuturesVenue

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1",
         "newClientOrderId": "a"}  # fmt: skip
STOP = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "quantity": "1", "triggerPrice": "95", "clientAlgoId": "a"}  # fmt: skip


def ask(there: FuturesVenue, method: str, path: str, **params: Any) -> Any:
    said = {**params, "timestamp": milliseconds(there.venue.now()), "recvWindow": 5000}
    payload = "&".join(f"{name}={value}" for name, value in said.items() if value is not None)
    payload += f"&signature={signature(SECRET, payload)}"
    url = f"{there.server.url}/fapi/v1/{path}?{payload}"
    answer = requests.request(method, url, headers={"X-MBX-APIKEY": KEY}, timeout=5)
    return answer.json()


def code(there: FuturesVenue, method: str, path: str, **params: Any) -> Any:
    return ask(there, method, path, **params).get("code")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "STOP_MARKET", "stopPrice": "95"}, -4120),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -4120),
        ({"positionSide": "LONG"}, -4061),
        ({"reduceOnly": "true"}, -2022),
        ({"type": "LIMIT", "price": "90"}, -1102),
        ({"price": "90"}, -1106),
        ({"quantity": "1e-05"}, -1100),
        ({"quantity": "0.0001"}, -4004),
        ({"quantity": "1.0001"}, -4023),
        ({"quantity": "6001"}, -4005),
        ({"quantity": "0.04"}, -4164),
        ({"quantity": "5000"}, -2019),
        ({"symbol": "NOSUCH"}, -1121),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "100.05"}, -4014),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "501"}, -4016),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused(
    futures_venue: FuturesVenue, there: Account, change: dict[str, str], expected: int
) -> None:
    there.setting("BTCUSDT").leverage = 1
    assert code(futures_venue, "POST", "order", **(ORDER | change)) == expected
    assert there.orders == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "LIMIT"}, -1116),
        ({"algoType": "VP"}, -1102),
        ({"triggerPrice": "101"}, -2021),
        ({"closePosition": "true"}, -4137),
        ({"closePosition": "true", "quantity": None, "reduceOnly": "true"}, -4138),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "11", "triggerPrice": None}, -2007),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -1106),
        ({"triggerPrice": None}, -1102),
    ],
)
def test_a_conditional_order_that_breaks_a_rule_is_refused(
    futures_venue: FuturesVenue, there: Account, change: dict[str, Any], expected: int
) -> None:
    assert code(futures_venue, "POST", "algoOrder", **(STOP | change)) == expected
    assert there.algos == []


def test_in_hedge_mode_nothing_reduces_by_a_parameter(
    futures_venue: FuturesVenue, there: Account
) -> None:
    there.hedged = True
    assert code(futures_venue, "POST", "order", **ORDER) == -4061
    for path, given in (("order", ORDER), ("algoOrder", STOP)):
        more = given | {"positionSide": "LONG", "reduceOnly": "true"}
        assert code(futures_venue, "POST", path, **more) == -1106
    closing = ORDER | {"side": "SELL", "positionSide": "LONG"}
    assert code(futures_venue, "POST", "order", **closing) == -2022


def test_a_conditional_order_is_not_in_the_ordinary_book(
    futures_venue: FuturesVenue, there: Account
) -> None:
    there.setting("BTCUSDT").leverage = 1
    ask(futures_venue, "POST", "order", **ORDER)
    placed = ask(futures_venue, "POST", "algoOrder", **(STOP | {"reduceOnly": "true"}))
    assert "orderId" not in placed
    assert "actualOrderId" not in placed
    assert code(futures_venue, "POST", "algoOrder", **STOP) == -4116
    by_id = {"symbol": "BTCUSDT", "origClientOrderId": "a"}
    assert ask(futures_venue, "GET", "order", **by_id)["type"] == "MARKET"
    assert ask(futures_venue, "GET", "openOrders") == []
    assert [each["clientAlgoId"] for each in ask(futures_venue, "GET", "openAlgoOrders")] == ["a"]
    futures_venue.venue.set_price("BTCUSDT", "94")
    found = ask(futures_venue, "GET", "algoOrder", clientAlgoId="a")
    assert (found["algoStatus"], found["actualOrderId"]) == ("FINISHED", "2")
    assert code(futures_venue, "DELETE", "algoOrder", clientAlgoId="a") == -2011


def test_margin_profit_and_fees_add_up(futures_venue: FuturesVenue, there: Account) -> None:
    """Long 2 from 100 to 110, then short 1 with it: at a leverage of ten."""
    there.setting("BTCUSDT").leverage = 10
    answer = ask(futures_venue, "POST", "order", **(ORDER | {"quantity": "2"}))
    assert "avgPrice" not in answer
    books = futures_venue.venue.books
    assert books.available(there, "USDT") == 30_000 - 20 - there.orders[0].trades[0].fee
    futures_venue.venue.set_price("BTCUSDT", "110")
    assert books.unrealized(there, "USDT") == 20
    flip = ORDER | {"side": "SELL", "quantity": "3", "newClientOrderId": "b"}
    ask(futures_venue, "POST", "order", **flip)
    (trade,) = there.orders[1].trades
    assert trade.realized == 20
    position = there.position("BTCUSDT")
    assert (position.amount, position.entry) == (-1, 110)
    fees = sum(each.trades[0].fee for each in there.orders)
    assert there.wallets["USDT"] == 30_020 - fees
