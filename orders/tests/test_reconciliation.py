"""Two books become one: whatever differs is found, what was healed is found no more, and what was
not told changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.types import FillReport, OrderReport, ReportStatus, VenuePosition
from orders.lifecycle import ENDED
from orders.reconciliation import (
    Agreed,
    Denied,
    ExternalFills,
    ExternalOrder,
    Finding,
    Missing,
    OrderNews,
    OurBooks,
    OurOrder,
    PositionDrift,
    StillOpen,
    TheirBooks,
    reconcile,
)
from tradehub.core.words import OrderSide, OrderStatus

D = Decimal
S = OrderStatus
R = ReportStatus
T0 = datetime(2026, 3, 18, 15, tzinfo=UTC)
SYMBOLS = {"a": "X", "b": "X", "c": "Y", "d": "Y", "e": "Z"}
"""Client order ids and what they trade."""
ENDINGS = {R.CANCELED: S.CANCELED, R.REJECTED: S.REJECTED, R.EXPIRED: S.EXPIRED}
NOTHING = TheirBooks((), (), ())


def ours(*orders: OurOrder, **more: object) -> OurBooks:
    known = {"fills": frozenset(), "positions": {}} | more
    return OurBooks({each.client_order_id: each for each in orders}, **known)  # type: ignore[arg-type]  # a test's shorthand


def order(name: str = "a", status: str = "open", quantity: int = 10, filled: int = 0) -> OurOrder:
    return OurOrder(f"ord_{name}", name, SYMBOLS[name], S(status), D(quantity), D(filled))


def fill(
    name: str, number: int, quantity: int = 1, side: str = "buy", after: int = 0
) -> FillReport:
    at = T0 + timedelta(seconds=after)
    symbol, size = SYMBOLS[name], D(quantity)
    return FillReport(f"f{number}", name, symbol, OrderSide(side), size, D(100), D(0), "USD", at)


def said(name: str, status: str = "open", *fills: FillReport, filled: int | None = None,
         quantity: int = 10) -> OrderReport:  # fmt: skip
    total = sum((each.quantity for each in fills), D(0)) if filled is None else D(filled)
    symbol = SYMBOLS[name]
    return OrderReport(
        name, f"v{name}", symbol, OrderSide.BUY, R(status), D(quantity), total, T0, fills
    )


# ---- one finding at a time ----


@pytest.mark.parametrize("status", ["open", "partially_filled", "unconfirmed"])
def test_what_the_venue_lists_no_more_is_asked_for(status: str) -> None:
    assert reconcile(ours(order(status=status)), NOTHING) == (Missing("ord_a", "a", "X"),)


@pytest.mark.parametrize("status", ["queued", "sending", "filled", "canceled", "denied"])
def test_what_is_not_there_yet_or_no_more_is_not_missed(status: str) -> None:
    assert reconcile(ours(order(status=status)), NOTHING) == ()


def test_what_is_not_told_is_not_gone() -> None:
    books = ours(order(), positions={"X": D(10)}, drifting=frozenset({"X"}))
    assert reconcile(books, TheirBooks(None, None, None)) == ()
    assert reconcile(books, TheirBooks(None, (), ())) == (PositionDrift("X", D(10), D(0), None),)
    assert reconcile(books, TheirBooks((), (), None)) == (Missing("ord_a", "a", "X"),)


def test_a_position_is_not_judged_without_the_fills() -> None:
    held = (VenuePosition("X", D(3), D(100)),)
    assert reconcile(ours(positions={"X": D(1)}), TheirBooks((), None, held)) == ()


def test_an_answer_settles_what_was_missed() -> None:
    asked = replace(NOTHING, asked={"a": None})
    assert reconcile(ours(order()), asked) == (Denied("ord_a", "a"),)
    gone = said("a", "canceled")
    asked = replace(NOTHING, asked={"a": gone})
    assert reconcile(ours(order()), asked) == (OrderNews("ord_a", gone),)


def test_a_question_about_an_order_carries_the_venue_s_own_id() -> None:
    known = replace(order(), venue_order_id="v1")
    assert reconcile(ours(known), NOTHING) == (Missing("ord_a", "a", "X", "v1"),)
    ended = replace(known, status=S.CANCELED)
    assert reconcile(ours(ended), TheirBooks((said("a"),), (), ())) == (
        StillOpen("ord_a", "a", "v1"),
    )


def test_fills_that_complete_an_order_explain_its_absence() -> None:
    done = fill("a", 1, 10)
    (news,) = reconcile(ours(order()), TheirBooks((), (done,), (VenuePosition("X", D(10), D(1)),)))
    assert isinstance(news, OrderNews)
    assert news.report.fills == (done,)


def test_a_part_does_not_explain_the_absence_of_the_rest() -> None:
    found = reconcile(ours(order()), TheirBooks((), (fill("a", 1, 4),), None))
    assert [type(each) for each in found] == [Missing, OrderNews]


def test_a_late_fill_of_an_ended_order_is_news() -> None:
    found = reconcile(ours(order(status="canceled")), TheirBooks((), (fill("a", 1),), None))
    assert [type(each) for each in found] == [OrderNews]


def test_a_fill_told_twice_is_one_and_a_known_one_is_none() -> None:
    one = fill("a", 1)
    listed = said("a", "partially_filled", one)
    (news,) = reconcile(ours(order()), TheirBooks((listed,), (one,), None))
    assert isinstance(news, OrderNews)
    assert news.report.fills == (one,)
    books = ours(order(status="partially_filled", filled=1), fills=frozenset({"f1"}))
    assert reconcile(books, TheirBooks((listed,), (one,), None)) == ()


def test_an_order_that_is_leaving_right_now_is_left_to_its_lane() -> None:
    theirs = TheirBooks((said("a"),), (fill("a", 1),), (VenuePosition("X", D(1), D(100)),))
    assert reconcile(ours(order(status="sending")), theirs) == ()


def test_an_ended_order_that_works_at_the_venue_is_found() -> None:
    theirs = TheirBooks((said("a"),), (), ())
    for status in ("canceled", "denied", "expired", "rejected"):
        assert reconcile(ours(order(status=status)), theirs) == (StillOpen("ord_a", "a"),)
    assert reconcile(ours(order(status="filled")), theirs) == ()


@pytest.mark.parametrize("status", ["denied", "queued"])
def test_a_fill_of_an_order_that_never_left_shows_as_a_difference(status: str) -> None:
    held = (VenuePosition("X", D(1), D(100)),)
    found = reconcile(ours(order(status=status)), TheirBooks((), (fill("a", 1),), held))
    assert found == (PositionDrift("X", D(0), D(1), D(100)),)


def test_a_fill_on_two_pages_of_a_list_explains_no_absence_twice() -> None:
    part = fill("a", 1, 6)
    found = reconcile(ours(order()), TheirBooks((), (part, part), None))
    assert [type(each) for each in found] == [Missing, OrderNews]


def test_strange_orders_and_fills_are_external() -> None:
    listed, loose, later = said("a"), fill("c", 1, after=2), fill("c", 2, after=1)
    first, second = reconcile(ours(), TheirBooks((listed,), (loose, later), None))
    assert first == ExternalOrder(listed)
    assert isinstance(second, ExternalFills)
    assert second.report.fills == (later, loose)
    assert (second.report.quantity, second.report.symbol) == (2, "Y")


def test_strange_fills_from_before_the_baseline_are_in_the_positions() -> None:
    books = ours(positions={"Y": D(5)}, baseline=T0 + timedelta(seconds=5))
    theirs = TheirBooks(
        (), (fill("c", 1), fill("c", 2, after=9)), (VenuePosition("Y", D(6), D(1)),)
    )
    (found,) = reconcile(books, theirs)
    assert isinstance(found, ExternalFills)
    assert [each.venue_fill_id for each in found.report.fills] == ["f2"]


def test_a_difference_that_the_fills_explain_is_none() -> None:
    listed = said("a", "partially_filled", fill("a", 1, 4))
    held = (VenuePosition("X", D(4), D(1)), VenuePosition("Y", D(-2), D(1)))
    found = reconcile(ours(order()), TheirBooks((listed,), (fill("c", 2, 2, "sell"),), held))
    assert [type(each) for each in found] == [OrderNews, ExternalFills]


def test_what_differed_and_agrees_again_is_said_so() -> None:
    books = ours(positions={"X": D(1)}, drifting=frozenset({"X", "Y"}))
    held = (VenuePosition("X", D(1), D(1)), VenuePosition("Z", D(0), D(0)))
    assert reconcile(books, TheirBooks((), (), held)) == (Agreed("X"), Agreed("Y"))


def test_a_known_fill_told_again_beside_a_new_one_moves_nothing() -> None:
    known, new = fill("a", 1, 4), fill("a", 2, 2)
    books = ours(order(filled=4), fills=frozenset({"f1"}), positions={"X": D(4)})
    held = (VenuePosition("X", D(6), D(1)),)
    listed = said("a", "partially_filled", known, new)
    found = reconcile(books, TheirBooks((listed,), (), held))
    assert [type(each) for each in found] == [OrderNews]


def test_filled_without_a_fill_is_no_news_yet() -> None:
    assert reconcile(ours(order()), TheirBooks((said("a", "filled"),), (), ())) == ()


def test_an_external_order_that_has_ended_is_adopted_for_its_fills_alone() -> None:
    done = said("a", "filled", fill("a", 1, 10))
    (found,) = reconcile(ours(), TheirBooks((), None, None, asked={"a": done}))
    assert found == ExternalOrder(done)
    over = TheirBooks((), None, None, asked={"a": said("a", "canceled")})
    assert reconcile(ours(), over) == ()


def test_a_position_of_nothing_has_no_price() -> None:
    theirs = TheirBooks((), (), (VenuePosition("X", D(0), D(7)),))
    found = reconcile(ours(positions={"X": D(1)}), theirs)
    assert found == (PositionDrift("X", D(1), D(0), None),)


def test_of_fills_alone_an_order_is_told_as_far_as_they_go() -> None:
    told = (fill("c", 2, 2, "sell", after=3), fill("c", 1, 4, "sell", after=3), fill("c", 3))
    (found,) = reconcile(ours(), TheirBooks(None, told, None))
    at = T0 + timedelta(seconds=3)
    oldest_first = (told[2], told[1], told[0])
    status = R.PARTIALLY_FILLED
    known = OrderReport("c", "", "Y", OrderSide.SELL, status, D(7), D(7), at, oldest_first)
    assert found == ExternalFills(known)


def test_an_answer_about_one_order_is_newer_than_the_list() -> None:
    gone, listed = said("a", "canceled"), (said("c"), said("a"))
    theirs = TheirBooks(listed, (), (), asked={"a": gone})
    assert reconcile(ours(order(), order("c")), theirs) == (OrderNews("ord_a", gone),)
    assert reconcile(ours(), replace(theirs, open_orders=listed[1:])) == ()
    # "Never heard of it" is no report: then the list counts.
    denied = replace(theirs, asked={"a": None})
    assert reconcile(ours(order(), order("c")), denied) == ()


def test_an_answer_and_its_fills_count_without_any_list() -> None:
    done = said("a", "filled", fill("a", 1, 10))
    asked = TheirBooks(None, None, None, asked={"c": None, "a": done})
    assert reconcile(ours(order(), order("c")), asked) == (OrderNews("ord_a", done),)


@pytest.mark.parametrize(("filled", "missed"), [(9, True), (10, False), (11, False)])
def test_an_order_that_is_full_is_not_missed(filled: int, missed: bool) -> None:
    expected = (Missing("ord_a", "a", "X"),) if missed else ()
    assert reconcile(ours(order(filled=filled)), NOTHING) == expected


@pytest.mark.parametrize(("recorded", "more", "missed"), [(6, 3, True), (6, 4, False)])
def test_recorded_and_new_fills_together_explain_an_absence(
    recorded: int, more: int, missed: bool
) -> None:
    books = ours(order(status="partially_filled", filled=recorded))
    found = reconcile(books, TheirBooks((), (fill("a", 1, more),), None))
    assert [type(each) for each in found] == [*[Missing] * missed, OrderNews]


@pytest.mark.parametrize(
    ("status", "filled", "said_filled", "news"),
    [
        ("open", 4, 0, False),  # it says no number: the fills are to come
        ("open", 4, 5, False),  # of one more than we have
        ("open", 4, 4, True),
        ("open", 4, 3, True),
        ("open", 0, 1, False),
        ("queued", 4, 4, False),
        ("unconfirmed", 0, 0, True),
    ],
)
def test_filled_is_news_when_all_its_fills_are_here(
    status: str, filled: int, said_filled: int, news: bool
) -> None:
    done = said("a", "filled", filled=said_filled)
    found = reconcile(ours(order(status=status, filled=filled)), TheirBooks((done,), (), None))
    assert found == ((OrderNews("ord_a", done),) if news else ())


@pytest.mark.parametrize("status", ["canceled", "rejected", "expired"])
def test_an_end_is_news_but_not_of_what_never_left(status: str) -> None:
    over = said("a", status)
    theirs = TheirBooks((over,), (), None)
    assert reconcile(ours(order()), theirs) == (OrderNews("ord_a", over),)
    assert reconcile(ours(order(status="queued")), theirs) == ()
    assert reconcile(ours(order(status="canceled")), theirs) == ()


def test_a_fill_is_in_the_positions_only_before_their_baseline() -> None:
    books = ours(baseline=T0 + timedelta(seconds=5))
    theirs = TheirBooks((), (fill("c", 1, after=4), fill("c", 2, after=5)), None)
    (found,) = reconcile(books, theirs)
    assert isinstance(found, ExternalFills)
    assert [each.venue_fill_id for each in found.report.fills] == ["f2"]
    assert reconcile(books, TheirBooks((), (fill("c", 1, after=4),), None)) == ()


def test_a_strange_order_keeps_only_the_fills_that_count() -> None:
    listed = said("a", "partially_filled", fill("a", 1), fill("a", 2, after=6))
    old = said("c", "partially_filled", fill("c", 3), filled=1)
    books = ours(baseline=T0 + timedelta(seconds=5))
    first, second = reconcile(books, TheirBooks((old, listed), None, None))
    assert first == ExternalOrder(replace(listed, fills=listed.fills[1:]))
    assert second == ExternalOrder(replace(old, fills=()))


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
def test_the_position_of_an_order_in_flight_is_not_judged(status: str) -> None:
    held = (VenuePosition("X", D(3), D(100)), VenuePosition("Y", D(3), D(100)))
    theirs = TheirBooks(None, (), held)
    found = reconcile(ours(order(status=status)), theirs)
    assert found == (PositionDrift("Y", D(0), D(3), D(100)),)


def test_each_new_fill_moves_what_is_expected_once() -> None:
    told = (fill("a", 1, 4), fill("a", 2, 2), fill("b", 3, 1, "sell"), fill("c", 4, 3, "sell"))
    books = ours(order(), order("b"), fills=frozenset({"f9"}), positions={"X": D(10)})
    found = reconcile(books, TheirBooks(None, told, ()))
    assert found[-2:] == (
        PositionDrift("X", D(15), D(0), None),
        PositionDrift("Y", D(-3), D(0), None),
    )


def test_findings_come_in_the_order_in_which_they_are_to_be_done() -> None:
    strange, told = (said("d"), said("e")), said("c", "partially_filled", fill("c", 1), quantity=1)
    theirs = TheirBooks(strange, told.fills, (VenuePosition("Z", D(1), D(5)),))
    books = ours(order("b"), order("a"), drifting=frozenset({"X"}))
    assert reconcile(books, theirs) == (
        Missing("ord_a", "a", "X"),
        Missing("ord_b", "b", "X"),
        ExternalFills(replace(told, venue_order_id="")),
        ExternalOrder(strange[0]),
        ExternalOrder(strange[1]),
        Agreed("X"),
        PositionDrift("Y", D(1), D(0), None),
        PositionDrift("Z", D(0), D(1), D(5)),
    )


@pytest.mark.parametrize(
    ("mine", "there", "differs"), [(1, 2, False), (2, 1, False), (1, 3, True), (-1, 2, True)]
)
def test_a_difference_too_small_to_trade_is_none(mine: int, there: int, differs: bool) -> None:
    held = VenuePosition("X", D(there), D(5), least=D(2))
    found = reconcile(ours(positions={"X": D(mine)}), TheirBooks((), (), (held,)))
    assert found == ((PositionDrift("X", D(mine), D(there), D(5)),) if differs else ())


# ---- any two books ----

names = st.sampled_from(sorted(SYMBOLS))
fills = st.builds(
    fill,
    names,
    st.integers(1, 8),
    st.integers(1, 4),
    st.sampled_from(["buy", "sell"]),
    st.integers(0, 9),
)
our_orders = st.builds(
    order, names, st.sampled_from([each.value for each in S]), st.integers(1, 9), st.just(0)
)
reports = st.builds(
    said,
    names,
    st.sampled_from([each.value for each in R]),
    filled=st.integers(0, 5),
    quantity=st.integers(1, 9),
)
positions = st.dictionaries(st.sampled_from(["X", "Y", "Z"]), st.integers(-5, 5).map(D))


def unique(found: list[FillReport]) -> tuple[FillReport, ...]:
    return tuple({each.venue_fill_id: each for each in found}.values())


@st.composite
def our_books(draw: st.DrawFn) -> OurBooks:
    orders = draw(st.lists(our_orders, max_size=4))
    known = draw(st.frozensets(st.integers(1, 8).map(lambda number: f"f{number}")))
    held = {symbol: number for symbol, number in draw(positions).items() if number}
    return ours(*orders, fills=known, positions=held)


@st.composite
def their_books(draw: st.DrawFn) -> TheirBooks:
    listed = {each.client_order_id: each for each in draw(st.lists(reports, max_size=4))}
    held = tuple(VenuePosition(each, number, D(100)) for each, number in draw(positions).items())
    return TheirBooks(tuple(listed.values()), unique(draw(st.lists(fills, max_size=6))), held)


def as_the_venue_has_it(books: OurBooks) -> TheirBooks:
    """The venue of which our books are a true copy."""
    working = [
        each for each in books.orders.values() if each.status in (S.OPEN, S.PARTIALLY_FILLED)
    ]
    listed = tuple(replace(said(each.client_order_id, each.status.value),
                           filled_quantity=each.filled_quantity) for each in working)  # fmt: skip
    told = tuple(fill("a", int(each[1:])) for each in sorted(books.fills))
    held = tuple(VenuePosition(each, number, D(1)) for each, number in books.positions.items())
    return TheirBooks(listed, told, held)


def asked(books: OurBooks, theirs: TheirBooks) -> TheirBooks:
    """With the answer, "never heard of it", about each order that is missing."""
    missing = (each for each in reconcile(books, theirs) if isinstance(each, Missing))
    return replace(theirs, asked={each.client_order_id: None for each in missing})


def applied(books: OurBooks, findings: tuple[Finding, ...]) -> OurBooks:
    """What the service makes of findings, in miniature."""
    for finding in findings:
        match finding:
            case OrderNews(report=report):
                before = books.orders[report.client_order_id]
                books = recorded(books, before, report)
            case ExternalOrder(report=report) | ExternalFills(report=report):
                name = report.client_order_id
                new = OurOrder(name, name, report.symbol, S.OPEN, report.quantity)
                books = recorded(books, new, report)
            case Denied(client_order_id=name):
                gone = replace(books.orders[name], status=S.CANCELED)
                books = replace(books, orders={**books.orders, name: gone})
            case PositionDrift(symbol=symbol, theirs=there):
                held = {**books.positions, symbol: there}
                held = {each: number for each, number in held.items() if number}
                books = replace(books, positions=held)
    return books


def recorded(books: OurBooks, before: OurOrder, report: OrderReport) -> OurBooks:
    new = [each for each in report.fills if each.venue_fill_id not in books.fills]
    filled = before.filled_quantity + sum((each.quantity for each in new), D(0))
    status = before.status
    if new and filled >= before.quantity:
        status = S.FILLED
    elif status in (S.UNCONFIRMED, S.OPEN, S.PARTIALLY_FILLED):
        status = S.PARTIALLY_FILLED if filled else S.OPEN
        if report.status is R.FILLED and 0 < report.filled_quantity <= filled:
            status = S.FILLED
    if status not in ENDED and report.status in ENDINGS:
        status = ENDINGS[report.status]
    held = dict(books.positions)
    for each in new:
        number = held.get(each.symbol, D(0)) + each.side.sign * each.quantity
        held[each.symbol] = number
    after = replace(before, status=status, filled_quantity=filled)
    return replace(
        books,
        orders={**books.orders, after.client_order_id: after},
        fills=books.fills | {each.venue_fill_id for each in new},
        positions={symbol: number for symbol, number in held.items() if number},
    )


def lasting(books: OurBooks, theirs: TheirBooks) -> tuple[Finding, ...]:
    """What is found, but for what only the venue can end."""
    return tuple(each for each in reconcile(books, theirs) if not isinstance(each, StillOpen))


@given(our_books())
def test_equal_books_have_no_findings(books: OurBooks) -> None:
    sure = {each: row for each, row in books.orders.items() if row.status is not S.UNCONFIRMED}
    books = replace(books, orders=sure)
    assert reconcile(books, as_the_venue_has_it(books)) == ()


@given(our_books(), their_books())
def test_what_is_applied_is_found_no_more(books: OurBooks, theirs: TheirBooks) -> None:
    theirs = asked(books, theirs)
    healed = applied(books, reconcile(books, theirs))
    # Once more for a symbol that was not judged while an order of it was unconfirmed, and for an
    # order that the fills have confirmed.
    theirs = replace(theirs, asked={**asked(healed, theirs).asked, **theirs.asked})
    healed = applied(healed, reconcile(healed, theirs))
    assert lasting(healed, theirs) == ()


@given(our_books(), their_books())
def test_findings_come_only_from_what_was_told(books: OurBooks, theirs: TheirBooks) -> None:
    silent = reconcile(books, TheirBooks(None, theirs.fills, None))
    assert not any(
        isinstance(each, Missing | Denied | StillOpen | PositionDrift | Agreed) for each in silent
    )
    assert reconcile(books, TheirBooks(None, None, theirs.positions)) == ()
    listed = reconcile(books, TheirBooks(theirs.open_orders, None, theirs.positions))
    assert not any(isinstance(each, PositionDrift | Agreed | ExternalFills) for each in listed)


@given(our_books(), their_books())
def test_every_fill_is_recorded_at_most_once(books: OurBooks, theirs: TheirBooks) -> None:
    found = reconcile(books, theirs)
    told = [
        fill.venue_fill_id
        for each in found
        if isinstance(each, OrderNews | ExternalOrder | ExternalFills)
        for fill in each.report.fills
        if fill.venue_fill_id not in books.fills
    ]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
@pytest.mark.parametrize("name", ["venue:7", "fill:f1"])
def test_what_has_no_name_may_be_an_order_that_is_leaving(status: str, name: str) -> None:
    """Its number is not known yet. One that its owner was asked about may stay so for days."""
    mine = order("a", status)
    theirs = TheirBooks(None, (replace(fill("a", 1), client_order_id=name),), None)
    listed = replace(said("a"), client_order_id="venue:8")

    def external(mine: OurOrder, theirs: TheirBooks) -> int:
        found = reconcile(ours(mine), theirs)
        return sum(isinstance(each, ExternalFills | ExternalOrder) for each in found)

    for books in (theirs, TheirBooks((listed,), None, None)):
        assert external(mine, books) == 0
        assert external(replace(mine, in_review=True), books) == 1
        assert external(replace(mine, venue_order_id="9"), books) == 1
        assert external(replace(mine, status=S.OPEN), books) == 1
        assert external(replace(mine, symbol="Y"), books) == 1
