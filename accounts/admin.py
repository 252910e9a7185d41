"""Operators' pages about people. `UserAdmin` is registered in `tradehub.admin`, which adds what
needs the apps above this one: switching trading, and cutting a user off everywhere."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts import services
from accounts.models import ApiKey, AuditEntry, IdempotencyRecord, Invitation, User
from accounts.requests import ip_of
from tradehub.lib.admin import ReadOnlyAdmin
from tradehub.lib.clock import utc_now


class UserAdmin(ReadOnlyAdmin):
    """Who may sign in and who runs the hub. Everything else of a user is their own to change."""

    list_display = ("username", "email", "is_active", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_superuser")
    ordering = ("-id",)
    owner_path = "pk"
    switches = ("is_active", "is_superuser")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [
            "username",
            "email",
            "timezone",
            "date_joined",
            "last_login",
            *self.switches,
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for name in self.get_fields(request, obj) if name not in self.switches]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "is_active":
            field.help_text = (
                "Off: sessions and API keys stop at once, alerts are answered 404. Nothing is "
                "deleted; positions stay as they are, so halt or close them as well."
            )
        if field is not None and db_field.name == "is_superuser":
            field.label = "Operator"
            field.help_text = "Sees these pages, and may halt and resume anybody's trading."
        return field


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "shown_as", "scopes", "expires_at", "revoked_at")
    list_select_related = ("owner",)
    actions = ("revoke",)

    @admin.display(description="key")
    def shown_as(self, key: ApiKey) -> str:
        return f"{key.prefix}…{key.last_four}"

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset.filter(revoked_at=None).select_related("owner"))
        for key in keys:
            services.revoke_api_key(
                key=key, actor=operator_of(request), now=utc_now(), ip=ip_of(request)
            )
        messages.success(request, f"Revoked: {len(keys)}.")


class InvitationForm(forms.ModelForm):
    """A link that makes one user, valid for some days."""

    days = forms.IntegerField(
        min_value=1,
        max_value=30,
        initial=services.INVITATION_LIFETIME.days,
        label="Valid for (days)",
    )

    class Meta:
        model = Invitation
        fields = ("email", "is_operator")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Made here; the link is shown once, in the answer."""

    list_display = ("__str__", "is_operator", "created_by", "expires_at", "used_at", "used_by")
    list_select_related = ("created_by", "used_by")
    owner_path = "created_by"
    form = InvitationForm
    secret = ""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["email", "is_operator", "days"] if obj is None else self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [] if obj is None else self.shown

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["fields"] = ["email", "is_operator"]
        else:
            kwargs["form"] = forms.ModelForm
        return super().get_form(request, obj, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        invitation, token = services.create_invitation(
            created_by=operator_of(request),
            is_operator=form.cleaned_data["is_operator"],
            email=form.cleaned_data["email"],
            lifetime=timedelta(days=form.cleaned_data["days"]),
            now=utc_now(),
            ip=ip_of(request),
        )
        obj.pk, obj.expires_at = invitation.pk, invitation.expires_at
        obj.link_shown_once = services.welcome_link(token)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Invitation",
            "invitation": obj,
            "link": obj.link_shown_once,
        }
        response = TemplateResponse(request, "admin/accounts/invitation/made.html", context)
        response["Cache-Control"] = "no-store"
        return response


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "action", "target_id", "owner", "actor", "ip")
    list_display_links = ("at", "action")
    list_select_related = ("owner", "actor")


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Remembered answers; the answer itself is its caller's."""

    list_display = ("key", "owner", "status", "created_at")
    list_select_related = ("owner",)
    ordering = ("-id",)
    left_out = ("response",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.shown


def operator_of(request: HttpRequest) -> User:
    """Nobody else gets past the admin's own permissions."""
    assert isinstance(request.user, User)
    return request.user
