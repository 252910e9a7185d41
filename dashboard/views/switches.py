"""The stop buttons: halt and resume all, one account or one strategy; the emergency stop.

A halt denies entries and cancels working ones, and never touches an exit. Only the emergency stop
closes what is held, so it wants its word typed, here too and not only in the page.
"""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.requests import ip_of
from brokers.selectors import account_for
from dashboard import selectors
from dashboard.views.base import act, signed_in, user_of
from orders import services as orders_services
from risk import services as risk_services
from tradehub.core.errors import BadInput
from tradehub.core.words import Scope
from tradehub.lib.clock import utc_now

STOP_WORD = "FLATTEN"


@signed_in
@require_POST
def halt(request: HttpRequest) -> HttpResponse:
    switch = _switch(request, Scope.USER, str(user_of(request).pk))
    return act(
        request,
        lambda: orders_services.halt_trading(**switch),
        done="Trading is halted: entries are denied, working entries are cancelled, exits pass.",
        to="dashboard:dashboard",
    )


@signed_in
@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    switch = _switch(request, Scope.USER, str(user_of(request).pk))
    return act(
        request,
        lambda: risk_services.resume(**switch),
        done="Trading is resumed. What was cancelled stays cancelled.",
        to="dashboard:dashboard",
    )


@signed_in
@require_POST
def switch_account(request: HttpRequest, account_id: str, halted: bool) -> HttpResponse:
    account = account_for(user_of(request), account_id)
    page = reverse("dashboard:broker-account", args=[account.pk])
    return _set(request, _switch(request, Scope.ACCOUNT, account.pk), halted, account.label, page)


@signed_in
@require_POST
def switch_strategy(request: HttpRequest, strategy_id: str, halted: bool) -> HttpResponse:
    strategy = selectors.strategy_for(user_of(request), strategy_id)
    page = reverse("dashboard:strategy", args=[strategy.pk])
    return _set(request, _switch(request, Scope.STRATEGY, strategy.pk), halted, strategy.name, page)


@signed_in
@require_POST
def emergency_stop(request: HttpRequest) -> HttpResponse:
    user = user_of(request)

    def work() -> None:
        if request.POST.get("confirm", "").strip() != STOP_WORD:
            text = f"Type {STOP_WORD} to close everything. Nothing was changed."
            raise BadInput(text, pointer="/confirm")
        orders_services.emergency_stop(
            owner=user,
            reason=request.POST.get("reason", "").strip() or "Emergency stop",
            actor=user,
            now=utc_now(),
            ip=ip_of(request),
        )

    return act(
        request,
        work,
        done="Emergency stop: trading is halted, working orders are being cancelled and every "
        "position is being closed at the market.",
        to="dashboard:dashboard",
    )


def _switch(request: HttpRequest, scope: Scope, scope_id: str) -> risk_services.Switch:
    user = user_of(request)
    return risk_services.Switch(
        scope=scope,
        scope_id=scope_id,
        reason=request.POST.get("reason", ""),
        owner=user,
        actor=user,
        now=utc_now(),
        ip=ip_of(request),
    )


def _set(
    request: HttpRequest, switch: risk_services.Switch, halted: bool, name: str, page: str
) -> HttpResponse:
    change = orders_services.halt_trading if halted else risk_services.resume
    stopped = "is halted: entries are denied, working entries are cancelled, exits pass"
    said = stopped if halted else "is resumed. What was cancelled stays cancelled"
    return act(request, lambda: change(**switch), done=f"{name} {said}.", to=page)
