"""Forms that make something once: a page that is reloaded sends its form again.

Such a form carries a number of its own (`{% once %}`). What it did is committed together with that
number, so the same form does it no second time; one that was refused may be sent again.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.idempotency import Answer, answer_once
from dashboard.views.base import user_of
from tradehub.core.errors import BadInput
from tradehub.lib.clock import utc_now

T = TypeVar("T")

FIELD = "once"
LONGEST = 64


def run_once(request: HttpRequest, work: Callable[[], T]) -> T | None:
    """What `work` made; None when this very form has made it already. `work` runs inside the
    transaction. Without a number it is done each time."""
    number = request.POST.get(FIELD, "")
    if not number:
        return work()
    if len(number) > LONGEST or not (number.isascii() and number.isprintable()):
        raise BadInput("This form is none of ours. Reload its page and try again.")
    made: list[T] = []

    def answer() -> Answer:
        made[:] = [work()]
        return 200, {}  # what was made may be a secret, and is kept nowhere

    _, repeated = answer_once(
        owner=user_of(request),
        key=f"form:{number}",
        request_digest=hashlib.sha256(request.path.encode()).hexdigest(),
        now=utc_now(),
        work=answer,
    )
    return None if repeated else made[0]


def already_done(request: HttpRequest, to: str) -> HttpResponse:
    """The answer to a form that makes a webhook, when it is sent again."""
    text = "That was done before, and the URL was shown then, once. If it is lost, make a new one."
    messages.info(request, text)
    return redirect(to)
