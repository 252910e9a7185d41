"""Order lifecycle: which event may follow which status.

Pure: no database, no clock. `orders.recording` is the only writer of a status (`orders.adopting`
writes the first one of an order that is not ours), and this table is the only rule it asks. A venue
may report a fill after a cancel, so CANCELED, EXPIRED and REJECTED still take fills; UNCONFIRMED is
left only on evidence from the venue.
"""

from collections.abc import Mapping
from enum import StrEnum

from tradehub.core.words import OrderStatus as S


class OrderEventName(StrEnum):
    SEND = "send"
    """Committed before the request leaves."""
    DENY = "deny"
    """We refused at the last gate, before sending."""
    NOT_SENT = "not_sent"
    """Proven: the request never reached the venue."""
    ACCEPT = "accept"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    CANCEL = "cancel"
    REJECT = "reject"
    EXPIRE = "expire"
    LOSE = "lose"
    """Sent, and no answer that proves anything."""
    REVIEW = "review"
    """Nobody could tell what became of it; its owner has to look."""
    RESEND = "resend"
    """Proven unknown to the venue past its settle time: sent again under the same id."""


E = OrderEventName


class IllegalTransition(Exception):
    """An event that can't follow this status."""

    def __init__(self, status: S, event: OrderEventName) -> None:
        super().__init__(f"{event} can't follow {status}")
        self.status = status
        self.event = event


_VENUE_SAYS = {
    E.ACCEPT: S.OPEN,
    E.PARTIAL_FILL: S.PARTIALLY_FILLED,
    E.FILL: S.FILLED,
    E.CANCEL: S.CANCELED,
    E.EXPIRE: S.EXPIRED,
    # A venue may take an order and refuse it later, when it triggers or at the open.
    E.REJECT: S.REJECTED,
}
"""What a venue may report of an order that it may know."""

_BY_STATUS: Mapping[S, Mapping[OrderEventName, S]] = {
    S.QUEUED: {
        E.SEND: S.SENDING,
        E.DENY: S.DENIED,
        E.CANCEL: S.CANCELED,  # canceled before it was ever sent
    },
    S.SENDING: {**_VENUE_SAYS, E.NOT_SENT: S.QUEUED, E.LOSE: S.UNCONFIRMED},
    S.UNCONFIRMED: {
        **_VENUE_SAYS,
        E.RESEND: S.SENDING,
        E.REVIEW: S.UNCONFIRMED,
        E.DENY: S.DENIED,  # the venue is sure that it never knew it, and it may go out no more
    },
    S.OPEN: _VENUE_SAYS,
    S.PARTIALLY_FILLED: {
        E.PARTIAL_FILL: S.PARTIALLY_FILLED,
        E.FILL: S.FILLED,
        E.CANCEL: S.CANCELED,
        E.EXPIRE: S.EXPIRED,
    },
    # Late fills: the order stays ended, the quantity moves.
    S.CANCELED: {E.PARTIAL_FILL: S.CANCELED, E.FILL: S.FILLED},
    S.EXPIRED: {E.PARTIAL_FILL: S.EXPIRED, E.FILL: S.FILLED},
    S.REJECTED: {E.PARTIAL_FILL: S.REJECTED, E.FILL: S.FILLED},
    S.FILLED: {E.FILL: S.FILLED},  # an overfill: the money moved, so it is recorded
    S.DENIED: {},
}

TRANSITIONS: Mapping[tuple[S, OrderEventName], S] = {
    (status, event): after for status, row in _BY_STATUS.items() for event, after in row.items()
}

WORKING = frozenset({S.QUEUED, S.SENDING, S.OPEN, S.PARTIALLY_FILLED, S.UNCONFIRMED})
"""May still fill, so it counts in full against every limit."""
AT_VENUE = frozenset({S.OPEN, S.PARTIALLY_FILLED})
UNSETTLED = frozenset({S.QUEUED, S.SENDING, S.UNCONFIRMED})
"""Not final for a signal: nobody knows yet what became of it."""
ENDED = frozenset(set(S) - WORKING)
NEEDS_REVIEW = "NEEDS_REVIEW"
"""The reason of an unconfirmed order that was handed to its owner."""


def next_status(status: S, event: OrderEventName) -> S:
    """The status after the event. Raises IllegalTransition."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransition(status, event) from None
