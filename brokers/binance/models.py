"""What the Binance adapters must not forget: of which symbols an account ever had something."""

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
