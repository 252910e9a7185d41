"""Strategies: list, create, look at, change, pause, delete; and which accounts they trade on."""

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from accounts.requests import ip_of
from brokers.selectors import account_for, accounts_for
from dashboard import selectors
from dashboard.forms.strategies import StrategyForm, SubscriptionForm
from dashboard.messages import ready_messages
from dashboard.views.base import act, signed_in, submit, user_of
from dashboard.views.once import already_done, run_once
from dashboard.views.webhooks import STAND_IN, shown_once
from orders.terms import DEFAULT_OVERRIDES
from risk.selectors import risk_profile_for, risk_profiles_for
from signals import services
from signals.models import Strategy, Subscription
from tradehub.core.words import Scope
from tradehub.lib.clock import utc_now


@signed_in
@require_GET
def strategy_list(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    strategies = list(selectors.strategies_for(user))
    states = selectors.states_for(user, Scope.STRATEGY, [each.pk for each in strategies])
    context = {"strategies": strategies, "states": states}
    return render(request, "dashboard/strategies.html", context)


@signed_in
@require_GET
def strategy_detail(request: HttpRequest, strategy_id: str) -> HttpResponse:
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    rows = selectors.signals_for(user, strategy=strategy.pk)[:8]
    context = {
        "strategy": strategy,
        "state": selectors.states_for(user, Scope.STRATEGY, [strategy.pk]).get(strategy.pk),
        "signals": [selectors.signal_row(each) for each in rows],
        "messages_to_paste": ready_messages(STAND_IN),
    }
    return render(request, "dashboard/strategy.html", context)


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if request.method == "GET":
        form = StrategyForm(initial=_initial(Strategy()))
        return render(request, "dashboard/strategy_form.html", {"form": form})
    form = StrategyForm(request.POST)
    done, made = submit(
        form,
        lambda: run_once(
            request,
            lambda: services.create_strategy(
                owner=user, fields=form.cleaned_data, now=utc_now(), actor=user, ip=ip_of(request)
            ),
        ),
    )
    if not done:
        return render(request, "dashboard/strategy_form.html", {"form": form})
    if made is None:
        return already_done(request, "dashboard:strategies")
    strategy, secret = made
    url = shown_once(request, secret)
    context = {
        "strategy": strategy,
        "webhook": url,
        "messages_to_paste": ready_messages(url),
        "just_made": True,
    }
    return render(request, "dashboard/webhook_shown.html", context)


@signed_in
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, strategy_id: str) -> HttpResponse:
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    form = StrategyForm(request.POST or None, initial=_initial(strategy))
    if request.method == "POST":
        done, _ = submit(
            form,
            lambda: services.update_strategy(
                strategy=strategy,
                fields=form.cleaned_data,
                now=utc_now(),
                actor=user,
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, "Saved. Alerts that arrive from now on follow it.")
            return redirect("dashboard:strategy", strategy_id)
    return render(request, "dashboard/strategy_form.html", {"form": form, "strategy": strategy})


def _initial(strategy: Strategy) -> dict[str, object]:
    values = {name: getattr(strategy, name) for name in StrategyForm.base_fields}
    if values["signal_overrides"] is None:
        values["signal_overrides"] = sorted(DEFAULT_OVERRIDES)
    return values


@signed_in
@require_POST
def switch(request: HttpRequest, strategy_id: str, enabled: bool) -> HttpResponse:
    """Pause or resume."""
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    said = "is resumed" if enabled else "is paused: alerts are taken, entries denied, exits pass"
    return act(
        request,
        lambda: services.set_strategy_enabled(
            strategy=strategy, enabled=enabled, now=utc_now(), actor=user, ip=ip_of(request)
        ),
        done=f"{strategy.name} {said}.",
        to="dashboard:strategies",
    )


@signed_in
@require_POST
def delete(request: HttpRequest, strategy_id: str) -> HttpResponse:
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    return act(
        request,
        lambda: services.delete_strategy(
            strategy=strategy, now=utc_now(), actor=user, ip=ip_of(request)
        ),
        done=f"{strategy.name} is deleted. Its signals, orders and fills stay on record.",
        to="dashboard:strategies",
        refused=reverse("dashboard:strategy", args=[strategy_id]),
    )


# ---- subscriptions ----


@signed_in
@require_http_methods(["GET", "POST"])
def subscribe(request: HttpRequest, strategy_id: str) -> HttpResponse:
    user = user_of(request)
    strategy = selectors.strategy_for(user, strategy_id)
    taken = {each.account_id for each in strategy.subscriptions.all()}
    free = [each for each in accounts_for(user) if each.pk not in taken]
    form = _subscription_form(request, user, free)
    context = {"form": form, "strategy": strategy, "free": free}
    if request.method == "POST":
        done, _ = submit(
            form,
            lambda: services.subscribe(
                strategy=strategy,
                account=account_for(user, form.cleaned_data["account"]),
                risk_profile=risk_profile_for(user, form.cleaned_data["risk_profile"]),
                multiplier=form.cleaned_data["multiplier"],
                mode=form.cleaned_data["mode"],
                now=utc_now(),
                actor=user,
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, f"{strategy.name} trades there from the next alert on.")
            return redirect("dashboard:strategy", strategy_id)
    return render(request, "dashboard/subscription_form.html", context)


@signed_in
@require_http_methods(["GET", "POST"])
def subscription_edit(request: HttpRequest, subscription_id: str) -> HttpResponse:
    user = user_of(request)
    subscription = selectors.subscription_for(user, subscription_id)
    form = _subscription_form(request, user, [subscription.account], subscription)
    if request.method == "POST":
        done, _ = submit(
            form,
            lambda: services.update_subscription(
                subscription=subscription,
                risk_profile=risk_profile_for(user, form.cleaned_data["risk_profile"]),
                multiplier=form.cleaned_data["multiplier"],
                mode=form.cleaned_data["mode"],
                now=utc_now(),
                actor=user,
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, "Saved. Alerts that arrive from now on follow it.")
            return redirect("dashboard:strategy", subscription.strategy_id)
    context = {"form": form, "strategy": subscription.strategy, "subscription": subscription}
    return render(request, "dashboard/subscription_form.html", context)


@signed_in
@require_POST
def unsubscribe(request: HttpRequest, subscription_id: str) -> HttpResponse:
    user = user_of(request)
    subscription = selectors.subscription_for(user, subscription_id)
    name, label = subscription.strategy.name, subscription.account.label
    return act(
        request,
        lambda: services.unsubscribe(
            subscription=subscription, now=utc_now(), actor=user, ip=ip_of(request)
        ),
        done=f"{name} no longer trades on {label}. What it holds there stays as it is.",
        to="dashboard:strategies",
    )


def _subscription_form(
    request: HttpRequest, user: User, accounts: list, subscription: Subscription | None = None
) -> SubscriptionForm:
    initial = {}
    if subscription is not None:
        initial = {
            "account": subscription.account_id,
            "risk_profile": subscription.risk_profile_id,
            "multiplier": subscription.multiplier,
            "mode": subscription.mode,
        }
    form = SubscriptionForm(
        request.POST or None,
        accounts=accounts,
        profiles=risk_profiles_for(user),
        initial=initial,
    )
    return form
