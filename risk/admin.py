"""Operators' pages about limits and trading states. A profile is changed on its owner's page;
`TradingStateAdmin` is registered in `tradehub.admin`, which adds the switches."""

from django.contrib import admin

from risk.models import RiskProfile
from tradehub.lib.admin import ReadOnlyAdmin


@admin.register(RiskProfile)
class RiskProfileAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "sizing_method", "day_trade_rule", "updated_at")
    list_select_related = ("owner",)


class TradingStateAdmin(ReadOnlyAdmin):
    """The switch of each scope that was ever switched. No row means active."""

    list_display = ("scope", "scope_id", "state", "paused", "reason", "changed_by", "changed_at")
    list_display_links = ("scope", "scope_id")
    list_filter = ("scope", "state")
    list_select_related = ("changed_by",)
    ordering = ("-changed_at",)
    owner_path = "changed_by"
