"""Pages about the user: welcome, API keys, profile. Login and passwords are django-allauth's."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from allauth.account import views as allauth_views
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import selectors, services
from accounts.adapter import mail_is_set
from accounts.forms import ApiKeyForm, ProfileForm, WelcomeForm
from accounts.models import Invitation, User
from accounts.requests import ip_of, user_of
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.lib.clock import utc_now
from tradehub.lib.problems import permission_denied


@never_cache
@sensitive_post_parameters("password", "password_again")
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """The one-time link: a form that makes the invited user."""
    invitation = selectors.invitation_of(token)
    if invitation is None:
        return _no_welcome(request, 404)
    if not selectors.is_open(invitation, now=utc_now()):
        return _no_welcome(request, 410)
    form = WelcomeForm(request.POST or None, initial={"email": invitation.email})
    if request.method == "POST" and form.is_valid():
        try:
            user = _accept(request, token, form)
        except (Conflict, NotFound):
            return _no_welcome(request, 410)
        if user is not None:
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            return redirect("/")
    return _welcome_form(request, form, invitation)


def _accept(request: HttpRequest, token: str, form: WelcomeForm) -> User | None:
    try:
        return services.accept_invitation(
            token=token,
            username=form.cleaned_data["username"],
            password=form.cleaned_data["password"],
            email=form.cleaned_data["email"],
            now=utc_now(),
            ip=ip_of(request),
        )
    except ValidationError as error:
        for name, errors in error.error_dict.items():
            for each in errors:
                form.add_error(name if name in form.fields else None, each)
        return None


def _welcome_form(request: HttpRequest, form: WelcomeForm, invitation: Invitation) -> HttpResponse:
    status = 422 if form.errors else 200
    context = {"form": form, "invitation": invitation}
    return render(request, "accounts/welcome.html", context, status=status)


def _no_welcome(request: HttpRequest, status: int) -> HttpResponse:
    return render(request, "accounts/welcome_closed.html", {"gone": status == 410}, status=status)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def api_keys(request: HttpRequest) -> HttpResponse:
    """The list, the form, and right after its creation a key's secret, once."""
    user = user_of(request)
    form = ApiKeyForm(request.POST or None)
    secret = None
    if request.method == "POST" and form.is_valid():
        now = utc_now()
        days = form.cleaned_data["lifetime"]
        try:
            _, secret = services.create_api_key(
                owner=user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires_at=now + timedelta(days=int(days)) if days else None,
                now=now,
                ip=ip_of(request),
            )
            form = ApiKeyForm()
        except BadInput as error:
            form.add_error(None, error.message)
    context = {
        "keys": selectors.api_keys_for(user),
        "form": form,
        "secret": secret,
        "now": utc_now(),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "accounts/api_keys.html", context, status=status)


@login_required
@require_POST
def revoke_api_key(request: HttpRequest, key_id: str) -> HttpResponse:
    user = user_of(request)
    try:
        key = selectors.api_key_for(user, key_id)
    except NotFound:
        messages.info(request, "This key was revoked already.")
        return redirect("accounts:api-keys")
    services.revoke_api_key(key=key, actor=user, now=utc_now(), ip=ip_of(request))
    messages.success(request, f"{key.name} is revoked; it stopped working at once.")
    return redirect("accounts:api-keys")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = ProfileForm(request.POST or None, initial={"timezone": user.timezone})
    if request.method == "POST" and form.is_valid():
        services.change_profile(
            user=user,
            timezone=form.cleaned_data["timezone"],
            actor=user,
            now=utc_now(),
            ip=ip_of(request),
        )
        messages.success(request, "Saved.")
        return redirect("accounts:profile")
    return render(
        request,
        "accounts/profile.html",
        {"form": form, "mail_is_set": mail_is_set()},
        status=422 if form.errors else 200,
    )


def password_reset(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """allauth's page where mail can be sent; else one that says who can help."""
    if not mail_is_set():
        return render(request, "accounts/no_mail.html")
    response: HttpResponseBase = allauth_views.password_reset(request, *args, **kwargs)
    return response


def admin_login(request: HttpRequest) -> HttpResponse:
    """In front of the admin's own login, which counts no failed attempts."""
    wanted = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    target = wanted if safe else "/admin/"
    if request.user.is_authenticated and not getattr(request.user, "is_staff", False):
        return permission_denied(request)
    return redirect(f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': target})}")
