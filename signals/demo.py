"""The demo: a user with everything that one alert needs to become a filled paper order.

Idempotent, also when two run at once. Secrets are returned when they are made and are None ever
after, since only their hashes are kept; `rotate` makes new ones.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password

from accounts import audit
from accounts.models import ApiKey, User
from accounts.services import create_api_key, revoke_api_key
from accounts.words import ALL_SCOPES, Action
from brokers.models import BrokerAccount
from brokers.services import create_account
from risk.models import RiskProfile
from risk.services import create_profile
from signals.models import Strategy, Subscription
from signals.services import (
    create_strategy,
    rotate_strategy_webhook,
    subscribe,
    webhook_url,
)
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.db import in_write_transaction

USERNAME = "demo"
NAME = "Demo"
LIMITS: Mapping[str, Any] = {
    "sizing_method": "signal",
    "sizing_value": "5",
    "max_order_value": "25000",
    "max_position_percent": "25",
    "max_total_exposure": "100000",
    "max_open_positions": 20,
    "max_trades_per_day": 2000,
    "max_daily_loss_percent": "10",
}
ACCOUNT: Mapping[str, Any] = {
    "starting_cash": "100000",
    "currency": "USD",
    "allow_short": True,
    "price_source": "synthetic",
}
REQUESTS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Demo:
    username: str
    strategy_id: str
    account_id: str
    risk_profile_id: str
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    webhook_token: str | None = field(default=None, repr=False)

    def to_json(self, base_url: str) -> dict[str, str | None]:
        """`base_url`: where the hub is reached."""
        secret = self.webhook_token
        return {
            "username": self.username,
            "password": self.password,
            "api_key": self.api_key,
            "webhook_url": None if secret is None else webhook_url(base_url, secret),
            "webhook_token": secret,
            "strategy_id": self.strategy_id,
            "account_id": self.account_id,
            "risk_profile_id": self.risk_profile_id,
        }


def make_demo(*, now: datetime, rotate: bool = False) -> Demo:
    """What is missing is made, what is there stays."""
    password = secrets.token_urlsafe(15)
    hashed = make_password(password)  # slow on purpose, so before the transaction

    def work() -> Demo:
        user, fresh_user = _user(hashed, now)
        if rotate and not fresh_user:
            _new_password(user, hashed, now)
        account = _account(user, now)
        profile = _profile(user, now)
        strategy, token = _strategy(user, now, rotate=rotate)
        if not Subscription.objects.filter(strategy=strategy, account=account).exists():
            subscribe(strategy=strategy, account=account, risk_profile=profile, now=now, actor=user)
        return Demo(
            username=user.username,
            strategy_id=strategy.pk,
            account_id=account.pk,
            risk_profile_id=profile.pk,
            password=password if fresh_user or rotate else None,
            api_key=_api_key(user, now, rotate=rotate),
            webhook_token=token,
        )

    return in_write_transaction(work)


def _user(hashed: str, now: datetime) -> tuple[User, bool]:
    user = User.objects.filter(username=USERNAME).first()
    if user is not None:
        return user, False
    user = User(username=USERNAME, email="", password=hashed, date_joined=now)
    user.save(force_insert=True)
    audit.record(
        owner=user, actor=None, action=Action.SIGNED_UP, target=user, data={"demo": True}, now=now
    )
    return user, True


def _new_password(user: User, hashed: str, now: datetime) -> None:
    user.password = hashed
    user.save(update_fields=["password"])
    audit.record(owner=user, actor=None, action=Action.PASSWORD_CHANGED, target=user, now=now)


def _account(user: User, now: datetime) -> BrokerAccount:
    found = BrokerAccount.objects.filter(owner=user, label=NAME).first()
    return found or create_account(
        owner=user,
        kind=BrokerKind.PAPER.value,
        environment=Environment.PAPER.value,
        label=NAME,
        options=ACCOUNT,
        now=now,
    )


def _profile(user: User, now: datetime) -> RiskProfile:
    found = RiskProfile.objects.filter(owner=user, name=NAME).first()
    return found or create_profile(owner=user, values={"name": NAME, **LIMITS}, now=now)


def _strategy(user: User, now: datetime, *, rotate: bool) -> tuple[Strategy, str | None]:
    found = Strategy.objects.filter(owner=user, name=NAME).first()
    if found is None:
        fields = {"name": NAME, "webhook": {"requests_per_minute": REQUESTS_PER_MINUTE}}
        return create_strategy(owner=user, fields=fields, now=now)
    if not rotate:
        return found, None
    return found, rotate_strategy_webhook(strategy=found, now=now, actor=user)


def _api_key(user: User, now: datetime, *, rotate: bool) -> str | None:
    found = ApiKey.objects.filter(owner=user, name=NAME, revoked_at=None).first()
    if found is not None and not rotate:
        return None
    if found is not None:
        revoke_api_key(key=found, actor=user, now=now)
    _, secret = create_api_key(owner=user, name=NAME, scopes=ALL_SCOPES, now=now)
    return secret
