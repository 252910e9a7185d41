"""What the Binance adapters must not forget: of which symbols an account ever had something, which
orders of futures are conditional ones, and at which leverage it has a symbol."""

from django.db import models


class TradedSymbol(models.Model):
    """Binance tells of orders and trades one symbol at a time; what is not here is not asked for.
    Written before the first order of a symbol leaves."""

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    symbol = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol"], name="one_traded_symbol_per_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} of {self.account_id}"


class ConditionalOrder(models.Model):
    """Futures keep conditional orders in a book of their own; what triggers becomes an ordinary
    order under a number, and perhaps a name, that is not ours. Written before it leaves; forgotten
    some weeks after it has ended."""

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    client_order_id = models.CharField(max_length=40)
    symbol = models.CharField(max_length=40)
    order_id = models.BigIntegerField(null=True)
    """Of the ordinary order that it became."""
    has_ended = models.BooleanField(default=False)
    noted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "client_order_id"], name="one_conditional_order_per_id"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "symbol", "has_ended"], name="conditional_orders_of"),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id} of {self.account_id}"


class SymbolSetting(models.Model):
    """How an account at futures trades a symbol, by the venue's word (`symbol_settings`)."""

    account = models.ForeignKey(
        "brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    symbol = models.CharField(max_length=40)
    leverage = models.PositiveIntegerField()
    margin_mode = models.CharField(max_length=12)
    known_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol"], name="one_symbol_setting_per_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} of {self.account_id}"
