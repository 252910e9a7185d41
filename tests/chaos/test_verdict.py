"""Every kind of bad case is seen, and a run without one is clean."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.chaos.verdict import (
    CATEGORIES,
    Decided,
    OurBooks,
    OurOrder,
    OurPosition,
    Sent,
    TheirBooks,
    TheirOrder,
    Verdict,
    judge,
)

ONE = Decimal("1.000001")
ENTRY, STOP = "entry-id", "stop-id"

SENT = Sent(1, "a", "AAA", "buy", ONE, "sig_1")
OUR_ENTRY = OurOrder("ord_1", "a", "sig_1", ENTRY, "AAA", "filled", ONE)
OUR_STOP = OurOrder("ord_2", "a", "sig_1", STOP, "AAA", "open", Decimal(0))
OURS = OurBooks(
    signals={"sig_1": "processed"},
    decisions=(Decided("sig_1", "a", approved=True, acts=True),),
    orders=(OUR_ENTRY, OUR_STOP),
    fills={("a", "F1"): ONE},
    positions=(OurPosition("a", "AAA", ONE, wants_stop=True),),
)
THEIR_ENTRY = TheirOrder("V1", "a", ENTRY, "AAA", "buy", "market", ONE, ONE, "filled")
THEIR_STOP = TheirOrder(
    "V2", "a", STOP, "AAA", "sell", "stop", ONE, Decimal(0), "open", reduce_only=True
)
THEIRS = TheirBooks(
    orders=(THEIR_ENTRY, THEIR_STOP), fills={("a", "F1"): ONE}, positions={("a", "AAA"): ONE}
)


def verdict(
    ours: OurBooks = OURS, theirs: TheirBooks = THEIRS, sent: tuple[Sent, ...] = (SENT,)
) -> Verdict:
    return judge(sent, ours, theirs)


def whats(found: Verdict) -> dict[str, list[str]]:
    named = {name: [each.what for each in getattr(found, name)] for name in CATEGORIES}
    return {name: cases for name, cases in named.items() if cases}


def test_books_that_agree_are_clean() -> None:
    assert verdict().clean


def test_an_alert_without_an_answer_may_be_lost() -> None:
    unanswered = replace(SENT, signal_id=None)
    assert judge([unanswered], OurBooks(), TheirBooks()).clean


def test_an_alert_without_an_answer_may_be_executed_but_once() -> None:
    unanswered = replace(SENT, signal_id=None)
    assert verdict(sent=(unanswered,)).clean
    twice = replace(THEIRS, orders=(*THEIRS.orders, replace(THEIR_ENTRY, client_order_id="x")))
    assert whats(verdict(theirs=twice, sent=(unanswered,)))["doubled"] == ["alert 1 opened 2 times"]


def test_an_acknowledged_alert_without_a_row_is_lost() -> None:
    assert whats(judge([SENT], OurBooks(), TheirBooks())) == {
        "lost": ["acknowledged and not stored"]
    }


@pytest.mark.parametrize("status", ["received", "held", "failed"])
def test_an_acknowledged_alert_that_is_not_final_or_given_up_is_lost(status: str) -> None:
    found = verdict(replace(OURS, signals={"sig_1": status}))
    assert whats(found) == {"lost": [f"acknowledged and {status}"]}


def test_a_final_signal_that_nobody_decided_is_lost() -> None:
    assert whats(verdict(replace(OURS, decisions=()))) == {"lost": ["final without a decision"]}


def test_an_approved_decision_without_orders_is_lost() -> None:
    idle = (Decided("sig_1", "a", approved=True, acts=False),)
    assert whats(verdict(replace(OURS, decisions=idle))) == {"lost": ["approved without an order"]}


def test_an_order_that_we_call_filled_and_the_venue_does_not_know_is_lost() -> None:
    phantom = replace(OUR_STOP, id="ord_3", client_order_id="phantom", status="open")
    found = verdict(replace(OURS, orders=(*OURS.orders, phantom)))
    assert whats(found) == {"lost": ["open here and unknown to the venue"]}


@pytest.mark.parametrize("status", ["denied", "rejected"])
def test_an_order_that_ended_without_a_reason_is_lost(status: str) -> None:
    silent = replace(OUR_ENTRY, id="ord_3", client_order_id="never-sent", status=status)
    found = verdict(replace(OURS, orders=(*OURS.orders, silent)))
    assert whats(found) == {"lost": [f"{status} without a reason"]}
    told = replace(silent, reason="NOT_SENT")
    assert verdict(replace(OURS, orders=(*OURS.orders, told))).clean


def test_a_client_order_id_that_was_taken_twice_is_doubled() -> None:
    again = replace(THEIRS, orders=(*THEIRS.orders, replace(THEIR_STOP, id="V3")))
    assert whats(verdict(theirs=again))["doubled"] == ["placed 2 times"]


def test_one_alert_opened_twice_under_two_ids_is_doubled() -> None:
    """As after a resend under a fresh id: our row names the second only."""
    second = replace(THEIR_ENTRY, id="V3", client_order_id="fresh")
    found = whats(verdict(theirs=replace(THEIRS, orders=(*THEIRS.orders, second))))
    assert found["doubled"] == ["alert 1 opened 2 times"]
    assert found["unexplained"] == ["buy 1.000001 AAA at the venue is no order of ours"]


def test_an_order_of_the_venue_that_is_none_of_ours_is_unexplained() -> None:
    stranger = replace(THEIR_STOP, id="V3", client_order_id="strange", status="canceled")
    found = verdict(theirs=replace(THEIRS, orders=(*THEIRS.orders, stranger)))
    assert whats(found) == {"unexplained": ["sell 1.000001 AAA at the venue is no order of ours"]}


def test_our_own_order_adopted_as_a_strangers_is_unexplained() -> None:
    adopted = (replace(OUR_ENTRY, source="external"), OUR_STOP)
    found = verdict(replace(OURS, orders=adopted))
    assert whats(found) == {"unexplained": ["buy 1.000001 AAA at the venue is no order of ours"]}


def test_an_opening_that_no_alert_asked_for_is_unexplained() -> None:
    other = replace(SENT, quantity=Decimal("1.000002"))
    found = verdict(sent=(other,))
    assert whats(found) == {"unexplained": ["opened buy 1.000001, which no alert asked for"]}


@pytest.mark.parametrize("status", ["queued", "sending", "unconfirmed"])
def test_an_order_left_in_the_air_is_unexplained(status: str) -> None:
    left = (replace(OUR_ENTRY, status=status, reason="NEEDS_REVIEW"), OUR_STOP)
    found = verdict(replace(OURS, orders=left))
    assert whats(found) == {"unexplained": [f"left {status} NEEDS_REVIEW"]}


@pytest.mark.parametrize(
    "changes", [{"status": "canceled"}, {"filled": Decimal(1)}], ids=["status", "filled"]
)
def test_an_order_that_is_otherwise_there_is_unexplained(changes: dict[str, str | Decimal]) -> None:
    found = verdict(replace(OURS, orders=(replace(OUR_ENTRY, **changes), OUR_STOP)))  # type: ignore[arg-type]  # by name
    assert [each.order_id for each in found.unexplained] == ["ord_1"]


@pytest.mark.parametrize("fills", [{}, {("a", "F1"): Decimal(1)}], ids=["missing", "another"])
def test_fills_that_differ_are_unexplained(fills: dict[tuple[str, str], Decimal]) -> None:
    assert len(verdict(replace(OURS, fills=fills)).unexplained) == 1
    assert len(verdict(theirs=replace(THEIRS, fills=fills)).unexplained) == 1


def test_positions_that_differ_are_unexplained() -> None:
    bare = replace(OURS.positions[0], quantity=Decimal(2), wants_stop=False)
    found = verdict(replace(OURS, positions=(bare,)))
    assert whats(found) == {"unexplained": ["AAA: 2 held here, 1.000001 at the venue"]}


def test_a_drift_that_is_not_healed_is_unexplained() -> None:
    found = verdict(replace(OURS, drifts=(("a", "AAA"),)))
    assert whats(found) == {"unexplained": ["AAA: a drift is not healed"]}


@pytest.mark.parametrize(
    "changes",
    [{"status": "canceled"}, {"quantity": Decimal("0.5")}, {"side": "buy"}],
    ids=["gone", "too small", "wrong side"],
)
def test_a_position_without_the_stop_it_asked_for_is_unprotected(
    changes: dict[str, object],
) -> None:
    stop = replace(THEIR_STOP, **changes)  # type: ignore[arg-type]  # by name
    ours = replace(OURS, orders=(OUR_ENTRY, replace(OUR_STOP, status=stop.status)))
    theirs = replace(THEIRS, orders=(THEIR_ENTRY, stop))
    found = whats(verdict(ours, theirs))
    assert list(found) == ["unprotected"]
    assert ["asked for a stop" in each for each in found["unprotected"]] == [True]
    alarmed = replace(ours, positions=(replace(OURS.positions[0], alarmed=True),))
    assert verdict(alarmed, theirs).clean
    strict = judge([SENT], alarmed, theirs, may_shout=False)
    assert whats(strict) == found


def test_a_stop_is_as_large_as_an_order_can_be() -> None:
    """A fee that was taken of what was bought leaves less than a step, which no order can name."""
    held = Decimal("0.99900099")
    positions = (OurPosition("a", "AAA", held, wants_stop=True),)
    stop = replace(THEIR_STOP, quantity=Decimal("0.99900"))
    theirs = replace(THEIRS, orders=(THEIR_ENTRY, stop), positions={("a", "AAA"): held})
    assert verdict(replace(OURS, positions=positions), theirs).unprotected
    stepped = replace(theirs, steps={"AAA": Decimal("0.00001")})
    assert verdict(replace(OURS, positions=positions), stepped).clean
    rest = (OurPosition("a", "AAA", Decimal("0.00000099"), wants_stop=True),)
    sold = replace(stepped, orders=(THEIR_ENTRY,), positions={("a", "AAA"): rest[0].quantity})
    left = replace(OURS, orders=(OUR_ENTRY,), positions=rest)
    assert verdict(left, sold).clean


def test_a_stop_that_works_for_nothing_is_unexplained() -> None:
    """It would open a position of its own at a venue that forgets what reduces."""
    theirs = replace(THEIRS, positions={})
    ours = replace(OURS, positions=())
    found = verdict(ours, theirs)
    assert whats(found) == {"unexplained": ["a stop of AAA works at the venue and nothing is held"]}
