"""What streams say, read frame by frame: the documented shapes, and what none of them is."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.alpaca import parsing as alpaca_parsing
from brokers.binance import futures_parsing
from brokers.binance.parsing import order_report
from brokers.streams import alpaca_frames, binance_futures_frames, binance_spot_frames
from brokers.streams.alpaca_frames import AlpacaDialect
from brokers.streams.binance_spot_frames import SpotDialect, order_of, signature, trade_of
from brokers.streams.pace import Pace
from brokers.streams.protocol import Look, Over, Ready, Refused, Say, Told
from brokers.types import ReportStatus

EXECUTION: dict[str, Any] = {
    "e": "executionReport", "E": 1499405658658, "s": "ETHBTC", "c": "ours1", "S": "BUY",
    "o": "LIMIT", "f": "GTC", "q": "3.00000000", "p": "0.10264410", "P": "0.00000000",
    "F": "0.00000000", "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 4293153,
    "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None,
    "T": 1499405658657, "t": -1, "I": 8641984, "w": True, "m": False, "M": False,
    "O": 1499405658657, "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000",
    "W": 1499405658657, "V": "NONE",
}  # fmt: skip
TRADE = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "1.00000000", "z": "1.00000000",
         "L": "0.10264000", "n": "0.00100000", "N": "ETH", "t": 77}  # fmt: skip


def spot() -> SpotDialect:
    return SpotDialect("key1", "sesame")


def frame(**said: Any) -> str:
    return json.dumps(said)


# ---- Binance spot ----


def test_spot_asks_the_time_and_signs_with_it() -> None:
    dialect = spot()
    (first,) = dialect.greeting()
    assert json.loads(first) == {"id": "time", "method": "time", "params": {}}
    (said,) = dialect.hear(frame(id="time", status=200, result={"serverTime": 1700000000123}))
    assert isinstance(said, Say)
    asked = json.loads(said.text)
    assert asked["method"] == "userDataStream.subscribe.signature"
    params = asked["params"]
    given = params.pop("signature")
    assert params == {"apiKey": "key1", "recvWindow": 5000, "timestamp": 1700000000123}
    assert given == signature("sesame", params)
    assert "sesame" not in said.text
    assert dialect.hear(frame(id="subscribe", status=200, result={"subscriptionId": 0})) == [
        Ready()
    ]


def test_a_signature_is_over_the_sorted_parameters() -> None:
    """The example of Binance's own pages for signed requests of the WebSocket API."""
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "newOrderRespType": "ACK",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    }
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    assert (
        signature(secret, params)
        == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"
    )


@pytest.mark.parametrize(
    ("status", "error", "code", "seconds"),
    [
        (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
         "BAD_CREDENTIALS", 300),
        (400, {"code": -1022, "msg": "Signature for this request is not valid."},
         "BAD_CREDENTIALS", 300),
        (429, {"code": -1003, "msg": "Too much request weight used.",
               "data": {"serverTime": 1000, "retryAfter": 31000}}, "VENUE_RATE_LIMITED", 30),
        (418, {"code": -1003, "msg": "Way too much"}, "VENUE_RATE_LIMITED", 60),
        (400, {"code": -1021, "msg": "Timestamp"}, "VENUE_REJECTED", 60),
        (400, {"code": -9999, "msg": "new"}, "VENUE_REJECTED", 60),
        (500, None, "OUTCOME_UNKNOWN", 60),
    ],
)  # fmt: skip
def test_spot_refusals(status: int, error: Any, code: str, seconds: float) -> None:
    said = spot().hear(frame(id="subscribe", status=status, error=error))
    assert said == [Refused(code, seconds)]


@pytest.mark.parametrize("kind", binance_spot_frames.LAST_WORDS)
def test_spot_says_when_it_ends(kind: str) -> None:
    assert spot().hear(frame(subscriptionId=0, event={"e": kind, "E": 1})) == [Over(kind)]
    assert spot().hear(frame(e=kind, E=1)) == [Over(kind)]


def test_spot_tells_of_orders_and_balances_say_nothing() -> None:
    assert spot().hear(frame(subscriptionId=0, event=EXECUTION)) == [Told(EXECUTION)]
    for kind in ("outboundAccountPosition", "balanceUpdate", "listStatus", "somethingNew"):
        assert spot().hear(frame(subscriptionId=0, event={"e": kind})) == []


@pytest.mark.parametrize("text", ["", "[]", "{", "null", b"\xff", '{"event": 3}', "[" * 5000])
def test_what_is_no_frame_is_a_reason_to_look(text: Any) -> None:
    assert spot().hear(text) == [Look()]
    assert AlpacaDialect("k", "s").hear(text) == [Look()]


def test_spot_time_that_cant_be_read_ends_the_connection() -> None:
    (said,) = spot().hear(frame(id="time", status=200, result={"serverTime": "soon"}))
    assert isinstance(said, Over)


def test_a_new_order_is_an_open_one() -> None:
    report = order_report(order_of(EXECUTION), ())
    assert (report.status, report.client_order_id) == (ReportStatus.OPEN, "ours1")
    assert (report.venue_order_id, report.quantity) == ("ETHBTC:4293153", 3)
    assert trade_of(EXECUTION) is None


def test_a_trade_is_told_as_my_trades_tells_it() -> None:
    event = EXECUTION | TRADE
    report = order_report(order_of(event), ())
    assert (report.status, report.filled_quantity) == (ReportStatus.PARTIALLY_FILLED, 1)
    assert trade_of(event) == {
        "symbol": "ETHBTC", "id": 77, "orderId": 4293153, "price": "0.10264000",
        "qty": "1.00000000", "commission": "0.00100000", "commissionAsset": "ETH",
        "time": 1499405658657, "isBuyer": True,
    }  # fmt: skip


def test_a_cancel_names_the_order_by_its_other_id() -> None:
    event = EXECUTION | {"c": "cancel7", "C": "ours1", "x": "CANCELED", "X": "CANCELED"}
    report = order_report(order_of(event), ())
    assert (report.client_order_id, report.status) == ("ours1", ReportStatus.CANCELED)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("REJECTED", ReportStatus.REJECTED),
        ("EXPIRED", ReportStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", ReportStatus.EXPIRED),
    ],
)
def test_other_ends_say_why(status: str, ours: ReportStatus) -> None:
    event = EXECUTION | {"x": "EXPIRED", "X": status, "r": "INSUFFICIENT_BALANCE"}
    report = order_report(order_of(event), ())
    assert (report.status, report.text) == (ours, "INSUFFICIENT_BALANCE")


@pytest.mark.parametrize(
    "change", [{"N": None}, {"S": "HOLD"}, {"X": "NEWER"}, {"q": "much"}, {"i": None}, {"T": "now"}]
)
def test_an_event_that_cant_be_read_is_an_error(change: dict[str, Any]) -> None:
    event = EXECUTION | TRADE | change
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_all(event)
    for name in ("c", "x", "X", "s", "z", "q", "S"):
        with pytest.raises(KeyError):
            read_all({key: value for key, value in (EXECUTION | TRADE).items() if key != name})


def read_all(event: dict[str, Any]) -> None:
    order_report(order_of(event), ())
    trade_of(event)


# ---- Alpaca ----


def test_alpaca_shows_its_key_then_listens() -> None:
    dialect = AlpacaDialect("PK1", "sesame")
    (first,) = dialect.greeting()
    data = {"key_id": "PK1", "secret_key": "sesame"}
    assert json.loads(first) == {"action": "authenticate", "data": data}
    said = {"status": "authorized", "action": "authenticate"}
    (listen,) = dialect.hear(frame(stream="authorization", data=said).encode())
    assert isinstance(listen, Say)
    assert json.loads(listen.text) == {"action": "listen", "data": {"streams": ["trade_updates"]}}
    ready = frame(stream="listening", data={"streams": ["trade_updates"]}).encode()
    assert dialect.hear(ready) == [Ready()]


def test_alpaca_refusals() -> None:
    dialect = AlpacaDialect("PK1", "sesame")
    wrong = {"status": "unauthorized", "action": "authenticate"}
    assert dialect.hear(frame(stream="authorization", data=wrong)) == [Refused("BAD_CREDENTIALS")]
    (said,) = dialect.hear(frame(stream="listening", data={"streams": [], "error": "no"}))
    assert isinstance(said, Over)


ORDER = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d", "client_order_id": "ours1",
    "created_at": "2026-03-18T15:00:00.123456789Z", "updated_at": "2026-03-18T15:00:01.5Z",
    "symbol": "BTC/USD", "qty": "3", "filled_qty": "1", "side": "buy", "type": "limit",
    "time_in_force": "gtc", "limit_price": "179.08", "stop_price": None,
    "status": "partially_filled",
}  # fmt: skip
FILL = {"event": "partial_fill", "execution_id": "2f63ea93", "price": "179.08", "qty": "1",
        "position_qty": "1", "timestamp": "2026-03-18T15:00:01.5Z", "order": ORDER}  # fmt: skip


def test_alpaca_tells_the_order_and_leaves_the_fill_to_the_list() -> None:
    (told,) = AlpacaDialect("k", "s").hear(frame(stream="trade_updates", data=FILL).encode())
    assert told == Told(FILL)
    report = alpaca_parsing.order_report(alpaca_frames.order_of(FILL))
    assert (report.client_order_id, report.symbol) == ("ours1", "BTCUSD")
    assert (report.status, report.filled_quantity) == (ReportStatus.PARTIALLY_FILLED, D(1))
    assert report.fills == ()


@pytest.mark.parametrize(
    "said",
    [
        {"stream": "trade_updates", "data": {"event": "trade_bust"}},
        {"stream": "trade_updates", "data": {"event": "fill", "order": None}},
        {"stream": "something_new", "data": {}},
        {"stream": "trade_updates"},
    ],
)
def test_alpacas_other_words_are_a_reason_to_look(said: dict[str, Any]) -> None:
    assert AlpacaDialect("k", "s").hear(json.dumps(said)) == [Look()]


# ---- Binance futures ----

FUTURES: dict[str, Any] = {
    "s": "BTCUSDT", "c": "ours1", "S": "SELL", "o": "MARKET", "f": "GTC", "q": "0.500", "p": "0",
    "ap": "0", "sp": "0", "x": "NEW", "X": "NEW", "i": 8886774, "l": "0", "z": "0", "L": "0",
    "T": 1568879465651, "t": 0, "b": "0", "a": "9.91", "m": False, "R": True,
    "ot": "MARKET", "ps": "BOTH", "cp": False, "rp": "0",
}  # fmt: skip
SALE = {"x": "TRADE", "X": "FILLED", "l": "0.500", "z": "0.500", "L": "7819.01", "t": 77,
        "n": "0.20", "N": "USDT"}  # fmt: skip


def test_futures_tell_of_orders_and_of_what_moved_in_the_algo_book() -> None:
    said = frame(e="ORDER_TRADE_UPDATE", T=1, E=1, o=FUTURES)
    assert binance_futures_frames.hear(said) == [Told(FUTURES)]
    assert binance_futures_frames.hear(frame(e="ALGO_UPDATE", o={})) == [Look()]
    assert binance_futures_frames.hear(frame(e="ORDER_TRADE_UPDATE")) == [Look()]
    assert binance_futures_frames.hear("{") == [Look()]
    assert binance_futures_frames.hear(frame(e="listenKeyExpired")) == [Over("listenKeyExpired")]
    for kind in ("ACCOUNT_UPDATE", "MARGIN_CALL", "TRADE_LITE", "somethingNew"):
        assert binance_futures_frames.hear(frame(e=kind)) == []


def test_a_futures_trade_is_told_as_user_trades_tells_it() -> None:
    event = FUTURES | SALE
    report = futures_parsing.order_report(binance_futures_frames.order_of(event), ())
    assert (report.status, report.filled_quantity) == (ReportStatus.FILLED, D("0.5"))
    assert (report.client_order_id, report.venue_order_id) == ("ours1", "BTCUSDT:8886774")
    assert binance_futures_frames.trade_of(event) == {
        "symbol": "BTCUSDT", "id": 77, "orderId": 8886774, "price": "7819.01", "qty": "0.500",
        "commission": "0.20", "commissionAsset": "USDT", "time": 1568879465651, "side": "SELL",
    }  # fmt: skip
    assert binance_futures_frames.trade_of(FUTURES) is None
    with pytest.raises(ValueError, match="without the asset"):
        binance_futures_frames.trade_of({key: event[key] for key in event if key != "N"})


@pytest.mark.parametrize("change", [{"X": "NEWER"}, {"S": "HOLD"}, {"q": "much"}, {"i": None}])
def test_a_futures_event_that_cant_be_read_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        futures_parsing.order_report(binance_futures_frames.order_of(FUTURES | change), ())


# ---- how fast ----


def test_so_many_connections_at_once_then_one_now_and_then() -> None:
    pace = Pace(at_once=2, per_second=0.5)
    assert [pace.wait(0.0) for _ in range(4)] == [0, 0, 2, 4]
    assert pace.wait(4.0) == 2.0
    assert pace.wait(100.0) == 0.0


def test_binance_is_not_connected_to_more_often_than_it_allows() -> None:
    """300 in five minutes, of one address."""
    from brokers.streams.venues import STREAMS

    for kind in ("binance_spot", "binance_futures"):
        venue = STREAMS[kind]
        assert venue.at_once + 300 * venue.per_second <= 300
