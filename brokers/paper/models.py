"""The paper venue's own ledger. Nothing outside `brokers.paper` reads or writes these rows."""

from django.db import models
from django.db.models import Q

from tradehub.lib.fields import IdField, MoneyField


class PaperLedger(models.Model):
    """Cash and net positions of one account. Whoever changes anything of the account at this venue
    first raises `version` in its transaction: that row is the account's turn."""

    account = models.OneToOneField(
        "brokers.BrokerAccount", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    cash = MoneyField()
    positions = models.JSONField(default=dict)
    """{symbol: {"quantity": "-2", "average_price": "10.5"}}: the venue's net view."""
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"ledger of {self.account_id}"


class PaperOrder(models.Model):
    id = IdField(prefix="ppo")
    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+")
    client_order_id = models.CharField(max_length=64)
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=4)
    order_type = models.CharField(max_length=16)
    time_in_force = models.CharField(max_length=4)
    asked_quantity = MoneyField()
    quantity = MoneyField()
    """What may fill in all: below `asked_quantity` after a cut or a linked order's fill."""
    filled_quantity = MoneyField()
    limit_price = MoneyField(null=True)
    stop_price = MoneyField(null=True)
    trail = models.JSONField(null=True)
    triggered = models.BooleanField(default=False)
    best_price = MoneyField(null=True)
    """What a trailing stop follows."""
    filled_on = models.DateTimeField(null=True)
    """The time of the quote that filled last; a fill limit needs a newer one."""
    reduce_only = models.BooleanField(default=False)
    link = models.CharField(max_length=64, null=True)
    status = models.CharField(max_length=20)
    code = models.CharField(max_length=40, null=True)
    text = models.CharField(max_length=300, null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "client_order_id"], name="one_paper_order_per_client_id"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account"],
                name="paper_working_orders",
                condition=Q(status__in=["open", "partially_filled"]),
            ),
        ]

    def __str__(self) -> str:
        return self.id


class PaperFill(models.Model):
    id = IdField(prefix="ppf")
    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+")
    order = models.ForeignKey(PaperOrder, on_delete=models.CASCADE, related_name="fills")
    quantity = MoneyField()
    price = MoneyField()
    fee = MoneyField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "at"], name="paper_fills_since")]

    def __str__(self) -> str:
        return self.id


class PaperPrice(models.Model):
    """Per account and symbol: the first price an alert named (where the synthetic walk starts)
    and the newest one."""

    account = models.ForeignKey("brokers.BrokerAccount", on_delete=models.CASCADE, related_name="+")
    symbol = models.CharField(max_length=40)
    first_price = MoneyField()
    first_at = models.DateTimeField()
    last_price = MoneyField()
    last_at = models.DateTimeField()
    named = models.BooleanField(default=True)
    """False: somebody looked before any alert named a price, so the walk began at a made-up one;
    the first named price restarts it, unless the symbol was traded by then."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "symbol"], name="one_paper_price"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} at {self.account_id}"
