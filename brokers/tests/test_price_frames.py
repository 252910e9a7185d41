"""What market data streams say, word by word, and what we say to them."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.prices.alpaca_frames import DataDialect
from brokers.prices.binance_frames import BOOK, LAST, MarketDialect
from brokers.prices.board import FRESH, Board
from brokers.prices.places import (
    COINS,
    FEEDS,
    FUTURES_LIVE,
    FUTURES_TEST,
    SPOT_LIVE,
    SPOT_TEST,
    STOCKS_IEX,
    STOCKS_SIP,
    Place,
    owner_of,
    parts_of,
    place_of,
    sip_of,
)
from brokers.streams.protocol import Look, News, Over, Ready, Refused, Say, Told

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BTC = Place(SPOT_LIVE, "BTCUSDT")


def said(texts: list[str]) -> list[Any]:
    return [json.loads(each) for each in texts]


def binance(*names: str) -> MarketDialect:
    dialect = MarketDialect((BOOK, LAST))
    dialect.begin(names)
    return dialect


def alpaca(*names: str) -> DataDialect:
    dialect = DataDialect("key", "secret")
    dialect.begin(names)
    dialect.hear('[{"T":"success","msg":"authenticated"}]')
    return dialect


# ---- Binance ----


def test_binance_is_told_each_stream_and_then_only_what_changes() -> None:
    dialect = MarketDialect((BOOK, LAST))
    assert said(dialect.begin(["ETHUSDT", "BTCUSDT"])) == [
        {
            "method": "SUBSCRIBE",
            "params": [
                "btcusdt@bookTicker", "btcusdt@miniTicker",
                "ethusdt@bookTicker", "ethusdt@miniTicker",
            ],
            "id": 1,
        }
    ]  # fmt: skip
    assert dialect.hear('{"result":null,"id":1}') == [Ready()]
    assert dialect.turn_to(["BTCUSDT", "ETHUSDT"]) == []
    gone, new = said(dialect.turn_to(["BTCUSDT", "BNBUSDT"]))
    assert (gone["method"], gone["params"]) == (
        "UNSUBSCRIBE", ["ethusdt@bookTicker", "ethusdt@miniTicker"],
    )  # fmt: skip
    assert (new["method"], new["params"][0], new["id"]) == ("SUBSCRIBE", "bnbusdt@bookTicker", 3)
    assert dialect.hear('{"result":null,"id":3}') == []


def test_many_streams_are_asked_for_in_parts_and_it_is_ready_after_the_last() -> None:
    dialect = MarketDialect((BOOK, LAST))
    texts = said(dialect.begin([f"A{number}USDT" for number in range(120)]))
    assert [len(each["params"]) for each in texts] == [100, 100, 40]
    assert dialect.hear('{"result":null,"id":1}') == []
    assert dialect.hear('{"result":null,"id":3}') == [Ready()]


@pytest.mark.parametrize(
    ("frame", "news"),
    [
        (
            '{"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BTCUSDT","b":"25.35190000",'
            '"B":"31.21","a":"25.36520000","A":"40.66"}}',
            [Told({"name": "BTCUSDT", "bid": "25.35190000", "ask": "25.36520000"})],
        ),
        (  # a contract's
            '{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"25",'
            '"B":"31","a":"26","A":"40","T":1568014460891,"E":1568014460893}}',
            [Told({"name": "BTCUSDT", "bid": "25", "ask": "26"})],
        ),
        (
            '{"stream":"btcusdt@miniTicker","data":{"e":"24hrMiniTicker","E":1,"s":"BTCUSDT",'
            '"c":"0.0025","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18"}}',
            [Told({"name": "BTCUSDT", "last": "0.0025"})],
        ),
        ('{"stream":"ethusdt@miniTicker","data":{"s":"ETHUSDT","c":"1"}}', []),  # late
        ('{"stream":"btcusdt@bookTicker","data":{"s":"BTCUSDT","b":"25"}}', [Look()]),
        ('{"stream":"btcusdt@bookTicker","data":[]}', [Look()]),
        ('{"stream":"btcusdt@depth","data":{}}', [Look()]),
        ('{"error":{"code":2,"msg":"Invalid request"},"id":1}', "over"),
        ('{"code":2,"msg":"Invalid request","id":1}', "over"),
        ('{"e":"serverShutdown","E":1770123456789}', "over"),
        ("{nonsense", [Look()]),
        ("[]", [Look()]),
    ],
)
def test_a_frame_of_binance(frame: str, news: Any) -> None:
    heard = binance("BTCUSDT").hear(frame)
    if news == "over":
        assert [type(each) for each in heard] == [Over]
    else:
        assert heard == news


# ---- Alpaca ----


def test_alpaca_is_told_the_names_once_it_knows_who_we_are() -> None:
    dialect = DataDialect("key", "secret")
    assert said(dialect.begin(["MSFT", "AAPL"])) == [
        {"action": "auth", "key": "key", "secret": "secret"}
    ]
    assert dialect.hear('[{"T":"success","msg":"connected"}]') == []
    (say,) = dialect.hear('[{"T":"success","msg":"authenticated"}]')
    assert isinstance(say, Say)
    both = ["AAPL", "MSFT"]
    assert json.loads(say.text) == {"action": "subscribe", "quotes": both, "trades": both}
    assert dialect.hear('[{"T":"subscription","trades":["AAPL"],"quotes":["AAPL"]}]') == [Ready()]
    gone, new = said(dialect.turn_to(["AAPL", "TSLA"]))
    assert gone == {"action": "unsubscribe", "quotes": ["MSFT"], "trades": ["MSFT"]}
    assert new == {"action": "subscribe", "quotes": ["TSLA"], "trades": ["TSLA"]}


@pytest.mark.parametrize(
    ("frame", "news"),
    [
        (
            '[{"T":"q","S":"AAPL","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"c":["R"],'
            '"z":"A","t":"2026-11-21T12:00:00.092123456Z"},'
            '{"T":"t","i":96921,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"2026-11-21T12:00:00Z"}]',
            [
                Told({"name": "AAPL", "bid": "87.66", "ask": "87.68",
                      "at": "2026-11-21T12:00:00.092123456Z"}),
                Told({"name": "AAPL", "last": "126.55"}),
            ],
        ),
        ('[{"T":"t","S":"TSLA","p":1}]', []),  # nobody asked
        ('[{"T":"q","S":"AAPL"}]', [Look()]),
        ('[{"T":"error","code":402,"msg":"auth failed"}]', [Refused("BAD_CREDENTIALS")]),
        (
            '[{"T":"error","code":406,"msg":"connection limit exceeded"}]',
            [Refused("CONNECTION_LIMIT", 600.0)],
        ),
        (
            '[{"T":"error","code":409,"msg":"insufficient subscription"}]',
            [Refused("NOT_SUBSCRIBED", 3600.0)],
        ),
        ('[{"T":"error","code":405,"msg":"symbol limit exceeded"}]', []),
        ('[{"T":"error","code":407,"msg":"slow client"}]', [Over("error 407")]),
        ('[{"T":"b","S":"AAPL"}]', []),
        ('{"T":"q"}', [Look()]),
        ("[1]", [Look()]),
        ("[" * 100_000, [Look()]),
    ],
)  # fmt: skip
def test_a_frame_of_alpaca(frame: str, news: list[News]) -> None:
    assert alpaca("AAPL").hear(frame) == news


# ---- the board ----


def book(board: Board, heard: datetime, **more: Any) -> None:
    board.put(BTC, "book", {"name": "BTCUSDT", "bid": "99", "ask": "101", **more}, heard)


def last(board: Board, at: datetime, price: str = "100") -> None:
    board.put(BTC, "last", {"name": "BTCUSDT", "last": price}, at)


def test_a_quote_needs_its_book_and_its_last_price() -> None:
    board = Board()
    book(board, NOW)
    assert board.quote(BTC, NOW) is None
    last(board, NOW)
    quote = board.quote(BTC, NOW)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.last) == (D(99), D(101), D(100))
    assert (quote.symbol, quote.at, quote.source) == ("BTCUSDT", NOW, "binance")


def test_an_old_book_says_nothing_however_new_the_last_price() -> None:
    board = Board()
    book(board, NOW)
    last(board, NOW + FRESH)
    assert board.quote(BTC, NOW + FRESH - timedelta(milliseconds=1)) is not None
    assert board.quote(BTC, NOW + FRESH) is None


@pytest.mark.parametrize("part", ["book", "last"])
def test_what_a_lost_connection_told_is_forgotten(part: str) -> None:
    board = Board()
    book(board, NOW)
    last(board, NOW)
    board.forget(SPOT_TEST, part)
    assert board.quote(BTC, NOW) is not None
    board.forget(SPOT_LIVE, part)
    assert board.quote(BTC, NOW) is None


def test_a_bid_above_the_ask_is_no_price() -> None:
    board = Board()
    last(board, NOW)
    book(board, NOW, bid="101", ask="101")
    assert board.quote(BTC, NOW) is not None
    book(board, NOW, bid="101.1", ask="101")
    assert board.quote(BTC, NOW) is None


@pytest.mark.parametrize("bad", ["0", "-1", "x", "NaN", "1e999", None])
def test_an_empty_side_of_the_book_or_no_number_is_no_price(bad: Any) -> None:
    board = Board()
    last(board, NOW)
    board.put(BTC, "book", {"name": "BTCUSDT", "bid": bad, "ask": "101"}, NOW)
    assert board.quote(BTC, NOW) is None


def test_a_price_is_as_old_as_its_venue_says() -> None:
    board = Board()
    last(board, NOW)
    book(board, NOW, at="2026-11-21T11:59:58.5Z")
    quote = board.quote(BTC, NOW)
    assert quote is not None
    assert quote.at == NOW - timedelta(seconds=1.5)
    book(board, NOW, at="2026-11-21T12:00:09Z")  # a clock ahead of ours
    quote = board.quote(BTC, NOW)
    assert quote is not None
    assert quote.at == NOW
    book(board, NOW, at="yesterday")
    assert board.quote(BTC, NOW) is None


def test_news_are_taken_once_and_only_of_what_is_kept() -> None:
    board, other = Board(), Place(SPOT_LIVE, "ETHUSDT")
    book(board, NOW)
    board.put(other, "book", {"bid": "1", "ask": "1"}, NOW)
    assert board.take() == {BTC, other}
    assert board.take() == set()
    board.again([BTC, Place(SPOT_LIVE, "BNBUSDT")])
    assert board.take() == {BTC}
    board.keep([other])
    board.again([BTC, other])
    assert board.take() == {other}


# ---- places ----


@pytest.mark.parametrize(
    ("kind", "environment", "options", "symbol", "place"),
    [
        ("binance_spot", "live", {}, "BTCUSDT", Place(SPOT_LIVE, "BTCUSDT")),
        ("binance_spot", "test", {}, "BTCUSDT", Place(SPOT_TEST, "BTCUSDT")),
        ("binance_futures", "live", {}, "BTCUSDT", Place(FUTURES_LIVE, "BTCUSDT")),
        ("binance_futures", "test", {}, "BTCUSDT", Place(FUTURES_TEST, "BTCUSDT")),
        ("binance_spot", "live", {}, "BTC/USDT@x", None),
        ("alpaca", "live", {}, "AAPL", Place(STOCKS_IEX, "AAPL")),
        ("alpaca", "test", {"feed": "iex"}, "BRK.B", Place(STOCKS_IEX, "BRK.B")),
        ("alpaca", "test", {"feed": "sip"}, "AAPL", Place(sip_of(7), "AAPL")),
        ("alpaca", "test", {"feed": "sip"}, "BTCUSD", Place(COINS, "BTC/USD")),
        ("alpaca", "test", {}, "SOLUSDT", Place(COINS, "SOL/USDT")),
        ("alpaca", "test", {}, "ETHBTC", Place(COINS, "ETH/BTC")),
        ("alpaca", "test", {}, "NOSUCHNAME", None),
        ("paper", "paper", {"price_source": "signal"}, "BTCUSDT", None),
        ("paper", "paper", {"price_source": "synthetic"}, "BTCUSDT", None),
        ("paper", "paper", {}, "BTCUSDT", None),
        ("paper", "paper", {"price_source": "binance"}, "BTCUSDT", Place(SPOT_LIVE, "BTCUSDT")),
        ("paper", "paper", {"price_source": "binance"}, "BTCUSDT.P",
         Place(FUTURES_LIVE, "BTCUSDT")),
        ("paper", "paper", {"price_source": "alpaca"}, "AAPL", Place(STOCKS_IEX, "AAPL")),
        ("paper", "paper", {"price_source": "alpaca"}, "BTCUSD", Place(COINS, "BTC/USD")),
    ],
)  # fmt: skip
def test_where_the_price_of_a_symbol_is_told(
    kind: str, environment: str, options: dict[str, Any], symbol: str, place: Place | None
) -> None:
    assert place_of(kind, environment, options, symbol, owner_id=7) == place


def test_what_an_owner_pays_for_is_a_feed_of_his_own() -> None:
    assert sip_of(7) != sip_of(8)
    assert (owner_of(sip_of(7)), owner_of(STOCKS_IEX)) == (7, None)
    assert parts_of(sip_of(7)) == FEEDS[STOCKS_SIP]
    assert Place(sip_of(7), "AAPL").source == "alpaca"
