"""REST: `cash-entries/`, what venues booked on the caller's accounts by their own records."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import mixins, serializers

from accounts.requests import user_of
from brokers.types import CashKind
from orders.cash_summary import cash_entries_for
from orders.filters import SymbolFilter
from orders.models import CashEntry
from orders.serializers import IdOf
from tradehub.lib.api import OwnedViewSet, StrictModelSerializer


class CashEntrySerializer(StrictModelSerializer):
    account = IdOf("account")
    kind = serializers.CharField(read_only=True, help_text=", ".join(CashKind))

    class Meta:
        model = CashEntry
        fields = [
            "id",
            "account",
            "kind",
            "amount",
            "currency",
            "symbol",
            "at",
            "venue_kind",
            "venue_entry_id",
            "venue_fill_id",
        ]
        read_only_fields = fields


class CashEntryFilter(filters.FilterSet):
    account = filters.CharFilter("account_id")
    kind = filters.ChoiceFilter(choices=[(each.value, each.value) for each in CashKind])
    symbol = SymbolFilter()
    since = filters.IsoDateTimeFilter("at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter("at", lookup_expr="lt")

    class Meta:
        model = CashEntry
        fields = ["account", "kind", "symbol", "since", "until"]


class CashEntries(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Funding, fees, realised P&L, interest, dividends and transfers, as the venues booked them.
    Read once an hour; `status/` says until when."""

    queryset = CashEntry.objects.all()
    serializer_class = CashEntrySerializer
    filterset_class = CashEntryFilter

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return cash_entries_for(user_of(self.request))
