"""Filters of the list of signals in REST."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from orders.models import LaneItem
from signals.models import Signal
from signals.selectors import signals_of_symbol
from tradehub.core.words import SignalStatus


class SignalFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=[(each.value, each.value) for each in SignalStatus])
    symbol = filters.CharFilter(method="of_symbol")
    strategy = filters.CharFilter("strategy_id")
    account = filters.CharFilter(method="of_account")
    since = filters.IsoDateTimeFilter("received_at", lookup_expr="gte")

    class Meta:
        model = Signal
        fields = ["status", "symbol", "strategy", "account", "since"]

    def of_symbol(self, rows: QuerySet[Signal], name: str, value: str) -> QuerySet[Signal]:
        return signals_of_symbol(rows, value)

    def of_account(self, rows: QuerySet[Signal], name: str, value: str) -> QuerySet[Signal]:
        """Those that were put into the account's lane."""
        return rows.filter(pk__in=LaneItem.objects.filter(account_id=value).values("signal_id"))
