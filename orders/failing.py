"""How long an item is tried that fails on our side.

A few times, then it is given up, so that the lane goes on. An exit is not lost for that: it is
tried for about ten minutes, less and less often, its owner is told, and what comes behind it does
not wait (`orders.lanes.next_item`).
"""

import structlog
from django.db.models import QuerySet

from orders.lanes import FAILED_OFTEN, hold_lane
from orders.models import Decision, LaneItem, Order
from orders.recording import say_of
from orders.sending import Desk
from tradehub.core.words import OrderRole, OrderStatus, Verb
from tradehub.lib.db import in_write_transaction

log = structlog.get_logger(__name__)

EXIT_ATTEMPTS = 45
LONGEST_PAUSE = 15.0
FAILS = "It fails on our side and is tried again; the log says why. If it can't wait, exit by hand."
_EXITS = (Verb.EXIT, Verb.REDUCE, Verb.CLOSE_ALL, Verb.REVERSE)


def pause_after_failure(item: LaneItem) -> float | None:
    """In seconds; None: it is given up. Asked before this failure is counted."""
    failures = item.attempts + 1
    if failures >= FAILED_OFTEN and (failures >= EXIT_ATTEMPTS or not _is_exit(item)):
        return None
    return min(2.0 ** min(item.attempts, 9) / 4, LONGEST_PAUSE)


def tell_of_failing(desk: Desk, item: LaneItem) -> None:
    """Once, when it has failed so often that another item would be given up."""
    if item.attempts + 1 != FAILED_OFTEN:
        return

    def tell() -> None:
        hold_lane(desk.claim, now=desk.clock())
        LaneItem.objects.filter(pk=item.pk).update(reason="INTERNAL_ERROR")
        for order in _unsent_exits(item):
            say_of(order, FAILS)

    in_write_transaction(tell)
    log.error("exit_fails", item=item.pk, account=item.account_id, code="INTERNAL_ERROR")


def _is_exit(item: LaneItem) -> bool:
    """It has an exit to send, or is to decide of one."""
    if _unsent_exits(item).exists():
        return True
    if item.kind != LaneItem.Kind.DECIDE or Decision.objects.filter(item=item).exists():
        return False
    # What can't be read as an intent fails for just that.
    return any(isinstance(each, dict) and each.get("verb") in _EXITS for each in _listed(item))


def _listed(item: LaneItem) -> list[object]:
    return item.intents if isinstance(item.intents, list) else []


def _unsent_exits(item: LaneItem) -> QuerySet[Order]:
    exits = Order.objects.filter(
        account_id=item.account_id,
        role=OrderRole.EXIT.value,
        status=OrderStatus.QUEUED.value,
    )
    return exits.filter(decision__item=item) | exits.filter(pk=item.subject)
