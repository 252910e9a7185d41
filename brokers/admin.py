"""Operators' pages about broker accounts and the paper venue's ledger: to look at. Credentials are
never shown. `BrokerAccountAdmin` is registered in `tradehub.admin`, which adds the switches."""

from collections.abc import Sequence

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import operator_of
from accounts.requests import ip_of
from brokers import services
from brokers.models import (
    AccountSnapshot,
    BrokerAccount,
    ConditionalOrder,
    Examination,
    PaperFill,
    PaperLedger,
    PaperOrder,
    PaperPrice,
    SymbolSetting,
    TradedSymbol,
)
from tradehub.core.words import Environment
from tradehub.lib.admin import ReadOnlyAdmin
from tradehub.lib.clock import utc_now


class BrokerAccountAdmin(ReadOnlyAdmin):
    """Label and options are changed on the owner's page."""

    list_display = ("label", "owner", "kind", "environment", "enabled", "created_at")
    list_filter = ("kind", "environment", "enabled")
    list_select_related = ("owner",)
    actions: Sequence[str] = ("disable", "enable")

    @admin.action(description="Disable: entries are denied", permissions=["operate"])
    def disable(self, request: HttpRequest, queryset: QuerySet[BrokerAccount]) -> None:
        self._switch(request, queryset, enabled=False)

    @admin.action(description="Enable (live ones: their owners only)", permissions=["operate"])
    def enable(self, request: HttpRequest, queryset: QuerySet[BrokerAccount]) -> None:
        """Real money is let loose by whose it is, with the password, and by nobody else."""
        live = queryset.filter(environment=Environment.LIVE.value, enabled=False).count()
        if live:
            messages.warning(request, f"Left to their owners, since they are live: {live}.")
        others = queryset.exclude(environment=Environment.LIVE.value)
        self._switch(request, others, enabled=True)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[BrokerAccount], *, enabled: bool
    ) -> None:
        switch = services.enable_account if enabled else services.disable_account
        accounts = list(queryset.exclude(enabled=enabled).select_related("owner"))
        for account in accounts:
            switch(account=account, actor=operator_of(request), now=utc_now(), ip=ip_of(request))
        messages.success(request, f"{'Enabled' if enabled else 'Disabled'}: {len(accounts)}.")


class OfAccount(ReadOnlyAdmin):
    owner_path = "account__owner"
    list_select_related = ("account",)


@admin.register(Examination)
class ExaminationAdmin(OfAccount):
    list_display = ("account", "passed", "examined_at", "attempted_at", "due_at")
    list_filter = ("passed",)


@admin.register(AccountSnapshot)
class AccountSnapshotAdmin(OfAccount):
    list_display = ("id", "account", "at", "equity", "cash", "currency", "grain")
    list_filter = ("grain",)
    ordering = ("-id",)


@admin.register(PaperLedger)
class PaperLedgerAdmin(OfAccount):
    list_display = ("account", "cash", "version")


@admin.register(PaperOrder)
class PaperOrderAdmin(OfAccount):
    list_display = ("id", "account", "symbol", "side", "order_type", "status", "created_at")
    list_filter = ("status",)
    ordering = ("-id",)


@admin.register(PaperFill)
class PaperFillAdmin(OfAccount):
    list_display = ("id", "account", "order_id", "quantity", "price", "at")
    ordering = ("-id",)


@admin.register(PaperPrice)
class PaperPriceAdmin(OfAccount):
    list_display = ("account", "symbol", "last_price", "last_at")
    list_display_links = ("account", "symbol")
    ordering = ("-id",)


@admin.register(TradedSymbol)
class TradedSymbolAdmin(OfAccount):
    list_display = ("id", "account", "symbol")
    ordering = ("-id",)


@admin.register(ConditionalOrder)
class ConditionalOrderAdmin(OfAccount):
    list_display = ("id", "account", "symbol", "client_order_id", "has_ended", "noted_at")
    list_filter = ("has_ended",)
    ordering = ("-id",)


@admin.register(SymbolSetting)
class SymbolSettingAdmin(OfAccount):
    list_display = ("id", "account", "symbol", "leverage", "margin_mode", "known_at")
    ordering = ("-id",)
