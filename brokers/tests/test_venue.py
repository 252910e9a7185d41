"""All orders of an account together: money, links, refusals; and what holds for any sequence."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal as D
from decimal import localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.paper import venue
from brokers.paper.ledger import Book, Holding, NoPrice, buying_power, equity
from brokers.paper.matching import Rules, VenueOrder
from brokers.paper.venue import Market, State
from brokers.tests.builders import NOW, quote, request
from brokers.types import OrderRequest, ReportStatus
from tradehub.core.intent import Trail
from tradehub.core.money import EXACT, ONE

RICH = State(Book(D(100_000)))


def market(last: str | None = "100", rules: Rules | None = None, seconds: int = 0) -> Market:
    now = NOW + timedelta(seconds=seconds)
    quotes = {} if last is None else {"AAPL": quote(last, at=now)}
    return Market(quotes, rules or Rules(), now)


def submit(state: State, asked: OrderRequest, seen: Market, step: D = ONE) -> State:
    return venue.submit(state, asked, seen, step=step)


def newest(state: State) -> VenueOrder:
    return state.orders[-1]


def holding(quantity: str, average: str = "100", cash: str = "100000") -> State:
    return State(Book(D(cash), {"AAPL": Holding(D(quantity), D(average))}))


def test_average_cost_through_adding_reducing_and_crossing_zero() -> None:
    state = submit(RICH, request("buy", "10"), market("100"))
    state = submit(state, request("buy", "30"), market("110"))
    assert state.book.holdings["AAPL"] == Holding(D(40), D("107.5"))
    state = submit(state, request("sell", "15"), market("120"))
    assert state.book.holdings["AAPL"] == Holding(D(25), D("107.5"))
    state = submit(state, request("sell", "35"), market("90"))
    assert state.book.holdings["AAPL"] == Holding(D(-10), D(90))
    assert state.book.cash == 100_000 - 1000 - 3300 + 1800 + 3150
    state = submit(state, request("buy", "10"), market("80"))
    assert state.book.holdings == {}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request("buy", "0"), "BAD_QUANTITY"),
        (request("buy", "-1"), "BAD_QUANTITY"),
        (request("buy", "1.5"), "BAD_QUANTITY"),
        (request("buy", "1", "limit"), "BAD_PRICE"),
        (request("buy", "1", "limit", limit_price="0"), "BAD_PRICE"),
        (request("buy", "1", "market", limit_price="10"), "BAD_PRICE"),
        (request("buy", "1", "stop", stop_price="-3"), "BAD_PRICE"),
        (request("buy", "1", "trailing_stop"), "BAD_PRICE"),
        (request("buy", "1", "trailing_stop", trail=Trail(D(1), D(1))), "BAD_PRICE"),
        (request("buy", "1", "trailing_stop", trail=Trail(percent=D(100))), "BAD_PRICE"),
        (request("buy", "1", "stop", stop_price="110", tif="ioc"), "BAD_TIME_IN_FORCE"),
        (request("sell", "1", reduce_only=True), "NOTHING_TO_REDUCE"),
        (request("buy", "1001"), "BUYING_POWER_TOO_LOW"),
        (request("sell", "1001"), "BUYING_POWER_TOO_LOW"),
    ],
)
def test_refusals(asked: OrderRequest, code: str) -> None:
    after = submit(RICH, asked, market())
    assert (newest(after).status, newest(after).code) == (ReportStatus.REJECTED, code)
    assert after.book == RICH.book
    assert after.executions == ()


def test_a_refusal_for_money_says_both_numbers() -> None:
    rules = Rules(fee_percent=D("0.1"))
    text = newest(submit(RICH, request("buy", "1000"), market("100", rules))).text
    assert text == "This order needs 100100 USD of buying power and 100000 is left."


def test_no_price_no_market_order_but_a_limit_may_wait() -> None:
    assert newest(submit(RICH, request(), market(None))).code == "PRICE_MISSING"
    limit = request("buy", "5", "limit", limit_price="90")
    assert newest(submit(RICH, limit, market(None))).status is ReportStatus.OPEN


def test_equity_without_a_price_is_not_guessed() -> None:
    with pytest.raises(NoPrice):
        equity(holding("10").book, {})


def test_leverage_multiplies_buying_power() -> None:
    rules = Rules(leverage=D(3))
    state = submit(RICH, request("buy", "2000"), market("100", rules))
    assert buying_power(state.book, state.orders, market().quotes, rules) == 100_000
    state = submit(state, request("buy", "1001"), market("100", rules))
    assert newest(state).code == "BUYING_POWER_TOO_LOW"


def test_working_orders_hold_buying_power_and_a_link_holds_it_once() -> None:
    state = submit(RICH, request("buy", "600", "limit", limit_price="90"), market())
    power = buying_power(state.book, state.orders, market().quotes, Rules())
    assert power == 100_000 - 54_000
    state = submit(state, request("buy", "600", "limit", limit_price="80"), market())
    assert newest(state).code == "BUYING_POWER_TOO_LOW"
    dip = request("buy", "600", "limit", limit_price="90", link="x")
    rise = request("buy", "600", "stop", stop_price="110", link="x")
    state = submit(submit(RICH, dip, market()), rise, market())
    assert [order.status for order in state.orders] == [ReportStatus.OPEN] * 2


def test_an_exit_passes_without_any_buying_power() -> None:
    broke = holding("1000", cash="-60000")
    target = request("sell", "1000", "limit", limit_price="110")
    state = submit(submit(broke, target, market()), request("sell", "1000"), market())
    assert newest(state).status is ReportStatus.FILLED


def test_short_selling_can_be_forbidden() -> None:
    rules = Rules(allow_short=False)
    state = submit(holding("5"), request("sell", "6"), market("100", rules))
    assert newest(state).code == "SHORT_NOT_ALLOWED"
    stop = request("sell", "5", "stop", stop_price="95")
    state = submit(holding("5"), stop, market("100", rules))
    state = submit(state, request("sell", "5"), market("100", rules))
    state = venue.advance(state, market("90", rules, seconds=1))
    assert state.book.holdings == {}
    assert state.orders[0].code == "NOTHING_TO_REDUCE"


def test_reduce_only_is_cut_to_what_is_held() -> None:
    state = submit(holding("4"), request("sell", "10", reduce_only=True), market())
    assert (newest(state).status, newest(state).filled) == (ReportStatus.FILLED, 4)
    assert state.book.holdings == {}


def test_one_of_a_link_cancels_the_other_in_the_same_step() -> None:
    stop = request("sell", "10", "stop", stop_price="95", link="x")
    target = request("sell", "10", "limit", limit_price="110", link="x")
    state = submit(submit(holding("10"), stop, market()), target, market())
    state = venue.advance(state, market("111", seconds=1))
    ended = {order.request.order_type.value: order for order in state.orders}
    assert ended["limit"].status is ReportStatus.FILLED
    assert (ended["stop"].status, ended["stop"].code) == (ReportStatus.CANCELED, "LINKED_FILLED")
    assert state.book.holdings == {}


def test_a_ladder_of_targets_needs_no_stop() -> None:
    state = holding("10")
    for price in ("110", "120"):
        target = request("sell", "5", "limit", limit_price=price, link="x", reduce_only=True)
        state = submit(state, target, market())
    state = venue.advance(state, market("111", seconds=1))
    assert [order.remaining for order in state.orders] == [0, 5]
    state = venue.advance(state, market("121", seconds=2))
    assert state.book.holdings == {}


def test_a_link_can_be_used_again_by_the_next_position() -> None:
    state = holding("10")
    for last in ("90", "80"):
        stop = request("sell", "10", "stop", stop_price=last, link="x", reduce_only=True)
        state = submit(state, stop, market("100"))
        state = venue.advance(state, market(last, seconds=1))
        assert newest(state).status is ReportStatus.FILLED
        state = submit(state, request("buy", "10"), market("100"))
    assert state.book.held("AAPL") == 10


def test_the_two_sides_of_a_breakout_are_alternatives() -> None:
    up = request("buy", "5", "stop", stop_price="110", link="x")
    down = request("sell", "5", "stop", stop_price="90", link="x")
    state = submit(submit(RICH, up, market()), down, market())
    state = venue.advance(state, market("112", seconds=1))
    assert [order.status.value for order in state.orders] == ["filled", "canceled"]


def test_a_part_of_one_shrinks_its_siblings() -> None:
    rules = Rules(fill_limit=D(4))
    stop = request("sell", "10", "stop", stop_price="95", link="x")
    first = request("sell", "5", "limit", limit_price="110", link="x")
    second = request("sell", "5", "limit", limit_price="120", link="x")
    state = holding("10")
    for each in (stop, first, second):
        state = submit(state, each, market("100", rules))
    state = venue.advance(state, market("111", rules, seconds=1))
    assert [order.remaining for order in state.orders] == [6, 1, 5]
    state = venue.advance(state, market("112", rules, seconds=2))
    assert [order.remaining for order in state.orders] == [5, 0, 5]
    state = venue.advance(state, market("90", rules, seconds=3))
    assert [order.remaining for order in state.orders] == [1, 0, 1]


def test_immediate_or_cancel_keeps_what_filled() -> None:
    rules = Rules(fill_limit=D(4))
    order = newest(submit(RICH, request("buy", "10", tif="ioc"), market("100", rules)))
    assert (order.status, order.code, order.filled) == (ReportStatus.CANCELED, "IOC", 4)
    order = newest(submit(RICH, request("buy", "10", tif="fok"), market("100", rules)))
    assert (order.status, order.code, order.filled) == (ReportStatus.CANCELED, "FOK", 0)


def test_cancel_after_the_price_was_touched_comes_too_late() -> None:
    asked = request("buy", "10", "limit", limit_price="90")
    state = submit(RICH, asked, market())
    late = venue.cancel(state, asked.client_order_id, market("89", seconds=1))
    assert newest(late).status is ReportStatus.FILLED
    early = venue.cancel(state, asked.client_order_id, market("91", seconds=1))
    assert newest(early).status is ReportStatus.CANCELED


prices = st.integers(1, 20_000).map(lambda cents: D(cents) / 100)
quantities = st.integers(1, 4000).map(lambda parts: D(parts) / 100)


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]))
    more: dict[str, Any] = {}
    if "limit" in kind:
        more["limit_price"] = str(draw(prices))
    if kind in ("stop", "stop_limit"):
        more["stop_price"] = str(draw(prices))
    if kind == "trailing_stop":
        more["trail"] = Trail(offset=draw(prices))
    return request(
        draw(st.sampled_from(["buy", "sell"])),
        str(draw(quantities)),
        kind,
        tif=draw(st.sampled_from(["gtc", "day"])),
        reduce_only=draw(st.booleans()),
        link=draw(st.sampled_from([None, "x", "y"])),
        **more,
    )


terms = st.builds(
    Rules,
    fee_percent=st.sampled_from([D(0), D("0.1"), D("0.0333")]),
    slippage_percent=st.sampled_from([D(0), D("0.05")]),
    fill_limit=st.sampled_from([None, D(3), D("0.07")]),
    allow_short=st.booleans(),
    leverage=st.sampled_from([D(1), D(5)]),
)


@given(terms, st.lists(st.tuples(requests(), prices), min_size=1, max_size=12))
def test_whatever_happens_value_is_kept_and_nothing_overfills(
    rules: Rules, steps: Sequence[tuple[OrderRequest, D]]
) -> None:
    state = State(Book(D(10_000)))
    for second, (asked, price) in enumerate(steps):
        state = submit(state, asked, market(str(price), rules, second), step=D("0.01"))
    with localcontext(EXACT):
        flow = sum((-e.side.sign * e.quantity * e.price - e.fee for e in state.executions), D(0))
        held = sum((e.side.sign * e.quantity for e in state.executions), D(0))
        assert state.book.cash == 10_000 + flow
        assert state.book.held("AAPL") == held
        for order in state.orders:
            mine = [e.quantity for e in state.executions if e.client_order_id == order.id]
            assert sum(mine, D(0)) == order.filled <= order.quantity <= order.request.quantity
    assert rules.allow_short or held >= 0


@given(
    st.integers(1, 12),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.sampled_from([None, D(1), D(4)]),
    st.lists(st.integers(85, 140), max_size=15),
)
def test_linked_orders_never_fill_more_than_the_largest_ladder(
    stop: int, targets: list[int], limit: D | None, walk: list[int]
) -> None:
    rules = Rules(fill_limit=limit)
    state = submit(holding("50"), _linked("stop", stop, stop_price="95"), market("100", rules))
    for place, size in enumerate(targets):
        target = _linked("limit", size, limit_price=str(110 + 10 * place))
        state = submit(state, target, market("100", rules))
    for second, last in enumerate(walk, start=1):
        state = venue.advance(state, market(str(last), rules, second))
        filled = sum(order.filled for order in state.orders)
        left = max(stop, sum(targets)) - filled
        assert left >= 0
        assert state.orders[0].remaining <= left
        assert sum(order.remaining for order in state.orders[1:]) <= left


def _linked(kind: str, quantity: int, **price: str) -> OrderRequest:
    return request("sell", str(quantity), kind, link="x", **price)
