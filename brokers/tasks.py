"""Celery's doors to the venues for what is no order: a page's question, the account doctor.

Each speaks to one account, in the room that its kind has (`brokers.room`)."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from celery import shared_task
from redis import RedisError

from brokers import asking, examining
from brokers.errors import BrokerError, NotSent, Unsupported
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.room import hand_out, room, visit
from tradehub.lib import duties
from tradehub.lib.clock import utc_now
from tradehub.lib.crypto import SealBroken
from tradehub.lib.heartbeat import redis_client

ANSWER_SECONDS = 30
log = structlog.get_logger(__name__)


@shared_task(name=asking.TASK)
def ask_venue(account_id: str, question: str, given: Sequence[Any], reply_to: str) -> None:
    account = BrokerAccount.objects.filter(pk=account_id).first()
    if account is None:
        return
    with room.place(account.kind) as found:
        said = _answer(account, question, given) if found else _BUSY
    try:
        with redis_client().pipeline() as together:
            together.rpush(reply_to, said)
            together.expire(reply_to, ANSWER_SECONDS)
            together.execute()
    except RedisError as error:
        log.warning("answer_not_given", account=account_id, error=type(error).__name__)


_BUSY = asking.failure(NotSent("The workers are busy with other accounts of this venue."))


def _answer(account: BrokerAccount, question: str, given: Sequence[Any]) -> str:
    try:
        return asking.answer(connect(account), question, given)
    except SealBroken:
        return asking.failure(Unsupported("The stored credentials can't be opened."))
    except BrokerError as error:
        return asking.failure(error)


@shared_task(name=examining.TASK)
def examine_account(account_id: str) -> None:
    account = BrokerAccount.objects.filter(pk=account_id).select_related("owner").first()
    visit(account, examining.examine_account, partial(examining.come_back, now=utc_now()))


@shared_task(name="brokers.tasks.examine_due_accounts")
def examine_due_accounts() -> None:
    """Of those whose night it is, and of those that wait for their first verdict."""
    hand_out(examining.TASK, examining.claim_due(now=utc_now()))
    duties.done("account_checks", utc_now())
