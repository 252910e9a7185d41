"""Cases of the contract suite in which the venue does not say what happened, or nobody looked.

As in `cases`, where the others are.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from brokers.errors import BadCredentials, BrokerError, NotSent, OutcomeUnknown, RateLimited
from brokers.types import ReportStatus
from tests.venues.contract.cases import Case, case
from tests.venues.contract.desk import Can, VenueDesk, gained, held, now, order, place
from tests.venues.patience import hurried

R = ReportStatus

# ---- what is not known ----

UNKNOWN = (
    "accept_then_close",
    "accept_then_reset",
    "accept_then_500",
    "accept_then_504",
    "accept_then_400",
    "truncated_json",
    "cut_body",
    "empty_answer",
)
"""Taken, and the answer says nothing."""
SILENT = ("close_before", "reset_before", "refuse_500", "refuse_504", "redirect")
"""Not taken, and nobody can know."""


def _unknown(kind: str, taken: bool) -> Case:
    def lost(desk: VenueDesk) -> None:
        asked = order(desk, "buy", "1")
        desk.fault("submit", kind)
        with pytest.raises(OutcomeUnknown):
            desk.broker.submit(asked)
        assert desk.posts(asked.client_order_id) == 1
        found = desk.broker.order(asked.client_order_id)
        assert (found is not None) is taken
        if found is not None:
            assert found.status is R.FILLED
        assert (held(desk) > 0) is taken

    lost.__name__ = f"an_order_whose_answer_is_lost_is_asked_for_{kind}"
    return lost


for _kind in UNKNOWN:
    case(Can.FAULTS)(_unknown(_kind, taken=True))
for _kind in SILENT:
    case(Can.FAULTS)(_unknown(_kind, taken=False))


@case(Can.FAULTS)
def a_hanging_venue_is_left_after_its_time(desk: VenueDesk) -> None:
    place(desk, "buy", "1")  # what else an order needs is known
    asked = order(desk, "buy", "1")
    desk.fault("submit", "accept_then_hang", seconds=30)
    with hurried(), pytest.raises(OutcomeUnknown):
        desk.broker.submit(asked)
    assert desk.posts(asked.client_order_id) == 1
    found = desk.broker.order(asked.client_order_id)
    assert found is not None
    assert found.status is R.FILLED


@case(Can.FAULTS)
def an_answer_without_end_is_left(desk: VenueDesk) -> None:
    asked = order(desk, "buy", "1")
    desk.fault("submit", "huge_body")
    with pytest.raises(OutcomeUnknown):
        desk.broker.submit(asked)
    assert now(desk, asked).status is R.FILLED  # type: ignore[arg-type]  # both have the id


@case(Can.FAULTS)
def a_cancel_whose_answer_is_lost_is_not_known(desk: VenueDesk) -> None:
    report = place(desk, "buy", "1", "limit", limit_price="90")
    desk.fault("cancel", "accept_then_close")
    with pytest.raises(OutcomeUnknown):
        desk.broker.cancel(report.client_order_id)
    assert now(desk, report).status is R.CANCELED


@case(Can.FAULTS)
def a_venue_that_limits_is_left_alone_for_as_long_as_it_says(desk: VenueDesk) -> None:
    asked = order(desk, "buy", "1")
    desk.fault("submit", "refuse_429", retry_after=7)
    with pytest.raises(RateLimited) as limited:
        desk.broker.submit(asked)
    assert 1 <= limited.value.retry_after <= 7
    assert desk.posts(asked.client_order_id) == 1


@case(Can.FAULTS)
def a_key_that_is_refused_is_certain(desk: VenueDesk) -> None:
    asked = order(desk, "buy", "1")
    desk.fault("submit", "refuse_401")
    with pytest.raises(BadCredentials):
        desk.broker.submit(asked)
    assert desk.broker.order(asked.client_order_id) is None


@case(Can.FAULTS)
def a_read_that_fails_is_an_error_and_never_an_empty_answer(desk: VenueDesk) -> None:
    place(desk, "buy", "1")
    reads: dict[str, Callable[[], object]] = {
        "account": desk.broker.account,
        "open_orders": desk.broker.open_orders,
    }
    for operation, read in reads.items():
        for kind in ("refuse_500", "truncated_json", "accept_then_close"):
            desk.fault(operation, kind)
            with pytest.raises(BrokerError):
                read()


@case(Can.LAG)
def a_venue_that_denies_at_first_is_given_its_time(desk: VenueDesk) -> None:
    """`settle_seconds` says for how long "not found" proves nothing."""
    assert desk.broker.capabilities().settle_seconds >= 5
    desk.lag(30)
    report = place(desk, "buy", "1", "limit", limit_price="90")
    assert desk.broker.order(report.client_order_id) is None
    desk.lag(0)
    assert now(desk, report).status is R.OPEN


@case(Can.FAULTS)
def a_venue_that_can_not_be_reached_was_not_sent_anything(desk: VenueDesk) -> None:
    """A port at which nobody listens: the fault `refuse_connection` closes the venue's door."""
    asked = order(desk, "buy", "1")
    desk.fault("submit", "refuse_connection")
    with pytest.raises(NotSent):
        desk.broker.submit(asked)
    assert desk.posts(asked.client_order_id) == 0


# ---- after a gap ----


@case(Can.FORGETS)
def another_process_finds_what_happened_meanwhile(desk: VenueDesk) -> None:
    resting = place(desk, "buy", "1", "limit", limit_price="90")
    filled = place(desk, "buy", "2")
    desk.set_price("89")
    other = desk.reopen()
    since = resting.at - timedelta(minutes=5)
    told = other.reports([resting.client_order_id, filled.client_order_id])
    assert [each.status for each in told] == [R.FILLED, R.FILLED]
    assert {each.client_order_id for each in other.closed_orders(since)} == {
        resting.client_order_id,
        filled.client_order_id,
    }
    fills = other.fills(since)
    assert gained(*fills) == held(desk)
    known = {each.venue_fill_id for report in told for each in report.fills}
    assert {each.venue_fill_id for each in fills} == known


@case(Can.BY_HAND)
def an_order_placed_by_hand_is_listed(desk: VenueDesk) -> None:
    desk.by_hand_order("buy", "1", limit_price="90")
    (listed,) = desk.broker.open_orders()
    assert (listed.symbol, listed.quantity, listed.limit_price) == (desk.symbol, 1, 90)
    assert listed.venue_order_id


@case(Can.BY_HAND)
def what_is_sold_by_hand_is_told_by_its_fills(desk: VenueDesk) -> None:
    bought = place(desk, "buy", "2")
    desk.by_hand_order("sell", "1")
    fills = desk.broker.fills(bought.at)
    assert len(fills) == 2
    assert held(desk) == gained(*fills)
    assert all(each.venue_order_id for each in fills)
