"""The operators' pages that reach across apps: Halt, Reduce and Resume with a reason, and a user's
access. The rest of the admin is in each app's own `admin`.

What an app below registers is only looked at; whoever runs an action needs to be an operator.
"""

from collections.abc import Sequence
from typing import Any

from allauth.account import admin as allauth_admin
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin  # noqa: F401  # registers what we take out
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.admin import UserAdmin, operator_of
from accounts.models import User
from accounts.requests import ip_of
from brokers.admin import BrokerAccountAdmin
from brokers.models import BrokerAccount
from risk.admin import TradingStateAdmin
from risk.models import TradingState
from signals.admin import StrategyAdmin
from signals.models import Strategy
from tradehub.core.errors import Conflict, NotFound, TradehubError
from tradehub.core.words import TradingStateName
from tradehub.lib.clock import utc_now
from tradehub.operators import (
    SITE,
    Target,
    check_access,
    set_access,
    switch_trading,
    target_of,
)

_WORDS = {
    "halt": (
        TradingStateName.HALTED,
        "Halt",
        "Halted",
        "No entries from now on, and working entries are cancelled. Exits, stops and targets pass.",
    ),
    "reduce": (
        TradingStateName.REDUCING,
        "Reduce only",
        "Reducing only",
        "No entries from now on. Working entries stay, exits pass.",
    ),
    "resume": (
        TradingStateName.ACTIVE,
        "Resume",
        "Resumed",
        "Entries are taken again, as far as no other scope forbids them. What was cancelled stays "
        "cancelled.",
    ),
}


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200, help_text="Stands in the audit trail of whom it is.")


class SwitchesTrading:
    """Adds the three actions to a model admin whose rows have a trading state."""

    actions: Sequence[str] = ("halt", "reduce", "resume")
    admin_site: admin.AdminSite
    opts: Any

    @admin.action(description="Halt trading…", permissions=["operate"])
    def halt(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._ask_or_switch(request, _targets(queryset), "halt")

    @admin.action(description="Reduce only…", permissions=["operate"])
    def reduce(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._ask_or_switch(request, _targets(queryset), "reduce")

    @admin.action(description="Resume trading…", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._ask_or_switch(request, _targets(queryset), "resume")

    def _ask_or_switch(
        self, request: HttpRequest, targets: Sequence[Target], verb: str
    ) -> HttpResponse | None:
        """None, back to the list, when it is done; else the page that asks for the reason."""
        state, title, done, meaning = _WORDS[verb]
        form = ReasonForm(request.POST if "switch" in request.POST else None)
        if form.is_valid():
            try:
                switch_trading(
                    targets=targets,
                    state=state,
                    reason=form.cleaned_data["reason"],
                    actor=operator_of(request),
                    now=utc_now(),
                    ip=ip_of(request),
                )
            except TradehubError as error:
                form.add_error(None, error.message)
            else:
                named = ", ".join(target.label for target in targets)
                messages.success(request, f"{done}: {named}.")
                return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "meaning": meaning,
            "verb": verb,
            "targets": targets,
            "selected": request.POST.getlist("_selected_action"),
            "form": form,
        }
        return TemplateResponse(request, "admin/risk/tradingstate/switch.html", context)


def _targets(queryset: QuerySet[Any]) -> list[Target]:
    found = []
    for row in queryset:
        try:
            found.append(target_of(row))
        except NotFound:
            continue  # the state of something that was deleted
    return found


@admin.register(User)
class Users(SwitchesTrading, UserAdmin):
    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        actor = operator_of(request)

        class AccessForm(super().get_form(request, obj, **kwargs)):  # type: ignore[misc]  # made by Django
            def clean(self) -> Any:
                cleaned = super().clean()
                try:
                    check_access(
                        user=self.instance,
                        active=self.cleaned_data["is_active"],
                        operator=self.cleaned_data["is_superuser"],
                        actor=actor,
                    )
                except Conflict as error:
                    self.add_error(None, error.message)
                return cleaned

        return AccessForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        set_access(
            user=obj,
            active=form.cleaned_data["is_active"],
            operator=form.cleaned_data["is_superuser"],
            actor=operator_of(request),
            now=utc_now(),
            ip=ip_of(request),
        )


@admin.register(BrokerAccount)
class BrokerAccounts(SwitchesTrading, BrokerAccountAdmin):
    actions = (*SwitchesTrading.actions, *BrokerAccountAdmin.actions)


@admin.register(Strategy)
class Strategies(SwitchesTrading, StrategyAdmin):
    pass


@admin.register(TradingState)
class TradingStates(SwitchesTrading, TradingStateAdmin):
    change_list_template = "admin/risk/tradingstate/change_list.html"

    def get_urls(self) -> list[Any]:
        site = path(
            "site/<slug:verb>/",
            self.admin_site.admin_view(self.switch_site),
            name="risk_tradingstate_site",
        )
        return [site, *super().get_urls()]

    def switch_site(self, request: HttpRequest, verb: str) -> HttpResponse:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        if verb not in _WORDS:
            raise Http404
        page = self._ask_or_switch(request, [SITE], verb)
        return page or redirect(reverse("admin:risk_tradingstate_changelist"))


admin.site.index_title = "Overview"
# Operators are users with the flag: there are no groups. Addresses are their users' to change.
# Imported above, or these would be registered after this.
admin.site.unregister([Group, allauth_admin.EmailAddress])
if admin.site.is_registered(allauth_admin.EmailConfirmation):
    admin.site.unregister(allauth_admin.EmailConfirmation)
