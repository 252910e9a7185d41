"""Leverage, margin and position mode: no entry leaves before they are known."""

from decimal import Decimal as D
from typing import Any

import pytest

from brokers.doctor import look_at
from brokers.errors import NotSent, OrderRejected, RateLimited, Unsupported
from tests.venues.binance_futures.books import Account
from tests.venues.binance_futures.fixtures import (
    KEY,
    Desk,
    FuturesVenue,
    make_account,
    make_futures_hub,
)


def test_leverage_and_margin_are_set_once_before_the_first_entry_of_a_symbol(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, make_account(alice, leverage="5", margin_mode="isolated"))
    desk.place("buy", "1")
    setting = there.setting("BTCUSDT")
    assert (setting.leverage, setting.margin) == (5, "ISOLATED")
    asked = [each.operation for each in desk.venue.notes]
    assert asked.index("margin") < asked.index("leverage") < asked.index("submit")
    desk.place("buy", "1")
    assert [len(desk.venue.asked(x)) for x in ("setting", "leverage", "margin")] == [1, 1, 1]
    desk.place("buy", "1", symbol="ETHUSDT")
    assert there.setting("ETHUSDT").leverage == 5


def test_trap_8_what_is_as_it_should_be_is_not_changed_and_no_failure(
    desk: Desk, there: Account
) -> None:
    there.setting("BTCUSDT").leverage, there.setting("BTCUSDT").margin = 1, "ISOLATED"
    desk.place("buy", "1")
    assert desk.venue.asked("margin") == desk.venue.asked("leverage") == []
    # Somebody else was faster: -4046.
    desk.venue.fault(
        "margin", "reject", key=KEY, code="-4046", text="No need to change margin type."
    )
    assert desk.place("buy", "1", symbol="ETHUSDT").filled_quantity == 1


@pytest.mark.parametrize(
    ("operation", "kind", "code", "error"),
    [
        ("leverage", "reject", "-4028", OrderRejected),
        ("leverage", "reject", "-4161", OrderRejected),
        ("margin", "reject", "-4047", OrderRejected),
        ("leverage", "refuse_500", "", NotSent),
        ("leverage", "accept_then_close", "", NotSent),
        ("margin", "truncated_json", "", NotSent),
        ("setting", "refuse_500", "", NotSent),
        ("config", "refuse_500", "", NotSent),
        ("setting", "refuse_429", "", RateLimited),
    ],
)
def test_no_entry_leaves_at_an_unknown_leverage(
    desk: Desk, operation: str, kind: str, code: str, error: type[Exception]
) -> None:
    more: dict[str, Any] = {"code": code, "text": "No."} if code else {}
    desk.venue.fault(operation, kind, key=KEY, **more)
    asked = desk.ask("buy", "1")
    with pytest.raises(error) as refused:
        desk.broker.submit(asked)
    assert desk.venue.posts(asked.client_order_id) == 0
    if code:
        assert "nothing was sent" in str(refused.value)
        assert "BTCUSDT" in str(refused.value)
    if error is not RateLimited:
        assert desk.broker.submit(asked).filled_quantity == 1


@pytest.mark.parametrize("operation", ["config", "setting", "leverage", "margin"])
def test_an_exit_needs_none_of_it(desk: Desk, operation: str) -> None:
    desk.place("buy", "1")
    desk.reopen()
    desk.venue.fault(operation, "refuse_500", key=KEY, times=5)
    assert desk.place("sell", "1", reduce_only=True).filled_quantity == 1


@pytest.mark.parametrize(("there_hedged", "option"), [(True, "one_way"), (False, "hedge")])
def test_entries_wait_until_the_position_mode_is_agreed_on_and_exits_pass(
    alice: Any, futures_venue: FuturesVenue, there: Account, there_hedged: bool, option: str
) -> None:
    right = "hedge" if there_hedged else "one_way"
    there.hedged = there_hedged
    account = make_account(alice, position_mode=right)
    Desk(futures_venue, account).place("buy", "1")
    account.options = {"position_mode": option}
    desk = Desk(futures_venue, account)
    with pytest.raises(Unsupported, match="position_mode"):
        desk.place("buy", "1")
    assert desk.place("sell", "1", reduce_only=True).filled_quantity == 1


def test_an_entry_is_denied_by_the_mode_of_now_only(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    there.hedged = True
    desk = Desk(futures_venue, make_account(alice))
    with pytest.raises(Unsupported, match="position_mode"):
        desk.place("buy", "1")
    there.hedged = False
    assert desk.place("buy", "1").filled_quantity == 1


def test_a_check_forgets_how_symbols_are_set(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    """Their owner may have changed them at the venue's own site."""
    account = make_account(alice, leverage="5")
    Desk(futures_venue, account).place("buy", "1")
    Desk(futures_venue, account).place("sell", "1", reduce_only=True)
    there.setting("BTCUSDT").leverage = 20
    assert look_at(account).hindrances == []
    Desk(futures_venue, account).place("buy", "1")
    assert there.setting("BTCUSDT").leverage == 5


def test_a_mode_that_was_changed_there_meanwhile_is_read_again(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    """-4061 is certain: nothing happened, and the next attempt fits."""
    account = make_account(alice)
    desk = Desk(futures_venue, account)
    desk.place("buy", "1")
    desk.place("sell", "1", reduce_only=True)
    there.hedged = True
    with pytest.raises(NotSent):
        desk.place("buy", "1")
    account.options = {"position_mode": "hedge"}
    assert Desk(futures_venue, account).place("buy", "1").filled_quantity == 1


def test_options_that_are_changed_hold_for_the_next_entry(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    account = make_account(alice, leverage="2")
    Desk(futures_venue, account).place("buy", "1")
    account.options = {"leverage": "3"}
    desk = Desk(futures_venue, account)
    desk.place("buy", "1")
    assert there.setting("BTCUSDT").leverage == 2  # what is held keeps its own
    desk.place("sell", "2", reduce_only=True)
    desk.place("buy", "1")
    assert there.setting("BTCUSDT").leverage == 3


def test_buying_power_is_what_can_be_opened_at_the_leverage(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, make_account(alice, leverage="3"))
    assert desk.broker.account().buying_power == 90_000
    desk.place("buy", "800")
    with pytest.raises(OrderRejected, match="Margin is insufficient"):
        desk.place("buy", "200")


def test_stops_of_the_whole_position_where_the_option_says_so(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, make_account(alice, stops="close_position"))
    desk.place("buy", "2")
    stop = {"stop_price": "95", "reduce_only": True}
    whole = desk.place("sell", "2", "stop", **stop, closes_all=True, id="whole")
    assert (desk.sent("whole")["closePosition"], whole.closes_all) == ("true", True)
    desk.place("sell", "1", "stop", **stop, closes_all=True, id="part")
    assert desk.sent("part")["quantity"] == "1"
    shared = desk.place("sell", "2", "stop", **stop, id="shared")
    assert (desk.sent("shared")["quantity"], shared.closes_all) == ("2", False)
    desk.broker.cancel("shared")
    desk.venue.set_price("BTCUSDT", "94")
    report = desk.broker.order("whole")
    assert report is not None
    assert report.filled_quantity == 2
    assert desk.broker.positions() == []


def test_the_account_is_named_by_the_venue_and_asked_for_its_name_once(
    desk: Desk, there: Account
) -> None:
    assert {desk.broker.account().venue_account_id for _ in range(3)} == {there.alias}
    assert len(desk.venue.asked("balance")) == 1


# ---- an entry's own leverage ----


def test_an_entry_is_sent_at_the_leverage_that_it_asks_for(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, make_account(alice, leverage="2"))
    desk.place("buy", "1", leverage=D(7))
    asked = [each.operation for each in desk.venue.notes]
    assert asked.index("leverage") < asked.index("submit")
    assert there.setting("BTCUSDT").leverage == 7
    desk.place("buy", "1", leverage=D(7))
    assert len(desk.venue.asked("leverage")) == len(desk.venue.asked("setting")) == 1
    desk.place("sell", "2", reduce_only=True)
    desk.place("buy", "1")
    assert there.setting("BTCUSDT").leverage == 2


def test_what_another_process_has_set_is_known(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, make_account(alice, leverage="2"))
    desk.place("buy", "1")
    desk.place("sell", "1", reduce_only=True)
    first = desk.broker
    desk.reopen().submit(desk.ask("buy", "1", leverage=D(7)))
    desk.place("sell", "1", reduce_only=True)
    assert there.setting("BTCUSDT").leverage == 7
    first.submit(desk.ask("buy", "1"))
    assert there.setting("BTCUSDT").leverage == 2


@pytest.mark.parametrize("what", ["position", "order", "stop"])
@pytest.mark.parametrize("hedged", [False, True])
def test_leverage_is_never_changed_under_what_is_there(
    alice: Any, futures_venue: FuturesVenue, there: Account, what: str, hedged: bool
) -> None:
    there.hedged = hedged
    mode = "hedge" if hedged else "one_way"
    desk = Desk(futures_venue, make_account(alice, leverage="2", position_mode=mode))
    ways: dict[str, dict[str, str]] = {
        "position": {},
        "order": {"kind": "limit", "limit_price": "90"},
        "stop": {"kind": "stop", "stop_price": "110"},
    }
    desk.place("buy", "1", leverage=D(5), **ways[what])
    asked = desk.ask("buy", "1", leverage=D(3))
    with pytest.raises(Unsupported, match="at a leverage of 5, and this entry asks for 3") as no:
        desk.broker.submit(asked)
    assert no.value.venue_code == "LEVERAGE_HELD"
    assert desk.venue.posts(asked.client_order_id) == 0
    assert there.setting("BTCUSDT").leverage == 5
    # One that asks for none joins at what is there.
    assert desk.place("buy", "1").filled_quantity == 1
    assert there.setting("BTCUSDT").leverage == 5
    assert len(desk.venue.asked("leverage")) == 1


def test_stops_and_targets_of_nothing_hold_no_leverage(
    alice: Any, futures_venue: FuturesVenue, there: Account
) -> None:
    desk = Desk(futures_venue, make_account(alice))
    desk.place("buy", "1", leverage=D(5))
    desk.place("sell", "1", "stop", stop_price="90", reduce_only=True, id="left")
    desk.place("sell", "1", reduce_only=True)
    desk.place("buy", "1", leverage=D(3))
    assert there.setting("BTCUSDT").leverage == 3


@pytest.mark.parametrize("leverage", ["2.5", "126", "0.5"])
def test_a_leverage_that_the_venue_has_not_is_refused_before_anything_is_asked(
    desk: Desk, leverage: str
) -> None:
    with pytest.raises(Unsupported, match="whole number from 1 to 125"):
        desk.place("buy", "1", leverage=D(leverage))
    assert desk.venue.asked("setting") == desk.venue.asked("submit") == []


def test_a_change_that_may_have_failed_is_not_believed(desk: Desk, there: Account) -> None:
    desk.place("buy", "1", leverage=D(5))
    desk.place("sell", "1", reduce_only=True)
    desk.venue.fault("leverage", "accept_then_close", key=KEY)
    with pytest.raises(NotSent):
        desk.place("buy", "1", leverage=D(3))
    desk.place("buy", "1", leverage=D(5))
    assert there.setting("BTCUSDT").leverage == 5


def test_an_alerts_leverage_reaches_the_venue_and_its_buying_power(
    alice: Any, futures_venue: FuturesVenue
) -> None:
    """30,000 USDT are worth 60,000 of BTC at a leverage of 2."""
    hub = make_futures_hub(
        alice,
        futures_venue,
        {"max_order_value": "100000"},
        signal_overrides=["leverage", "size", "order_type"],
    )
    alert = {"symbol": "BTCUSDT", "price": "100", "action": "buy", "quantity": 500}
    denied = hub.send(**alert)
    assert [each["code"] for each in denied.reasons] == ["BUYING_POWER_TOO_LOW"]
    sent = hub.send(**alert, leverage=2)
    (order,) = sent.orders.all()
    assert (order.status, order.leverage) == ("filled", 2)
    there = futures_venue.venue.books.accounts[KEY]
    assert there.setting("BTCUSDT").leverage == 2
    more = {"price": "10", "symbol": "ETHUSDT", "leverage": "2.5", "quantity": 10}
    (order,) = hub.send(**{**alert, **more}).orders.all()
    assert (order.status, order.reason) == ("rejected", "UNSUPPORTED_BY_VENUE")
    assert "whole number" in order.reason_text


def test_a_strategys_leverage_is_its_entries(alice: Any, futures_venue: FuturesVenue) -> None:
    hub = make_futures_hub(alice, futures_venue, {"max_order_value": "100000"}, leverage=D(3))
    alert = {"symbol": "BTCUSDT", "price": "100", "action": "buy", "quantity": 5, "leverage": 9}
    (order,) = hub.send(**alert).orders.all()
    assert (order.status, order.leverage) == ("filled", 3)
    assert futures_venue.venue.books.accounts[KEY].setting("BTCUSDT").leverage == 3


def test_a_leverage_above_the_profiles_limit_is_denied(
    alice: Any, futures_venue: FuturesVenue
) -> None:
    limits = {"max_order_value": "100000", "max_leverage": "4"}
    words = ["leverage", "size", "order_type"]
    hub = make_futures_hub(alice, futures_venue, limits, signal_overrides=words)
    alert = {"symbol": "BTCUSDT", "price": "100", "action": "buy", "quantity": 5}
    (reason,) = hub.send(**alert, leverage=5).reasons
    assert (reason["code"], reason["measured"], reason["limit"]) == ("LEVERAGE_ABOVE_MAX", "5", "4")
    assert hub.send(**alert, leverage=4).outcome == "approved"
