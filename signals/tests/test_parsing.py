"""Alerts in plain fields: each form and each rule of the parser, as intents and coded problems."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from signals.parsing import ParseProblem, alert_fingerprint, body_key, parse_alert, signal_key
from tradehub.core.intent import Intent, Size, StopLoss, TakeProfit, Trail
from tradehub.core.words import OrderType, PositionSide, SizeMode, TimeInForce, Verb

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
BUY = {"ticker": "AAPL", "action": "buy"}


def read(**fields: Any) -> Intent:
    (intent,) = parse_alert(json.dumps({**BUY, **fields}).encode()).intents
    return intent


def problem(document: Any) -> ParseProblem:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(ParseProblem) as caught:
        parse_alert(body)
    return caught.value


def refused(**fields: Any) -> tuple[str, str]:
    """The code and the pointer of the first error."""
    found = problem({**BUY, **fields})
    return found.code, found.errors[0].pointer


def quantity(value: str) -> Size:
    return Size(SizeMode.QUANTITY, Decimal(value))


FORMS = {
    "orders": (
        b'{"passphrase":"hush","ticker":"AAPL","action":"BUY","quantity":10,"price":150.5,'
        b'"order_type":"MARKET","stop_loss":145,"take_profit":160,"time_in_force":"DAY"}',
        Intent(
            "AAPL",
            Verb.ENTER,
            LONG,
            quantity("10"),
            OrderType.MARKET,
            stop_loss=StopLoss(price=Decimal(145)),
            take_profits=(TakeProfit(price=Decimal(160)),),
            time_in_force=TimeInForce.DAY,
            reference_price=Decimal("150.5"),
        ),
    ),
    "plain": (
        b'{"action":"buy","symbol":"BTCUSDT","quantity":0.001,"price":45000,'
        b'"strategy":"ALSAPRO 1","time":"2024-01-01T12:00:00Z"}',
        Intent(
            "BTCUSDT",
            Verb.ENTER,
            LONG,
            quantity("0.001"),
            strategy="ALSAPRO 1",
            reference_price=Decimal(45000),
            extras={"time": "2024-01-01T12:00:00Z"},
        ),
    ),
    "conviction": (
        b'{"symbol":"TCS","exchange":"NSE","action":"SELL","price":3500,"stop_loss":3537.5,'
        b'"target":3406.25,"conviction":"MEDIUM","timeframe":"15m","strategy":"BB_MTF",'
        b'"api_key":"key"}',
        Intent(
            "TCS",
            Verb.ENTER,
            SHORT,
            stop_loss=StopLoss(price=Decimal("3537.5")),
            take_profits=(TakeProfit(price=Decimal("3406.25")),),
            conviction="medium",
            strategy="BB_MTF",
            reference_price=Decimal(3500),
            extras={"exchange": "NSE", "timeframe": "15m"},
        ),
    ),
    "with id": (
        b'{"ticker":"BTCUSDT","action":"close","order_type":"market","quantity":0.001,'
        b'"price":50000,"strategy":"s","alert_id":"a-1"}',
        Intent(
            "BTCUSDT",
            Verb.EXIT,
            None,
            quantity("0.001"),
            OrderType.MARKET,
            idempotency_id="a-1",
            strategy="s",
            reference_price=Decimal(50000),
        ),
    ),
    "strategy placeholders": (
        b'{"ticker":"BINANCE:BTCUSDT.P","action":"sell","sentiment":"short",'
        b'"market_position":"short","prev_market_position":"long","position_size":"-3",'
        b'"contracts":"8","price":"100.5","time":"2024-01-01T12:00:00Z"}',
        Intent(
            "BTCUSDT.P",
            Verb.REVERSE,
            SHORT,
            quantity("3"),
            expected_position=Decimal(-3),
            reference_price=Decimal("100.5"),
            extras={"exchange": "BINANCE", "time": "2024-01-01T12:00:00Z"},
        ),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("content_type", "change"),
    [
        ("application/json", bytes),
        ("text/plain; charset=utf-8", bytes),
        ("", bytes),
        ("application/x-www-form-urlencoded", bytes),
        ("", lambda body: b"\xef\xbb\xbf" + body),
        ("", lambda body: b" \r\n" + body + b"\n\x00"[:1]),
        ("application/json; charset=utf-16", lambda body: body.decode().encode("utf-16")),
    ],
)
def test_a_form_is_the_same_intent_however_it_is_sent(
    form: str, content_type: str, change: Any
) -> None:
    body, intent = FORMS[form]

    assert parse_alert(change(body), content_type=content_type).intents == (intent,)


def test_the_envelope_holds_what_routes_and_authenticates() -> None:
    first = parse_alert(FORMS["orders"][0])
    third = parse_alert(FORMS["conviction"][0])
    fourth = parse_alert(FORMS["with id"][0])

    assert (first.dialect, first.passphrase, first.api_key) == ("simple", "hush", None)
    assert (third.dialect, third.api_key, third.strategy) == ("conviction", "key", "BB_MTF")
    assert (fourth.strategy, fourth.explicit_id) == ("s", "a-1")
    assert parse_alert(FORMS["strategy placeholders"][0]).dialect == "tradingview_strategy"
    assert "hush" not in repr(first)
    assert "'key'" not in repr(third)


@pytest.mark.parametrize(
    ("word", "verb", "side"),
    [
        ("buy", Verb.ENTER, LONG),
        ("Long", Verb.ENTER, LONG),
        ("BULL", Verb.ENTER, LONG),
        ("enter_long", Verb.ENTER, LONG),
        ("sell", Verb.ENTER, SHORT),
        ("short", Verb.ENTER, SHORT),
        ("Enter-Short", Verb.ENTER, SHORT),
        ("close", Verb.EXIT, None),
        ("EXIT", Verb.EXIT, None),
        ("flat", Verb.EXIT, None),
        ("flatten", Verb.EXIT, None),
        ("close_long", Verb.EXIT, LONG),
        ("exit short", Verb.EXIT, SHORT),
        ("CLOSE_ALL", Verb.CLOSE_ALL, None),
        ("closeall", Verb.CLOSE_ALL, None),
        ("flatten_all", Verb.CLOSE_ALL, None),
        ("add", Verb.ADD, None),
        ("reverse", Verb.REVERSE, None),
        ("cancel", Verb.CANCEL, None),
        ("cancel_all", Verb.CANCEL_ALL, None),
    ],
)
def test_action_words(word: str, verb: Verb, side: PositionSide | None) -> None:
    intent = read(action=word)

    assert (intent.verb, intent.side) == (verb, side)


def test_side_completes_an_action_or_stands_in_for_it() -> None:
    assert read(action="close", side="long").side is LONG
    assert read(action="open", side="sell").side is SHORT
    assert read(action=None, side="SELL").side is SHORT
    assert refused(action="close", side="sell") == ("INVALID_FIELD", "/side")
    assert refused(action="buy", side="short") == ("CONTRADICTORY_FIELDS", "/side")
    assert refused(action="enter") == ("MISSING_FIELD", "/side")


@pytest.mark.parametrize("word", ["breakeven", "amend", "pause", "hodl"])
def test_an_unknown_action_is_told_what_is_understood(word: str) -> None:
    found = problem({**BUY, "action": word})

    assert (found.code, found.errors[0].pointer) == ("UNKNOWN_ACTION", "/action")
    assert "buy" in found.detail
    assert "close_all" in found.detail


def test_what_is_missing_is_named() -> None:
    both = problem({})

    assert [(each.pointer, each.code) for each in both.errors] == [
        ("/action", "MISSING_FIELD"),
        ("/symbol", "MISSING_FIELD"),
    ]
    assert parse_alert(b'{"action":"close_all"}').intents[0].symbol is None
    assert problem({"action": "cancel"}).errors[0].pointer == "/symbol"
    assert refused(action="reduce") == ("MISSING_FIELD", "/quantity")


@pytest.mark.parametrize(
    "spelled", [{"qty": 3}, {"Contracts": "3"}, {"SIZE": 3.0}, {"quantity": "3", "qty": 3}]
)
def test_a_size_under_each_of_its_names(spelled: dict[str, Any]) -> None:
    assert read(**spelled).size == quantity("3")


@pytest.mark.parametrize(
    "name", ["stop_loss", "stopLoss", "SL", "Stop-Loss", "STOPLOSS", "stop loss"]
)
def test_a_stop_under_each_of_its_names(name: str) -> None:
    assert read(**{name: "145"}).stop_loss == StopLoss(price=Decimal(145))


def test_two_names_of_one_field_must_agree() -> None:
    assert refused(quantity=1, qty=2) == ("CONTRADICTORY_FIELDS", "/qty")
    assert refused(symbol="MSFT") == ("CONTRADICTORY_FIELDS", "/symbol")
    assert read(symbol="aapl").symbol == "AAPL"
    assert refused(quantity=1, Quantity=True) == ("CONTRADICTORY_FIELDS", "/Quantity")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_null_and_blank_are_not_said(nothing: Any) -> None:
    intent = read(
        quantity=nothing, stop_loss=nothing, take_profit=nothing, order_type=nothing, id=nothing
    )

    assert intent == Intent("AAPL", Verb.ENTER, LONG)


@pytest.mark.parametrize("wrong", [0, "0", -1, "-1", "NaN", "Infinity", "ten", "1e400", True, []])
@pytest.mark.parametrize("name", ["quantity", "price", "stop_loss", "limit_price", "stop_price"])
def test_what_is_no_number_is_never_left_out(name: str, wrong: Any) -> None:
    assert refused(**{name: wrong}) == ("INVALID_FIELD", f"/{name}")


@pytest.mark.parametrize("wrong", [0, -1, "NaN", "ten", False, "100%", "-2%", "%"])
def test_a_stop_loss_that_is_none_is_an_error(wrong: Any) -> None:
    assert refused(stop_loss=wrong) == ("INVALID_FIELD", "/stop_loss")


def test_all_errors_come_out_together() -> None:
    found = problem({"action": "buy", "qty": 0, "sl": "x", "tif": "never", "passphrase": "hush"})

    assert [each.pointer for each in found.errors] == ["/qty", "/symbol", "/sl", "/tif"]
    assert found.code == found.errors[0].code == "INVALID_FIELD"
    assert found.http_status == 422
    assert found.passphrase == "hush"
    assert "hush" not in repr(found) + str(found)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"quantity": "5%"}, Size(SizeMode.PERCENT_EQUITY, Decimal(5))),
        ({"quantity": "5%", "action": "close"}, Size(SizeMode.PERCENT_POSITION, Decimal(5))),
        ({"quantity": 50, "quantity_type": "percent_of_position", "action": "exit"},
         Size(SizeMode.PERCENT_POSITION, Decimal(50))),
        ({"quantity": 500, "quantityType": "dollar_amount"}, Size(SizeMode.NOTIONAL, Decimal(500))),
        ({"notional": 500}, Size(SizeMode.NOTIONAL, Decimal(500))),
        ({"amount_usd": "500"}, Size(SizeMode.NOTIONAL, Decimal(500))),
        ({"risk_percent": "0.5%"}, Size(SizeMode.RISK_PERCENT, Decimal("0.5"))),
        ({"quantity": 7, "action": "close_all"}, Size()),
        ({"quantity": 7, "action": "reduce"}, quantity("7")),
    ],
)  # fmt: skip
def test_sizes(fields: dict[str, Any], size: Size) -> None:
    assert read(**fields).size == size


def test_sizes_that_are_refused() -> None:
    assert refused(quantity=1, notional=100) == ("CONTRADICTORY_FIELDS", "/notional")
    assert refused(quantity="150%", action="close") == ("INVALID_FIELD", "/quantity")
    assert refused(quantity_type="cash") == ("MISSING_FIELD", "/quantity")
    assert refused(quantity=1, quantity_type="pips") == ("INVALID_FIELD", "/quantity_type")
    assert refused(amount=100) == ("UNSUPPORTED_FIELD", "/amount")


@pytest.mark.parametrize(
    ("fields", "kind", "limit", "stop", "reference"),
    [
        ({"price": 9}, None, None, None, "9"),
        ({"price": 9, "order_type": "mkt"}, OrderType.MARKET, None, None, "9"),
        ({"price": 9, "order_type": "LIMIT"}, OrderType.LIMIT, "9", None, None),
        ({"price": 9, "order_type": "limit", "limit_price": 8}, OrderType.LIMIT, "8", None, "9"),
        ({"price": 9, "order_type": "stop"}, OrderType.STOP, None, "9", None),
        ({"price": 9, "type": "sl-m", "trigger_price": 8}, OrderType.STOP, None, "8", "9"),
        ({"price": 9, "order_type": "Stop-Limit", "stop_price": 8},
         OrderType.STOP_LIMIT, "9", "8", None),
        ({"limit_price": 9}, OrderType.LIMIT, "9", None, None),
        ({"stop_price": 9}, OrderType.STOP, None, "9", None),
        ({"limit_price": 9, "stop_price": 8}, OrderType.STOP_LIMIT, "9", "8", None),
        ({"price": 9, "signal_price": 7, "order_type": "limit"}, OrderType.LIMIT, "9", None, "7"),
        ({"type": "entry signal", "price": 9}, None, None, None, "9"),
    ],
)  # fmt: skip
def test_the_order_type_says_what_the_price_is(
    fields: dict[str, Any],
    kind: OrderType | None,
    limit: str | None,
    stop: str | None,
    reference: str | None,
) -> None:
    intent = read(**fields)

    said = (intent.limit_price, intent.stop_price, intent.reference_price)
    assert intent.order_type is kind
    assert said == tuple(
        None if each is None else Decimal(each) for each in (limit, stop, reference)
    )


def test_order_types_and_their_prices_must_fit() -> None:
    assert refused(order_type="limit") == ("MISSING_FIELD", "/limit_price")
    assert refused(order_type="stop") == ("MISSING_FIELD", "/stop_price")
    assert refused(order_type="stop_limit", price=9) == ("MISSING_FIELD", "/stop_price")
    assert refused(order_type="trailing_stop") == ("MISSING_FIELD", "/trail_percent")
    assert refused(order_type="market", limit_price=9) == ("CONTRADICTORY_FIELDS", "/limit_price")
    assert refused(order_type="limit", price=9, stop_price=8)[0] == "CONTRADICTORY_FIELDS"
    assert refused(order_type="iceberg") == ("INVALID_FIELD", "/order_type")
    assert refused(trail_percent=1, trail_amount=1) == ("CONTRADICTORY_FIELDS", "/trail_amount")
    assert problem({**BUY, "order_type": "limit", "price": "x"}).errors[1:] == ()
    assert read(trail_percent="1%").trail == Trail(percent=Decimal(1))
    assert read(trail_amount=2).order_type is OrderType.TRAILING_STOP


@pytest.mark.parametrize(
    ("fields", "stop"),
    [
        ({"stop_loss": "2%"}, StopLoss(percent=Decimal(2))),
        ({"stop_loss_percent": 2}, StopLoss(percent=Decimal(2))),
        ({"sl_pct": "2%"}, StopLoss(percent=Decimal(2))),
        ({"stop_loss_offset": "1.5"}, StopLoss(offset=Decimal("1.5"))),
        ({"stop_loss": {"price": 145}}, StopLoss(price=Decimal(145))),
        ({"stopLoss": {"type": "stop", "stopPrice": "145"}}, StopLoss(price=Decimal(145))),
        ({"stop_loss": {"percent": "2%"}}, StopLoss(percent=Decimal(2))),
        ({"stop_loss": {"amount": 5}}, StopLoss(offset=Decimal(5))),
        ({"stopLoss": {"type": "trailing_stop", "trailPercent": 3}},
         StopLoss(trail=Trail(percent=Decimal(3)))),
        ({"stop_loss": {"trail": {"offset": 3}}}, StopLoss(trail=Trail(offset=Decimal(3)))),
    ],
)  # fmt: skip
def test_stop_losses(fields: dict[str, Any], stop: StopLoss) -> None:
    assert read(**fields).stop_loss == stop


@pytest.mark.parametrize(
    ("stop", "code", "pointer"),
    [
        ({}, "MISSING_FIELD", "/stop_loss/price"),
        ({"price": None}, "MISSING_FIELD", "/stop_loss/price"),
        ({"price": 0}, "INVALID_FIELD", "/stop_loss/price"),
        ({"price": 1, "percent": 1}, "CONTRADICTORY_FIELDS", "/stop_loss/percent"),
        ({"price": 1, "trail": {"percent": 1}}, "CONTRADICTORY_FIELDS", "/stop_loss/price"),
        ({"trail": {}}, "INVALID_FIELD", "/stop_loss/trail/percent"),
        ({"type": "trailing_stop", "price": 1}, "MISSING_FIELD", "/stop_loss/trail_percent"),
        ({"type": "mental"}, "UNSUPPORTED_FIELD", "/stop_loss/type"),
        ({"prise": 1}, "UNSUPPORTED_FIELD", "/stop_loss/prise"),
        ([], "INVALID_FIELD", "/stop_loss"),
    ],
)
def test_a_stop_loss_object_is_read_strictly(stop: Any, code: str, pointer: str) -> None:
    assert refused(stop_loss=stop) == (code, pointer)


def test_take_profits() -> None:
    half = Decimal("0.5")

    assert read(tp="3%").take_profits == (TakeProfit(percent=Decimal(3)),)
    assert read(takeProfit={"limitPrice": 160}).take_profits == (TakeProfit(price=Decimal(160)),)
    assert read(take_profit_offset=4).take_profits == (TakeProfit(offset=Decimal(4)),)
    assert read(
        take_profit=[{"price": 1, "fraction": "0.5"}, {"percent": 2, "fraction": 0.5}]
    ).take_profits == (
        TakeProfit(price=Decimal(1), fraction=half),
        TakeProfit(percent=Decimal(2), fraction=half),
    )


def test_take_profits_that_are_refused() -> None:
    two = [{"price": 1, "fraction": 0.6}, {"price": 2, "fraction": 0.6}]

    assert refused(take_profit=two) == ("INVALID_FIELD", "/take_profit")
    assert refused(tp=[{"price": 1}, {"price": 2}]) == ("MISSING_FIELD", "/tp/0/fraction")
    assert refused(tp=[]) == ("INVALID_FIELD", "/tp")
    assert refused(tp=[5]) == ("INVALID_FIELD", "/tp")
    assert refused(tp=[{"price": 1, "fraction": 2}]) == ("INVALID_FIELD", "/tp/0/fraction")
    assert refused(tp=1, target=2) == ("CONTRADICTORY_FIELDS", "/target")
    assert refused(tp=1, tp_percent=2) == ("CONTRADICTORY_FIELDS", "/tp_percent")
    assert refused(tp1=150, tp2=160) == ("UNSUPPORTED_FIELD", "/tp1")


def test_placeholders_are_refused_by_name() -> None:
    found = problem({**BUY, "comment": "at {{ close }}", "meta": [{"x": "{{plot_0}}"}]})
    bare = problem(b'{"ticker":"AAPL","action":"buy","price": {{close}} }')

    assert [(each.pointer, each.code) for each in found.errors] == [
        ("/comment", "UNRESOLVED_PLACEHOLDER"),
        ("/meta/0/x", "UNRESOLVED_PLACEHOLDER"),
    ]
    assert "{{close}}" in found.detail
    assert (bare.code, bare.errors[0].pointer) == ("UNRESOLVED_PLACEHOLDER", "/price")
    assert problem(b'{"ticker":"\\u007b{close}}"}').code == "UNRESOLVED_PLACEHOLDER"


@pytest.mark.parametrize(
    ("said", "blames"), [("{{ticker}}", False), ("{{strategy.order.action}}", True)]
)
def test_only_a_strategys_placeholder_blames_the_kind_of_alert(said: str, blames: bool) -> None:
    found = problem({**BUY, "comment": said})
    assert ("only in a strategy's alert" in found.detail) is blames


@pytest.mark.parametrize(
    ("fields", "sent_at"),
    [
        ({"timenow": "2024-01-01T12:00:00Z"}, datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ({"sent_at": "2024-01-01T12:00:00+02:00"}, datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ({"timestamp": "2024-01-01 12:00"}, datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ({"timestamp": 1704110400}, datetime(2024, 1, 1, 12, tzinfo=UTC)),
        ({"timestamp": "1704110400500"}, datetime(2024, 1, 1, 12, 0, 0, 500000, tzinfo=UTC)),
        ({"time": "2024-01-01T12:00:00Z"}, None),
    ],
)
def test_the_time_of_sending(fields: dict[str, Any], sent_at: datetime | None) -> None:
    assert read(**fields).sent_at == sent_at


@pytest.mark.parametrize("wrong", ["noon", 5, "1e30", "0001-01-01T00:00:00+14:00", True, {}])
def test_a_time_that_is_none_is_refused(wrong: Any) -> None:
    assert refused(timenow=wrong) == ("INVALID_FIELD", "/timenow")


def test_symbols_and_exchanges() -> None:
    assert read(ticker="BTC/USDT").symbol == "BTCUSDT"
    assert read(ticker="BTCUSDT.P").symbol == "BTCUSDT.P"
    assert read(ticker="NASDAQ:AAPL").extras == {"exchange": "NASDAQ"}
    assert read(ticker="NASDAQ:AAPL", exchange="nasdaq").extras == {"exchange": "NASDAQ"}
    assert read(ticker="NASDAQ:AAPL", exchange="NASDAQ_DLY").extras == {"exchange": "NASDAQ_DLY"}
    assert read(ticker="NASDAQ_DLY:AAPL", exchange="NASDAQ").extras == {"exchange": "NASDAQ_DLY"}
    assert refused(ticker="NASDAQ:AAPL", exchange="NSE") == ("CONTRADICTORY_FIELDS", "/exchange")
    assert refused(ticker="two words") == ("INVALID_FIELD", "/ticker")
    assert refused(exchange="N S E") == ("INVALID_FIELD", "/exchange")


@pytest.mark.parametrize("name", ["delay", "stop", "trail"])
def test_what_would_be_lost_is_refused_by_name(name: str) -> None:
    assert refused(**{name: 5}) == ("UNSUPPORTED_FIELD", f"/{name}")


def test_the_other_fields() -> None:
    intent = read(
        tif="good_till_cancel",
        extendedHours="true",
        leverage="3",
        conviction="High",
        delay=0,
        max_lag="60",
        test=1,
        comment="x" * 600,
        order_id="Long",
    )

    assert (intent.time_in_force, intent.extended_hours) == (TimeInForce.GTC, True)
    assert (intent.leverage, intent.conviction) == (Decimal(3), "high")
    assert (intent.delay_seconds, intent.max_age_seconds) == (Decimal(0), Decimal(60))
    assert (intent.dry_run, intent.comment, intent.idempotency_id) == (True, "x" * 500, None)
    assert intent.extras == {"order_id": "Long"}
    assert refused(conviction="sure") == ("INVALID_FIELD", "/conviction")
    assert refused(dry_run="maybe") == ("INVALID_FIELD", "/dry_run")
    assert refused(leverage=0) == ("INVALID_FIELD", "/leverage")


def test_extras_are_bounded_and_hold_no_secret() -> None:
    many = {f"k{index}": index for index in range(100)}
    intent = read(
        rsi=70.5, note="n" * 900, ok=True, big=10**39, nested={"a": 1}, apiSecret="canary",
        token="canary", pin=1, extras={"a": 1, "password": "canary", "api_key": "canary"},
    )  # fmt: skip

    assert intent.extras == {
        "rsi": "70.5", "note": "n" * 500, "ok": True, "big": str(10**39), "a": 1,
    }  # fmt: skip
    assert len(read(**many).extras) == 32


def test_a_list_is_several_commands_in_order() -> None:
    body = b'[{"action":"cancel","symbol":"AAPL"},{"action":"buy","symbol":"AAPL","qty":1}]'
    parsed = parse_alert(body)

    assert [each.verb for each in parsed.intents] == [Verb.CANCEL, Verb.ENTER]
    assert problem([BUY, {"action": "buy"}]).errors[0].pointer == "/1/symbol"
    assert problem([BUY, 5]).errors[0].pointer == "/1"
    assert problem([{**BUY, "strategy": "a"}, {**BUY, "strategy": "b"}]).code == (
        "CONTRADICTORY_FIELDS"
    )
    assert problem([]).code == problem([BUY] * 17).code == "INVALID_FIELD"


def keyed(**fields: Any) -> tuple[str | None, str]:
    parsed = parse_alert(json.dumps({**BUY, "alert_id": "7", **fields}).encode())
    return signal_key(parsed), alert_fingerprint(parsed)


def test_an_id_makes_the_key_with_symbol_verb_and_side() -> None:
    key, _ = keyed()

    assert key is not None
    assert key.startswith("id:")
    assert len(key) <= 80
    assert keyed(alert_id=7)[0] == key
    others = [keyed(ticker="MSFT"), keyed(action="close"), keyed(action="sell"), keyed(alert_id=8)]
    assert len({key, *(each[0] for each in others)}) == 5
    assert keyed(alert_id=None)[0] is None
    assert keyed(action="enter_long")[0] == key != keyed(action="close_long")[0]
    assert len(body_key(b"x")) <= 80


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 2}, {"order_type": "market"}, {"limit_price": 1}, {"stop_price": 1},
        {"trail_percent": 1}, {"stop_loss": 1}, {"stop_loss": "1%"}, {"take_profit": 1},
        {"tif": "gtc"}, {"price": 1}, {"conviction": "low"}, {"quantity": "1%"},
    ],
)  # fmt: skip
def test_what_changes_the_fingerprint(change: dict[str, Any]) -> None:
    key, fingerprint = keyed(quantity=1)
    other_key, other = keyed(**{"quantity": 1, **change})

    assert key == other_key
    assert fingerprint != other


def test_a_copy_may_have_another_time_comment_and_spelling() -> None:
    copy = keyed(quantity="1.0", comment="again", timenow="2024-01-01", rsi=5)

    assert copy == keyed(quantity=1)
