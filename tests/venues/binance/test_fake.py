"""The fake checks what Binance checks, and says it in Binance's words: spoken to without an SDK."""

import json
import urllib.error
import urllib.request
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.venues.binance.fixtures import KEY, SECRET, SpotVenue
from tests.venues.binance.security import signature
from tests.venues.binance.shapes import milliseconds
from tests.venues.binance.venue import filters

Said = tuple[int, Any, dict[str, str]]


def call(
    there: SpotVenue, method: str, path: str, *, secret: str = SECRET, key: str = KEY, **params: Any
) -> Said:
    """Signed, with a good timestamp unless one is given; `signature` replaces the right one."""
    given = {name: text for name, text in params.items() if name != "signature"}
    given.setdefault("timestamp", milliseconds(there.venue.now()))
    raw = urlencode({name: text for name, text in given.items() if text is not None})
    raw += "&signature=" + params.get("signature", signature(secret, raw))
    return send(there, method, path, raw, key)


def send(there: SpotVenue, method: str, path: str, raw: str, key: str = KEY) -> Said:
    address = f"{there.server.url}{path}"
    body = None if method == "GET" else raw.encode()
    request = urllib.request.Request(
        f"{address}?{raw}" if method == "GET" else address,
        data=body,
        method=method,
        headers={"X-MBX-APIKEY": key, "Connection": "close"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read()), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), dict(error.headers)


def place(there: SpotVenue, **params: Any) -> Said:
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1",
             "newClientOrderId": "id-1", **params}  # fmt: skip
    return call(there, "POST", "/api/v3/order", **asked)


def refused(said: Said) -> tuple[int, int, str]:
    return said[0], said[1]["code"], said[1]["msg"]


@pytest.fixture
def there(spot_venue: SpotVenue) -> SpotVenue:
    spot_venue.open(USDT="1000", BTC="1")
    return spot_venue


def test_the_signature_is_that_of_both_published_examples() -> None:
    spot = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        "&timestamp=1499827319559"
    )
    assert signature("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j", spot) == (
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    )
    futures = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943"
    )
    assert signature(
        "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9", futures
    ) == ("3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9")


def test_the_signature_is_over_query_and_body_with_nothing_between(there: SpotVenue) -> None:
    query = "symbol=BTCUSDT&side=BUY&type=MARKET"
    body = f"quantity=1&newClientOrderId=two&timestamp={milliseconds(there.venue.now())}"
    signed = f"{body}&signature={signature(SECRET, query + body)}"
    assert send(there, "POST", f"/api/v3/order?{query}", signed)[0] == 200
    wrong = f"{body}&signature={signature(SECRET, f'{query}&{body}')}"
    said = refused(send(there, "POST", f"/api/v3/order?{query}", wrong))
    assert said == (400, -1022, "Signature for this request is not valid.")


def test_who_asks_is_checked(there: SpotVenue) -> None:
    path = "/api/v3/account"
    assert refused(call(there, "GET", path, secret="another"))[:2] == (400, -1022)
    assert refused(call(there, "GET", path, key="nobody"))[:2] == (401, -2015)
    assert refused(call(there, "GET", path, key="not a key"))[:2] == (401, -2014)
    assert call(there, "GET", path, signature=signature(SECRET, "x").upper())[0] == 400


@pytest.mark.parametrize(
    ("off", "window", "taken"),
    [(0, None, True), (999, None, True), (1000, None, False), (-4900, None, True),
     (-5100, None, False), (-5100, 6000, True), (0, 60001, False)],
)  # fmt: skip
def test_a_timestamp_is_taken_within_its_window(
    there: SpotVenue, off: int, window: int | None, taken: bool
) -> None:
    at = there.venue.now()
    there.venue.clock = lambda: at
    stamp = milliseconds(at) + off
    said = call(there, "GET", "/api/v3/account", timestamp=stamp, recvWindow=window)
    assert (said[0] == 200) is taken
    if not taken and window is None:
        assert said[1]["code"] == -1021


def test_money_is_locked_while_an_order_rests_and_free_again_after(there: SpotVenue) -> None:
    def usdt() -> tuple[str, str]:
        held = call(there, "GET", "/api/v3/account")[1]["balances"]
        found = next(each for each in held if each["asset"] == "USDT")
        return found["free"], found["locked"]

    rests = {"type": "LIMIT", "timeInForce": "GTC", "price": "90", "quantity": "10"}
    assert place(there, **rests)[0] == 200
    assert usdt() == ("100.00000000", "900.00000000")
    assert refused(place(there, newClientOrderId="id-2", quantity="2"))[1] == -2010
    ended = call(there, "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="id-1")
    assert (ended[1]["status"], ended[1]["origClientOrderId"]) == ("CANCELED", "id-1")
    assert ended[1]["clientOrderId"] != "id-1"
    assert usdt() == ("1000.00000000", "0.00000000")


def test_a_fill_costs_what_it_says_and_the_fee_is_taken_from_what_was_bought(
    there: SpotVenue,
) -> None:
    there.venue.set_price("BTCUSDT", "100", bid="99", ask="101")
    said = place(there, quantity="2")[1]
    assert (said["status"], said["cummulativeQuoteQty"], said["price"]) == (
        "FILLED", "202.00000000", "0.00000000"
    )  # fmt: skip
    (fill,) = said["fills"]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00200000", "BTC")
    held = {x["asset"]: x["free"] for x in call(there, "GET", "/api/v3/account")[1]["balances"]}
    assert held == {"USDT": "798.00000000", "BTC": "2.99800000"}


def test_an_id_is_taken_while_its_order_works_and_free_when_it_has_ended(there: SpotVenue) -> None:
    rests = {"type": "LIMIT", "timeInForce": "GTC", "price": "90"}
    place(there, **rests)
    assert refused(place(there)) == (400, -2010, "Duplicate order sent.")
    there.venue.set_price("BTCUSDT", "90")
    second = place(there)
    assert (second[0], second[1]["orderId"]) == (200, 2)  # a new order: both have filled


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "6000.1"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
        ({"quantity": "0.04"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "1.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "1e-05"}, -1100, "Illegal characters found in parameter 'quantity'"),
        ({"quantity": ""}, -1102, "Mandatory parameter 'quantity'"),
        ({"price": "90"}, -1106, "Parameter 'price' sent when not required."),
        ({"timeInForce": "GTC"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"trailing": "1"}, -1104, "Not all sent parameters were read"),
        ({"type": "LIMIT"}, -1102, "Mandatory parameter 'price'"),
        ({"type": "MOON"}, -1116, "Invalid orderType."),
        ({"side": "UP"}, -1117, "Invalid side."),
        ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ({"newClientOrderId": "a/b"}, -1100, "Illegal characters found in parameter 'newClient"),
        ({"newClientOrderId": "x" * 37}, -1100, "Illegal characters"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "90.001"}, -1013, "Filter failure"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "10"}, -1013, "Filter failure: PERCENT"),
        ({"type": "LIMIT", "timeInForce": "DAY", "price": "90"}, -1115, "Invalid timeInForce."),
        ({"type": "STOP_LOSS", "stopPrice": "95"}, -2010, "Order would trigger immediately."),
        ({"type": "STOP_LOSS", "stopPrice": "105", "side": "SELL"}, -2010, "Order would trigger"),
        ({"quantity": "100"}, -2010, "Account has insufficient balance for requested action."),
        ({"side": "SELL", "quantity": "2"}, -2010, "Account has insufficient balance"),
    ],
)  # fmt: skip
def test_what_it_refuses_and_how_it_says_so(
    there: SpotVenue, params: dict[str, str], code: int, text: str
) -> None:
    status, said, message = refused(place(there, **params))
    assert (status, said) == (400, code)
    assert message.startswith(text)
    assert there.venue.books.accounts[KEY].orders == []


def test_filters_of_zero_are_off(there: SpotVenue) -> None:
    zero = {"minQty": "0.0", "maxQty": "0.0", "stepSize": "0.0"}
    there.venue.books.markets["BTCUSDT"].filters = filters(LOT_SIZE=zero, NOTIONAL=None)
    assert place(there, quantity="0.00000001")[0] == 200


def test_a_market_order_may_expire_with_a_part_of_it(there: SpotVenue) -> None:
    there.venue.books.markets["BTCUSDT"].depth = Decimal("0.5")
    said = place(there, quantity="2")[1]
    assert (said["status"], said["executedQty"], said["expiryReason"]) == (
        "EXPIRED", "0.50000000", "INSUFFICIENT_LIQUIDITY"
    )  # fmt: skip


def test_a_closed_market_and_a_type_it_lacks_are_refused(there: SpotVenue) -> None:
    market = there.venue.books.markets["BTCUSDT"]
    market.status = "BREAK"
    assert refused(place(there)) == (400, -2010, "Market is closed.")
    market.status, market.types = "TRADING", ("LIMIT",)
    assert refused(place(there))[2] == "Market orders are not supported for this symbol."


def test_trades_and_orders_are_listed_by_symbol_in_pages(there: SpotVenue) -> None:
    for number in range(3):
        place(there, newClientOrderId=f"id-{number}", quantity="0.5")
    place(there, newClientOrderId="other", symbol="ETHUSDT", quantity="1")
    trades = call(there, "GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=2, limit=1)[1]
    assert [(each["id"], each["orderId"]) for each in trades] == [(2, 2)]
    orders = call(there, "GET", "/api/v3/allOrders", symbol="BTCUSDT", orderId=2)[1]
    assert [each["clientOrderId"] for each in orders] == ["id-1", "id-2"]
    other = call(there, "GET", "/api/v3/myTrades", symbol="ETHUSDT")[1]
    assert (other[0]["id"], other[0]["orderId"]) == (1, 1)  # counted for each symbol
    assert call(there, "GET", "/api/v3/myTrades")[1]["code"] == -1121
    long: dict[str, Any] = {"startTime": 1, "endTime": 2 + 24 * 3600 * 1000}
    assert call(there, "GET", "/api/v3/allOrders", symbol="BTCUSDT", **long)[1]["code"] == -1127


def test_what_is_not_there_is_denied_in_two_ways(there: SpotVenue) -> None:
    named = {"symbol": "BTCUSDT", "origClientOrderId": "nobody"}
    assert refused(call(there, "GET", "/api/v3/order", **named)) == (
        400, -2013, "Order does not exist."
    )  # fmt: skip
    assert refused(call(there, "DELETE", "/api/v3/order", **named)) == (
        400, -2011, "Unknown order sent."
    )  # fmt: skip


def test_an_order_can_be_denied_for_a_while(there: SpotVenue) -> None:
    at = there.venue.now()
    there.venue.clock = lambda: at
    there.venue.books.accounts[KEY].order_lag = 10
    place(there)
    named = {"symbol": "BTCUSDT", "origClientOrderId": "id-1"}
    assert call(there, "GET", "/api/v3/order", **named)[1]["code"] == -2013
    there.venue.clock = lambda: at + timedelta(seconds=10)
    assert call(there, "GET", "/api/v3/order", **named)[1]["status"] == "FILLED"


def test_weights_are_counted_and_whoever_goes_on_is_banned(there: SpotVenue) -> None:
    at = there.venue.now()
    there.venue.clock = lambda: at
    headers = call(there, "GET", "/api/v3/account")[2]
    assert headers["X-MBX-USED-WEIGHT-1M"] == "20"
    assert call(there, "GET", "/api/v3/openOrders")[2]["X-MBX-USED-WEIGHT-1M"] == "100"
    there.venue.weight_limit = 100
    first = call(there, "GET", "/api/v3/account")
    assert (first[0], first[1]["code"], first[2]["Retry-After"]) == (429, -1003, "30")
    later = [call(there, "GET", "/api/v3/account")[0] for _ in range(3)]
    assert later[-1] == 418


def test_public_questions_need_no_key_and_one_unknown_name_spoils_them(there: SpotVenue) -> None:
    path = "/api/v3/ticker/price"
    assert send(there, "GET", path, "symbol=BTCUSDT", key="")[1]["price"] == "100.00000000"
    assert len(send(there, "GET", path, "", key="")[1]) == 4
    both = urlencode({"symbols": '["BTCUSDT","NOSUCH"]'})
    assert send(there, "GET", path, both, key="")[1]["code"] == -1121
    rules = send(there, "GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT", key="")[1]
    assert rules["symbols"][0]["filters"][1]["filterType"] == "LOT_SIZE"
