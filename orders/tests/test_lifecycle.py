"""The order lifecycle: every pair of status and event is listed here or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.lifecycle import (
    AT_VENUE,
    ENDED,
    TRANSITIONS,
    UNSETTLED,
    WORKING,
    IllegalTransition,
    OrderEventName,
    next_status,
)
from tradehub.core.words import OrderStatus

# One row a status, one column an event; a dot is refused, a letter is how the status after
# it begins.
MATRIX = """
                 send deny not_sent accept partial_fill fill cancel reject expire lose resend review
queued           S    D    .        .      .            .    C      .      .      .    .      .
sending          .    .    Q        O      P            F    C      R      E      U    .      .
open             .    .    .        O      P            F    C      R      E      .    .      .
partially_filled .    .    .        .      P            F    C      .      E      .    .      .
filled           .    .    .        .      .            F    .      .      .      .    .      .
canceled         .    .    .        .      C            F    .      .      .      .    .      .
rejected         .    .    .        .      R            F    .      .      .      .    .      .
denied           .    .    .        .      .            .    .      .      .      .    .      .
expired          .    .    .        .      E            F    .      .      .      .    .      .
unconfirmed      .    D    .        O      P            F    C      R      E      .    S      U
"""


def _rows() -> list[tuple[OrderStatus, OrderEventName, OrderStatus | None]]:
    header, *lines = (line.split() for line in MATRIX.strip().splitlines())
    names = {status[0].upper(): OrderStatus(status) for status, *_ in lines}
    return [
        (OrderStatus(status), OrderEventName(event), names.get(cell))
        for status, *cells in lines
        for event, cell in zip(header, cells, strict=True)
    ]


ROWS = _rows()


def test_the_matrix_names_every_pair() -> None:
    assert {(status, event) for status, event, _ in ROWS} == {
        (status, event) for status in OrderStatus for event in OrderEventName
    }


@pytest.mark.parametrize(("status", "event", "after"), ROWS)
def test_every_pair_is_listed_or_refused(
    status: OrderStatus, event: OrderEventName, after: OrderStatus | None
) -> None:
    if after is None:
        with pytest.raises(IllegalTransition) as refused:
            next_status(status, event)
        assert (refused.value.status, refused.value.event) == (status, event)
        assert str(refused.value) == f"{event} can't follow {status}"
    else:
        assert next_status(status, event) is after


def test_every_status_can_be_reached_from_queued() -> None:
    reached = {OrderStatus.QUEUED}
    for _ in OrderStatus:
        reached |= {after for (status, _), after in TRANSITIONS.items() if status in reached}
    assert reached == set(OrderStatus)


def test_an_ended_order_takes_late_fills_and_nothing_else() -> None:
    events = {event for (status, event) in TRANSITIONS if status in ENDED}
    assert events <= {OrderEventName.PARTIAL_FILL, OrderEventName.FILL}


def test_only_the_venue_leaves_unconfirmed_and_never_back_to_the_queue() -> None:
    after = {to for (status, _), to in TRANSITIONS.items() if status is OrderStatus.UNCONFIRMED}
    assert OrderStatus.QUEUED not in after


def test_the_sets_divide_the_statuses() -> None:
    assert set(OrderStatus) == WORKING | ENDED
    assert not WORKING & ENDED
    assert AT_VENUE < WORKING
    assert UNSETTLED == WORKING - AT_VENUE


@given(st.lists(st.sampled_from(list(OrderEventName)), max_size=30))
def test_no_sequence_of_events_works_again_after_an_end(events: list[OrderEventName]) -> None:
    status, ended = OrderStatus.QUEUED, False
    for event in events:
        try:
            status = next_status(status, event)
        except IllegalTransition:
            continue
        assert not (ended and status in WORKING)
        ended = status in ENDED
