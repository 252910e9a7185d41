"""One user with one of everything, for the walk over the whole URL map.

Every id and every name that could leak is a marker: none may stand in an answer to somebody else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models

from accounts.models import AuditEntry, User
from accounts.services import create_api_key
from orders.models import CashEntry, Fill, LaneItem, Order, Position
from orders.services import place_manual_order
from orders.work import drain_lane
from risk import services as risk
from risk.models import TradingState
from signals.models import Signal, Subscription, WebhookToken
from tradehub.core.words import Scope
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

_OF_REQUESTS = (
    "accounts.ApiKey",
    "accounts.AuditEntry",
    "accounts.IdempotencyRecord",
    "accounts.User",
)
OUR_APPS = ("accounts", "risk", "brokers", "signals", "orders")


@dataclass(frozen=True)
class World:
    owner: User
    ids: dict[str, str]
    """An id of the owner's for each word that stands before an id in an address."""
    names: tuple[str, ...]

    @property
    def markers(self) -> set[str]:
        """Not those that are numbers, which may stand for anything."""
        return {each for each in self.ids.values() if "_" in each} | set(self.names)


def make_isolated_world(owner: User, now: datetime) -> World:
    name = f"Private matter of {owner.username}"
    account = make_account(owner, now, label=f"{name}: account")
    profile = make_profile(owner, now, name=f"{name}: profile")
    strategy = make_strategy(owner, account, profile, name=f"{name}: strategy")
    token = make_token(strategy, label=f"{name}: webhook")
    key, _ = create_api_key(owner=owner, name=f"{name}: key", scopes=["read"], now=now)
    alert = {"ticker": "AAPL", "action": "buy", "quantity": 5, "price": 150, "stop_loss": 145}
    deliver(token, alert, now)
    drain_lane(account.pk, clock=lambda: now)
    place_manual_order(
        owner=owner,
        account=account,
        fields={"symbol": "AAPL", "side": "buy", "quantity": "1", "strategy": strategy.pk},
        now=now,
        actor=owner,
    )
    state = risk.reduce(
        scope=Scope.USER,
        scope_id=str(owner.pk),
        reason=f"{name}: reason",
        owner=owner,
        actor=owner,
        now=now,
    )
    signal = Signal.objects.get(owner=owner)
    booked = CashEntry.objects.create(
        account=account, kind="fee", amount="-1", currency="USD", at=now, venue_entry_id=name,
        venue_kind=name,
    )  # fmt: skip
    ids = {
        "api-keys": key.pk,
        "audit-log": AuditEntry.objects.filter(owner=owner).latest("id").pk,
        "broker-accounts": account.pk,
        "cash-entries": booked.pk,
        "fills": Fill.objects.filter(owner=owner).latest("id").pk,
        "orders": Order.objects.filter(owner=owner, status="open").get().pk,
        "positions": Position.objects.get(owner=owner).pk,
        "requests": str(LaneItem.objects.filter(account=account).latest("id").pk),
        "risk-profiles": profile.pk,
        "signals": signal.pk,
        "strategies": strategy.pk,
        "subscriptions": Subscription.objects.get(strategy=strategy).pk,
        "trading-state": state.pk,
        "webhook-tokens": WebhookToken.objects.get(owner=owner).pk,
    }
    ids["accounts"] = ids["subscriptions"]
    ids["webhooks"] = ids["webhook-tokens"]
    return World(owner, ids, (name, token.secret))


def rows_of(world: World) -> dict[str, list[Any]]:
    """Every row of the user, whole: what nobody else may change."""
    found: dict[str, list[Any]] = {}
    for app in OUR_APPS:
        for model in apps.get_app_config(app).get_models():
            mine = _mine(model, world)
            if mine is not None:
                rows = model._base_manager.filter(**mine).order_by("pk")
                found[model._meta.label] = [tuple(map(str, row)) for row in rows.values_list()]
    return found


def made_by(world: World) -> dict[str, list[Any]]:
    """The user's rows, apart from what every request leaves."""
    return {label: rows for label, rows in rows_of(world).items() if label not in _OF_REQUESTS}


def _mine(model: type[models.Model], world: World) -> dict[str, Any] | None:
    if model is User:
        return {"pk": world.owner.pk}
    if model is TradingState:
        return {"scope_id__in": ["", str(world.owner.pk), *world.ids.values()]}
    names = {field.name for field in model._meta.get_fields()}
    for name, path in (
        ("owner", "owner"),
        ("account", "account__owner"),
        ("strategy", "strategy__owner"),
        ("order", "order__owner"),
        ("created_by", "created_by"),
    ):
        if name in names:
            return {path: world.owner}
    return None
