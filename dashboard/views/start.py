"""Start: from nothing to the first filled order, on one page that ticks itself."""

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from dashboard import selectors
from dashboard.messages import ready_messages
from dashboard.views.base import act, is_part, signed_in, user_of
from dashboard.views.once import already_done, run_once
from dashboard.views.webhooks import STAND_IN, shown_once
from signals import services as signals_services
from signals.models import Strategy
from tradehub.core.errors import TradehubError
from tradehub.lib.clock import utc_now


@signed_in
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    return _steps(request) if is_part(request) else _page(request)


@signed_in
@require_POST
def make_webhook(request: HttpRequest) -> HttpResponse:
    """A paper account, a risk profile and a strategy in one go; the URL is in this answer only."""
    user, now = user_of(request), utc_now()
    try:
        kit = run_once(request, lambda: signals_services.start_quickly(owner=user, now=now))
    except TradehubError as error:
        notices.error(request, f"{error.message} ({error.code})")
        return redirect("dashboard:start")
    if kit is None:
        return already_done(request, "dashboard:start")
    return _page(request, secret=kit.token_secret)


@signed_in
@require_POST
def send_test(request: HttpRequest, strategy_id: str) -> HttpResponse:
    """From the start page as a part of it: a reload would lose the URL that is shown only once."""
    strategy = selectors.strategy_for(user_of(request), strategy_id)
    if not is_part(request):
        return act(
            request,
            lambda: signals_services.send_test_alert(strategy=strategy, now=utc_now()),
            done="The test alert was sent through your webhook.",
            to="dashboard:start",
        )
    refused = ""
    try:
        signals_services.send_test_alert(strategy=strategy, now=utc_now())
    except TradehubError as error:
        refused = f"{error.message} ({error.code})"
    return _steps(request, refused)


def _steps(request: HttpRequest, refused: str = "") -> HttpResponse:
    """The steps that tick by themselves, and apart from them the tick of the second."""
    context = _progress(user_of(request)) | {"refused": refused, "apart": True}
    return render(request, "dashboard/parts/start_steps.html", context)


def _page(request: HttpRequest, *, secret: str = "") -> HttpResponse:
    context = _progress(user_of(request))
    webhook = shown_once(request, secret) if secret else None
    context |= {"webhook": webhook, "messages_to_paste": ready_messages(webhook or STAND_IN)}
    return render(request, "dashboard/start.html", context)


def _progress(user: User) -> dict[str, object]:
    strategies: list[Strategy] = list(selectors.strategies_for(user))
    ready = next((each for each in strategies if each.webhook_tokens.all()), None)
    received = selectors.has_signal(user)
    pasted = received and selectors.has_signal_from_outside(user)
    filled = selectors.has_fill(user)
    return {
        "strategy": ready,
        "token": ready.webhook_tokens.all()[0] if ready else None,
        "received": received,
        "pasted": pasted,
        "filled": filled,
        "latest": selectors.latest_signals_for(user, 1),
        "done": sum([ready is not None, pasted, received, received, filled]),
    }
