"""Accounts at real venues: connect one, give it another key, let it trade.

Each asks for the password once more when it was given too long ago, by a redirect that keeps
nothing of what was typed: allauth's own way would keep the form, and so the key, in the session.
"""

from urllib.parse import urlencode

from django.contrib import messages as notices
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.recent import gave_password_lately
from accounts.requests import ip_of
from brokers import services
from brokers.kinds import KINDS, Kind
from brokers.models import BrokerAccount
from brokers.options import VENUE_DEFAULTS
from brokers.registry import BUILT
from brokers.selectors import account_for
from dashboard.forms.broker_accounts import PaperAccountForm
from dashboard.forms.venue_accounts import ConnectForm, CredentialsForm, OptionsForm
from dashboard.views.base import act, signed_in, submit, user_of
from tradehub.core.errors import NotFound
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.clock import utc_now


def venue_kinds() -> list[tuple[str, str]]:
    """Those that can be connected: (kind, title)."""
    return [
        (name, kind.title)
        for name, kind in KINDS.items()
        if name in BUILT and name != BrokerKind.PAPER
    ]


@sensitive_post_parameters()
@signed_in
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in dict(venue_kinds()):
        raise NotFound
    if not gave_password_lately(request, now=utc_now()):
        return _password_first(request, request.path)
    user, known = user_of(request), KINDS[kind]
    form = ConnectForm(known, request.POST or None, initial=_defaults(known))
    if request.method == "POST":
        done, account = submit(
            form,
            lambda: services.create_account(
                owner=user,
                kind=kind,
                environment=form.cleaned_data["environment"],
                label=form.cleaned_data["label"],
                credentials=form.credentials(),
                options=form.options(),
                confirm=form.cleaned_data["confirm"],
                now=utc_now(),
                ip=ip_of(request),
            ),
        )
        if done:
            text = f"{account.label} is connected. Its check is on the way; entries wait for it."
            notices.success(request, text)
            return redirect("dashboard:broker-account", account.pk)
    context = {"form": form, "kind": known}
    return render(request, "dashboard/account_connect.html", context)


@sensitive_post_parameters()
@signed_in
@require_http_methods(["GET", "POST"])
def credentials(request: HttpRequest, account_id: str) -> HttpResponse:
    user = user_of(request)
    account = account_for(user, account_id)
    if account.kind == BrokerKind.PAPER:
        notices.info(request, "A paper account has no key.")
        return redirect("dashboard:broker-account", account_id)
    if not gave_password_lately(request, now=utc_now()):
        return _password_first(request, request.path)
    live = account.environment == Environment.LIVE
    known = _kind_of(account)
    form = CredentialsForm(known, request.POST or None, live=live)
    if request.method == "POST":
        done, _ = submit(
            form,
            lambda: services.update_account(
                account=account,
                credentials=form.credentials(),
                confirm=form.cleaned_data.get("confirm"),
                actor=user,
                now=utc_now(),
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, "The key is replaced. Entries wait for its check.")
            return redirect("dashboard:broker-account", account_id)
    context = {"form": form, "kind": known, "account": account}
    return render(request, "dashboard/account_connect.html", context)


def edit_options(request: HttpRequest, account: BrokerAccount) -> HttpResponse:
    """The edit page of an account that is no paper one."""
    initial = {"label": account.label, **account.options}
    form = OptionsForm(_kind_of(account), request.POST or None, initial=initial)
    return save_options(request, account, form)


def save_options(
    request: HttpRequest, account: BrokerAccount, form: OptionsForm | PaperAccountForm
) -> HttpResponse:
    """The page of either form: shown, or saved."""
    if request.method == "POST":
        done, _ = submit(
            form,
            lambda: services.update_account(
                account=account,
                label=form.cleaned_data["label"],
                options=form.options(),
                actor=user_of(request),
                now=utc_now(),
                ip=ip_of(request),
            ),
        )
        if done:
            notices.success(request, "Saved.")
            return redirect("dashboard:broker-account", account.pk)
    return render(request, "dashboard/account_form.html", {"form": form, "account": account})


@signed_in
@require_POST
def enable(request: HttpRequest, account_id: str) -> HttpResponse:
    """Real money: with the password, and the word `live`."""
    user = user_of(request)
    account = account_for(user, account_id)
    page = reverse("dashboard:broker-account", args=[account_id])
    live = account.environment == Environment.LIVE
    if live and not account.enabled and not gave_password_lately(request, now=utc_now()):
        return _password_first(request, page)
    if live and not account.enabled and request.POST.get("confirm", "").strip() != services.LIVE:
        notices.error(
            request, f"{account.label} trades real money. Type {services.LIVE} to say so."
        )
        return redirect(page)
    return act(
        request,
        lambda: services.enable_account(
            account=account,
            actor=user,
            now=utc_now(),
            confirm=request.POST.get("confirm"),
            ip=ip_of(request),
        ),
        done=f"{account.label} takes entries again.",
        to=reverse("dashboard:broker-accounts"),
        refused=page,
    )


def _kind_of(account: BrokerAccount) -> Kind:
    """Raises Http404 where only its adapter knows what an account of this kind has."""
    if account.kind not in KINDS:
        raise Http404
    return KINDS[account.kind]


def _defaults(kind: Kind) -> dict[str, object]:
    return {"label": kind.title} | {name: VENUE_DEFAULTS[name] for name in kind.options}


def _password_first(request: HttpRequest, then: str) -> HttpResponse:
    if request.method == "POST":
        notices.warning(request, "Nothing was changed: confirm that it is you, then do it again.")
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': then})}")
