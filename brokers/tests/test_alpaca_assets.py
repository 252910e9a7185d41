"""What Alpaca allows, asset by asset, and the bodies that are sent. Pure."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from brokers.alpaca.assets import (
    Asset,
    instrument_of,
    price_step,
    refusal,
    time_in_force_of,
)
from brokers.alpaca.ordering import order_body
from brokers.tests.builders import request
from brokers.types import OrderRequest
from tradehub.core.intent import Trail
from tradehub.core.words import OrderSide, OrderType, TimeInForce

STOCK = Asset(
    "AAPL", "AAPL", crypto=False, tradable=True, fractionable=True, shortable=True,
    easy_to_borrow=True,
)  # fmt: skip
COIN = Asset(
    "BTCUSD", "BTC/USD", crypto=True, tradable=True, fractionable=True,
    min_quantity=Decimal("0.0001"), quantity_step=Decimal("0.0001"), price_step=Decimal(1),
)  # fmt: skip


def ask(side: str = "buy", quantity: str = "2", kind: str = "market", **more: Any) -> OrderRequest:
    prices: dict[str, Any] = {}
    if kind in ("limit", "stop_limit"):
        prices["limit_price"] = more.pop("limit_price", "90")
    if kind in ("stop", "stop_limit"):
        prices["stop_price"] = more.pop("stop_price", "95")
    if kind == "trailing_stop":
        more.setdefault("trail", Trail(percent=Decimal(2)))
    return request(side, quantity, kind, id="one", **{"tif": "day", **prices, **more})


def why(asset: Asset, asked: OrderRequest, *, shorting: bool = True) -> str | None:
    return refusal(asset, asked, shorting=shorting)


ALLOWED = [
    (STOCK, ask()),
    (STOCK, ask(tif="ioc")),
    (STOCK, ask(tif="opg")),
    (STOCK, ask("sell")),
    (STOCK, ask(kind="stop", tif="gtc")),
    (STOCK, ask(kind="trailing_stop", tif="gtc")),
    (STOCK, ask(kind="limit", extended_hours=True)),
    (STOCK, ask(leverage=Decimal(1))),
    (STOCK, ask("sell", leverage=Decimal(4), reduce_only=True)),
    (STOCK, ask(quantity="0.5")),
    (STOCK, ask(quantity="1.000000001", kind="stop_limit")),
    (COIN, ask(tif="gtc")),
    (COIN, ask(tif="ioc", kind="limit")),
    (COIN, ask(kind="stop_limit", tif="gtc", quantity="0.0001")),
    # An order at the market is over at once, so a day is no other time.
    (COIN, ask(tif="day")),
]
REFUSED = [
    (STOCK, ask(kind="stop", tif="ioc"), "for the day or gtc"),
    (STOCK, ask(leverage=Decimal("1.5")), "the account's own margin"),
    (COIN, ask(leverage=Decimal(2), tif="gtc"), "asks for 2"),
    (STOCK, ask(kind="trailing_stop", tif="fok"), "for the day or gtc"),
    (STOCK, ask(extended_hours=True), "extended hours"),
    (STOCK, ask(kind="limit", tif="gtc", extended_hours=True), "extended hours"),
    (STOCK, ask(quantity="0.5", tif="gtc"), "parts of a share for the day only"),
    (STOCK, ask(quantity="0.5", kind="trailing_stop"), "trailing stops for parts"),
    (STOCK, ask("sell", quantity="0.5"), "can't be sold short"),
    (STOCK, ask(quantity="0.0000000001"), "nine decimals"),
    (replace(STOCK, fractionable=False), ask(quantity="0.5"), "whole shares only"),
    (replace(STOCK, tradable=False), ask(), "not tradable"),
    (replace(STOCK, shortable=False), ask("sell"), "can't be sold short"),
    (replace(STOCK, easy_to_borrow=False), ask("sell"), "hard to borrow"),
    (COIN, ask("sell", tif="gtc"), "no short sales in crypto"),
    (COIN, ask(kind="stop", tif="gtc"), "not stop"),
    (COIN, ask(kind="trailing_stop", tif="gtc"), "not trailing_stop"),
    (COIN, ask(kind="limit", tif="day"), "set the time in force to gtc"),
    (COIN, ask(kind="limit", tif="fok"), "gtc or ioc, not fok"),
    (COIN, ask(kind="stop_limit", tif="ioc"), "not ioc"),
    (COIN, ask(tif="gtc", quantity="0.00005"), "The least of BTC/USD is 0.0001"),
    (COIN, ask(tif="gtc", quantity="1.00005"), "in steps of 0.0001"),
    (replace(COIN, tradable=False), ask(tif="gtc"), "not tradable"),
]


@pytest.mark.parametrize(("asset", "asked"), ALLOWED)
def test_what_alpaca_takes(asset: Asset, asked: OrderRequest) -> None:
    assert why(asset, asked) is None


@pytest.mark.parametrize(("asset", "asked", "words"), REFUSED)
def test_what_alpaca_can_not_do(asset: Asset, asked: OrderRequest, words: str) -> None:
    said = why(asset, asked)
    assert said is not None
    assert words in said


def test_an_account_that_may_not_sell_short() -> None:
    said = why(STOCK, ask("sell"), shorting=False)
    assert said is not None
    assert "may not sell short" in said
    assert why(STOCK, ask("sell", reduce_only=True), shorting=False) is None
    assert why(STOCK, ask("buy"), shorting=False) is None


@pytest.mark.parametrize("kind", list(OrderType))
@pytest.mark.parametrize("time", list(TimeInForce))
@pytest.mark.parametrize("quantity", ["2", "0.5"])
def test_an_exit_is_bent_not_refused(kind: str, time: str, quantity: str) -> None:
    """Whatever time in force and hours it names, of an asset that can't be opened any more."""
    asked = ask("sell", quantity, kind, tif=time, reduce_only=True, extended_hours=True)
    stock = replace(STOCK, tradable=False, fractionable=False, shortable=False)
    if (kind, quantity) != ("trailing_stop", "0.5"):
        assert why(stock, asked, shorting=False) is None
    coin = replace(COIN, tradable=False)
    unbent = kind == "trailing_stop" or (kind == "stop_limit" and time == "ioc")
    assert (why(coin, asked) is None) is not unbent


@pytest.mark.parametrize(
    ("asset", "asked", "sent"),
    [
        (STOCK, ask(tif="gtc", reduce_only=True), "gtc"),
        (STOCK, ask("sell", "0.5", "stop", tif="gtc", reduce_only=True), "day"),
        (STOCK, ask("sell", "2", "stop", tif="ioc", reduce_only=True), "day"),
        (STOCK, ask("sell", "2", "market", tif="ioc", reduce_only=True), "ioc"),
        (STOCK, ask(quantity="0.5", tif="gtc"), "gtc"),
        (COIN, ask(tif="day"), "gtc"),
        (COIN, ask(tif="ioc"), "ioc"),
        (COIN, ask(kind="limit", tif="day"), "day"),
        (COIN, ask("sell", kind="limit", tif="day", reduce_only=True), "gtc"),
    ],
)
def test_the_time_in_force_that_is_sent(asset: Asset, asked: OrderRequest, sent: str) -> None:
    assert time_in_force_of(asset, asked).value == sent
    assert order_body(asset, asked, asked.quantity)["time_in_force"] == sent


def test_the_body_of_each_type_has_its_numbers_as_text() -> None:
    base = {"symbol": "AAPL", "qty": "2", "side": "buy", "time_in_force": "day",
            "client_order_id": "one"}  # fmt: skip
    bodies = {
        "market": {},
        "limit": {"limit_price": "90"},
        "stop": {"stop_price": "95"},
        "stop_limit": {"limit_price": "90", "stop_price": "95"},
        "trailing_stop": {"trail_percent": "2"},
    }
    for kind, more in bodies.items():
        asked = ask(kind=kind)
        assert order_body(STOCK, asked, asked.quantity) == base | {"type": kind} | more
    away = ask(kind="trailing_stop", trail=Trail(offset=Decimal("1.50")))
    assert order_body(STOCK, away, away.quantity)["trail_price"] == "1.5"


def test_numbers_are_never_written_with_an_exponent() -> None:
    asked = ask(quantity="1E+2", kind="limit", limit_price="1E+2")
    body = order_body(STOCK, asked, Decimal("1E-7"))
    assert (body["qty"], body["limit_price"]) == ("0.0000001", "100")


def test_an_exit_of_shares_says_that_it_closes() -> None:
    sold = ask("sell", reduce_only=True)
    assert order_body(STOCK, sold, sold.quantity)["position_intent"] == "sell_to_close"
    covered = ask("buy", reduce_only=True)
    assert order_body(STOCK, covered, covered.quantity)["position_intent"] == "buy_to_close"
    assert "position_intent" not in order_body(STOCK, ask(), Decimal(1))
    coins = ask("sell", tif="gtc", reduce_only=True)
    assert "position_intent" not in order_body(COIN, coins, Decimal(1))


def test_extended_hours_are_said_only_where_they_can_be() -> None:
    limit = ask(kind="limit", extended_hours=True)
    assert order_body(STOCK, limit, Decimal(1))["extended_hours"] is True
    dropped = ask("sell", extended_hours=True, reduce_only=True)
    assert "extended_hours" not in order_body(STOCK, dropped, Decimal(1))
    assert "extended_hours" not in order_body(COIN, ask(extended_hours=True), Decimal(1))


def test_a_stop_in_crypto_is_a_stop_limit_that_may_trade_far_beyond() -> None:
    for side, limit in (("sell", "90000"), ("buy", "110000")):
        asked = ask(side, "1", "stop", tif="gtc", stop_price="100000", reduce_only=True)
        body = order_body(COIN, asked, asked.quantity)
        assert (body["type"], body["stop_price"], body["limit_price"]) == (
            "stop_limit",
            "100000",
            limit,
        )


@pytest.mark.parametrize(
    ("price", "sent"), [("290.126", "290.13"), ("0.45678", "0.4568"), ("0.00001", "0.0001")]
)
def test_prices_are_on_the_sub_penny_rule(price: str, sent: str) -> None:
    asked = ask(kind="limit", limit_price=price)
    assert order_body(STOCK, asked, Decimal(1))["limit_price"] == sent


@pytest.mark.parametrize(
    ("asset", "side", "trigger", "limit"),
    [
        (STOCK, "buy", "49.99", "51.9896"),
        (STOCK, "buy", "50", "51.25"),
        (STOCK, "sell", "50", None),
        (COIN, "sell", "95", "85.5"),
        (COIN, "buy", "105", "115.5"),
    ],
)
def test_how_far_a_stop_reaches(asset: Asset, side: str, trigger: str, limit: str | None) -> None:
    told = instrument_of(asset, fractional=False, last=None)
    found = told.limit_of_stop(OrderSide(side), Decimal(trigger))
    assert found == (None if limit is None else Decimal(limit))


def test_the_instrument_of_a_stock() -> None:
    whole = instrument_of(STOCK, fractional=False, last=Decimal(150))
    assert (whole.quantity_step, whole.price_tick, whole.min_quantity) == (1, Decimal("0.01"), 1)
    parts = instrument_of(STOCK, fractional=True, last=None)
    assert (parts.quantity_step, parts.min_notional) == (Decimal("1e-9"), 1)
    plain = replace(STOCK, fractionable=False)
    assert instrument_of(plain, fractional=True, last=None).quantity_step == 1
    cheap = instrument_of(STOCK, fractional=False, last=Decimal("0.5"))
    assert cheap.price_tick == Decimal("0.0001")
    assert not instrument_of(replace(STOCK, tradable=False), fractional=False, last=None).tradable


def test_the_instrument_of_a_coin() -> None:
    found = instrument_of(COIN, fractional=False, last=None)
    assert (found.quantity_step, found.price_tick) == (Decimal("0.0001"), 1)
    assert (found.min_quantity, found.min_notional, found.currency) == (
        Decimal("0.0001"),
        10,
        "USD",
    )
    assert OrderType.STOP not in (found.order_types or ())
    tether = replace(COIN, symbol="BTCUSDT", name="BTC/USDT")
    assert instrument_of(tether, fractional=False, last=None).currency == "USDT"
    assert instrument_of(tether, fractional=False, last=None).min_notional == 0
    assert price_step(replace(COIN, price_step=None), Decimal(5)) is None
