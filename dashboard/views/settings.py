"""Broker accounts and risk profiles: list, create, change, check, delete."""

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import ip_of
from brokers import services as brokers_services
from brokers.examining import examine_for_page
from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.options import read_paper_options
from brokers.selectors import account_for, accounts_for, examination_of
from brokers.streams.states import states_for_pages
from dashboard import selectors
from dashboard.forms.broker_accounts import PaperAccountForm
from dashboard.forms.risk import RiskProfileForm
from dashboard.views.base import act, is_part, signed_in, submit, user_of
from dashboard.views.venue_accounts import edit_options, save_options, venue_kinds
from orders.cash_summary import cash_summary
from orders.drifts import adopt_drifts
from orders.reconciling import reconcile_now
from orders.selectors import account_summary, reconciliation_of
from risk import services as risk_services
from risk.models import RiskProfile
from risk.selectors import risk_profile_for
from tradehub.core.words import BrokerKind, Environment, Scope
from tradehub.lib.clock import utc_now

# ---- broker accounts ----


@signed_in
@require_GET
def account_list(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    summaries = [account_summary(each) for each in accounts_for(user)]
    states = selectors.states_for(user, Scope.ACCOUNT, [each.account.pk for each in summaries])
    context = {"summaries": summaries, "states": states, "venue_kinds": venue_kinds()}
    return render(request, "dashboard/accounts.html", context)


@signed_in
@require_http_methods(["GET", "POST"])
def account_create(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = PaperAccountForm(request.POST or None, initial={"label": "Paper"})
    if request.method == "POST":
        done, account = submit(
            form,
            lambda: brokers_services.create_account(
                owner=user,
                kind=BrokerKind.PAPER.value,
                environment=Environment.PAPER.value,
                label=form.cleaned_data["label"],
                options=form.options(),
                now=utc_now(),
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, f"{account.label} is open. Let a strategy trade on it.")
            return redirect("dashboard:broker-account", account.pk)
    return render(request, "dashboard/account_form.html", {"form": form})


@signed_in
@require_GET
def account_detail(request: HttpRequest, account_id: str) -> HttpResponse:
    user = user_of(request)
    account = account_for(user, account_id)
    context = {
        "account": account,
        "summary": account_summary(account),
        "positions": selectors.positions_for(user, account=account),
        "subscriptions": selectors.subscriptions_on(account),
        "state": selectors.states_for(user, Scope.ACCOUNT, [account.pk]).get(account.pk),
        "reconciliation": reconciliation_of(account),
        "examination": examination_of(account),
        "stream": states_for_pages([account.pk], now=utc_now()).get(account.pk),
        "kind": KINDS.get(account.kind),
        "cash": cash_summary(account, now=utc_now()),
        "awaited": selectors.is_awaited(account),
    }
    template = "dashboard/parts/account.html" if is_part(request) else "dashboard/account.html"
    return render(request, template, context)


@signed_in
@require_http_methods(["GET", "POST"])
def account_edit(request: HttpRequest, account_id: str) -> HttpResponse:
    account = account_for(user_of(request), account_id)
    if account.kind != BrokerKind.PAPER:
        return edit_options(request, account)
    form = PaperAccountForm(request.POST or None, initial=_account_values(account))
    for name in form.fixed_once_open:
        form.fields[name].disabled = True
    return save_options(request, account, form)


def _account_values(account: BrokerAccount) -> dict[str, object]:
    options = read_paper_options(account.options)
    names = (name for name in PaperAccountForm.base_fields if name != "label")
    return {"label": account.label} | {name: getattr(options, name) for name in names}


@signed_in
@require_POST
def account_check(request: HttpRequest, account_id: str) -> HttpResponse:
    """The account doctor's lines, into the page."""
    account = account_for(user_of(request), account_id)
    context = {"account": account, "found": examine_for_page(account)}
    return render(request, "dashboard/account_check.html", context)


@signed_in
@require_POST
def account_sync(request: HttpRequest, account_id: str) -> HttpResponse:
    """Compare with the venue now."""
    account = account_for(user_of(request), account_id)
    found = reconcile_now(account)
    if found.complete:
        notices.success(request, f"{account.label} was compared with its venue.")
    else:
        text = f"{account.label} could not be compared with its venue. ({found.error})"
        notices.error(request, text)
    return redirect("dashboard:broker-account", account_id)


@signed_in
@require_POST
def account_adopt(request: HttpRequest, account_id: str) -> HttpResponse:
    """Take over what the venue holds of one symbol."""
    user = user_of(request)
    account = account_for(user, account_id)
    symbol = request.POST.get("symbol", "")
    return act(
        request,
        lambda: adopt_drifts(
            account=account, symbols=[symbol], actor=user, now=utc_now(), ip=ip_of(request)
        ),
        done=f"The position in {symbol} is now what the venue holds. Entries pass again.",
        to=reverse("dashboard:broker-account", args=[account_id]),
    )


@signed_in
@require_POST
def account_disable(request: HttpRequest, account_id: str) -> HttpResponse:
    user = user_of(request)
    account = account_for(user, account_id)
    return act(
        request,
        lambda: brokers_services.disable_account(
            account=account, actor=user, now=utc_now(), ip=ip_of(request)
        ),
        done=f"{account.label} is disabled: entries are denied, exits pass.",
        to="dashboard:broker-accounts",
    )


@signed_in
@require_POST
def account_delete(request: HttpRequest, account_id: str) -> HttpResponse:
    user = user_of(request)
    account = account_for(user, account_id)
    return act(
        request,
        lambda: brokers_services.delete_account(
            account=account, actor=user, now=utc_now(), ip=ip_of(request)
        ),
        done=f"{account.label} is deleted.",
        to="dashboard:broker-accounts",
        refused=reverse("dashboard:broker-account", args=[account_id]),
    )


# ---- risk profiles ----


@signed_in
@require_GET
def profile_list(request: HttpRequest) -> HttpResponse:
    context = {"profiles": list(selectors.profiles_with_use_for(user_of(request)))}
    return render(request, "dashboard/risk_profiles.html", context)


@signed_in
@require_http_methods(["GET", "POST"])
def profile_create(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = RiskProfileForm(request.POST or None, initial=_profile_values(RiskProfile()))
    if request.method == "POST":
        done, profile = submit(
            form,
            lambda: risk_services.create_profile(
                owner=user, values=form.cleaned_data, now=utc_now(), actor=user, ip=ip_of(request)
            ),
        )
        if done:
            notices.success(request, f"{profile.name} is ready. Give it to a strategy's account.")
            return redirect("dashboard:risk-profiles")
    return render(request, "dashboard/risk_profile_form.html", {"form": form})


@signed_in
@require_http_methods(["GET", "POST"])
def profile_edit(request: HttpRequest, profile_id: str) -> HttpResponse:
    user = user_of(request)
    profile = risk_profile_for(user, profile_id)
    form = RiskProfileForm(request.POST or None, initial=_profile_values(profile))
    if request.method == "POST":
        done, _ = submit(
            form,
            lambda: risk_services.update_profile(
                profile=profile,
                changes=form.cleaned_data,
                actor=user,
                now=utc_now(),
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, "Saved. It holds from the next decision on.")
            return redirect("dashboard:risk-profiles")
    context = {"form": form, "profile": profile}
    return render(request, "dashboard/risk_profile_form.html", context)


def _profile_values(profile: RiskProfile) -> dict[str, object]:
    return {name: getattr(profile, name) for name in RiskProfileForm.base_fields}


@signed_in
@require_POST
def profile_delete(request: HttpRequest, profile_id: str) -> HttpResponse:
    user = user_of(request)
    profile = risk_profile_for(user, profile_id)
    return act(
        request,
        lambda: risk_services.delete_profile(
            profile=profile, actor=user, now=utc_now(), ip=ip_of(request)
        ),
        done=f"{profile.name} is deleted.",
        to="dashboard:risk-profiles",
        refused=reverse("dashboard:risk-profile-edit", args=[profile_id]),
    )
