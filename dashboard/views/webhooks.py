"""Webhook URLs: shown in one answer, never again; later pages know the first and last letters.

The secret is rendered straight into the answer of the POST that made it. It is in no session, no
message and no redirect, so reloading can't show it twice; nor does it make another one.
"""

from collections.abc import Callable

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import ip_of
from dashboard import selectors
from dashboard.forms.strategies import WebhookForm
from dashboard.messages import ready_messages
from dashboard.views.base import act, signed_in, submit, user_of
from dashboard.views.once import already_done, run_once
from signals import services
from signals.models import Strategy
from tradehub.core.errors import TradehubError
from tradehub.lib.clock import utc_now
from tradehub.lib.site import public_url

STAND_IN = "https://YOUR-HUB/webhook/YOUR-TOKEN"


def shown_once(request: HttpRequest, secret: str) -> str:
    """The full URL, as TradingView must call it."""
    return services.webhook_url(public_url(), secret)


@signed_in
@require_POST
def rotate(request: HttpRequest, token_id: str) -> HttpResponse:
    """A new secret; the old one works on for a while, so that alerts can be changed over."""
    user = user_of(request)
    token = selectors.token_for(user, token_id)
    return _show_once(
        request,
        token.strategy,
        lambda: services.rotate_webhook(token=token, now=utc_now(), actor=user, ip=ip_of(request)),
        old_works_on=True,
    )


@signed_in
@require_POST
def renew(request: HttpRequest, strategy_id: str) -> HttpResponse:
    """A webhook for a strategy whose own was revoked."""
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    return _show_once(
        request,
        strategy,
        lambda: services.rotate_strategy_webhook(
            strategy=strategy, now=utc_now(), actor=user, ip=ip_of(request)
        ),
    )


@signed_in
@require_POST
def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    user = user_of(request)
    token = selectors.token_for(user, token_id)
    return act(
        request,
        lambda: services.revoke_webhook_token(
            token=token, now=utc_now(), actor=user, ip=ip_of(request)
        ),
        done="The webhook is revoked: alerts sent to it get 404 from now on.",
        to="dashboard:strategies",
    )


def _show_once(
    request: HttpRequest,
    strategy: Strategy | None,
    make: Callable[[], str],
    *,
    old_works_on: bool = False,
) -> HttpResponse:
    try:
        secret = run_once(request, make)
    except TradehubError as error:
        notices.error(request, f"{error.message} ({error.code})")
        return redirect("dashboard:strategies")
    if secret is None:
        return already_done(request, "dashboard:strategies")
    url = shown_once(request, secret)
    context = {
        "strategy": strategy,
        "webhook": url,
        "messages_to_paste": ready_messages(url),
        "old_works_on": old_works_on,
    }
    return render(request, "dashboard/webhook_shown.html", context)


@signed_in
@require_http_methods(["GET", "POST"])
def options(request: HttpRequest, strategy_id: str) -> HttpResponse:
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    token = next(iter(strategy.webhook_tokens.all()), None)
    if token is None:
        notices.error(request, "This strategy has no webhook of its own.")
        return redirect("dashboard:strategy", strategy_id)
    if request.method == "POST":
        form = WebhookForm(request.POST)
        done, _ = submit(
            form,
            lambda: services.update_strategy(
                strategy=strategy,
                fields={"webhook": form.options()},
                now=utc_now(),
                actor=user,
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, "The webhook's options are saved; they hold within a second.")
            return redirect("dashboard:strategy", strategy_id)
    else:
        names = (
            "allowed_ips",
            "tradingview_only",
            "requests_per_minute",
            "wait_seconds",
            "expires_at",
        )
        form = WebhookForm(initial={name: getattr(token, name) for name in names})
    context = {"strategy": strategy, "token": token, "form": form}
    return render(request, "dashboard/webhook_options.html", context)
