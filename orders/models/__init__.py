"""Lanes, decisions, orders, fills, positions, and how they compare with the venue's.

Status is a projection of append-only events: `orders.recording` is the only writer of orders and
fills, `orders.positions` of positions. A lane is an account's ordered work, claimed by a
conditional UPDATE with a lease (`orders.lanes`). A foreign key has an index of its own only where
no other one begins with it.
"""

from orders.models.cash import CashEntry, CashReading
from orders.models.comparisons import Drift, LatestAlert, Reconciliation
from orders.models.lanes import Decision, Lane, LaneItem
from orders.models.orders import Fill, Order, OrderEvent
from orders.models.positions import DayStart, Position

__all__ = [
    "CashEntry",
    "CashReading",
    "DayStart",
    "Decision",
    "Drift",
    "Fill",
    "Lane",
    "LaneItem",
    "LatestAlert",
    "Order",
    "OrderEvent",
    "Position",
    "Reconciliation",
]
