"""Filters of lists in REST: by status, symbol, strategy, account and time.

A value that means nothing finds nothing; another user's id is like one that never was, since the
rows themselves are the caller's only.
"""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from orders.models import Fill, Order, Position
from tradehub.core.symbols import BadSymbol, parse_symbol
from tradehub.core.words import OrderStatus


class SymbolFilter(filters.CharFilter):
    """In any spelling: `BINANCE:BTCUSDT`, `btc/usdt`."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        try:
            name = parse_symbol(value).name
        except BadSymbol:
            return qs.none()
        return qs.filter(**{str(self.field_name): name})


class _Of(filters.FilterSet):
    symbol = SymbolFilter()
    strategy = filters.CharFilter("strategy_id")
    account = filters.CharFilter("account_id")


class OrderFilter(_Of):
    status = filters.ChoiceFilter(choices=[(each.value, each.value) for each in OrderStatus])
    signal = filters.CharFilter("signal_id")
    since = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")

    class Meta:
        model = Order
        fields = ["status", "symbol", "strategy", "account", "signal", "since"]


class FillFilter(_Of):
    order = filters.CharFilter("order_id")
    since = filters.IsoDateTimeFilter("at", lookup_expr="gte")

    class Meta:
        model = Fill
        fields = ["symbol", "strategy", "account", "order", "since"]


class PositionFilter(_Of):
    since = filters.IsoDateTimeFilter("opened_at", lookup_expr="gte")

    class Meta:
        model = Position
        fields = ["symbol", "strategy", "account", "since"]
