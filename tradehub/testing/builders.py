"""Plain builders for tests: rows as a user would have them, with few words."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from accounts.models import User
from brokers.models import BrokerAccount
from brokers.services import create_account
from risk.models import RiskProfile
from risk.services import create_profile
from signals.admission import admit
from signals.arrivals import Arrival
from signals.ingest import store_batch
from signals.models import Strategy, Subscription, WebhookToken
from signals.parsing import ParsedAlert, ParseProblem, parse_alert
from signals.routes import Route, bump_route_version, routes
from tradehub.lib.ids import new_id
from tradehub.lib.tokens import WEBHOOK, Token, new_token


def make_account(owner: User, now: datetime, label: str = "Paper", **options: Any) -> BrokerAccount:
    return create_account(
        owner=owner,
        kind="paper",
        environment="paper",
        label=label,
        options=options,
        now=now,
        actor=owner,
    )


def make_profile(owner: User, now: datetime, name: str = "Limits", **limits: Any) -> RiskProfile:
    return create_profile(owner=owner, values={"name": name, **limits}, now=now, actor=owner)


def make_strategy(
    owner: User,
    account: BrokerAccount | None = None,
    profile: RiskProfile | None = None,
    name: str = "Breakout",
    multiplier: Decimal = Decimal(1),
    mode: str = "auto",
    **settings: Any,
) -> Strategy:
    strategy = Strategy.objects.create(owner=owner, name=name, **settings)
    if account is not None and profile is not None:
        Subscription.objects.create(
            strategy=strategy,
            account=account,
            risk_profile=profile,
            multiplier=multiplier,
            mode=mode,
        )
    bump_route_version()
    return strategy


def make_token(strategy: Strategy, **options: Any) -> Token:
    token = new_token(WEBHOOK)
    WebhookToken.objects.create(
        owner=strategy.owner,
        strategy=strategy,
        prefix=token.prefix,
        last_four=token.last_four,
        digest=token.digest,
        **{"requests_per_minute": 60_000, **options},
    )
    bump_route_version()
    return token


def arrive(token: Token, alert: dict[str, Any] | bytes, now: datetime) -> Arrival:
    """The alert as the webhook would hand it to the writer, not stored yet."""
    body = alert if isinstance(alert, bytes) else orjson.dumps(alert)
    route: Route | None = routes.look_up(token.digest)
    assert route is not None
    parsed: ParsedAlert | ParseProblem
    try:
        parsed = parse_alert(body)
    except ParseProblem as problem:
        parsed = problem
    admission = admit(route, parsed, body=body, headers={}, token=token.secret, now=now)
    return Arrival(
        id=new_id("sig"),
        route=route,
        strategy=admission.strategy,
        received_at=now,
        source_ip="127.0.0.1",
        content_type="application/json",
        raw=body,
        dialect=admission.dialect,
        intents_json=admission.intents_json,
        error=admission.error,
        key=admission.key,
        key_expires=admission.key_expires,
        fingerprint=admission.fingerprint,
    )


def deliver(token: Token, alert: dict[str, Any] | bytes, now: datetime) -> Arrival:
    """The alert, stored."""
    arrival = arrive(token, alert, now)
    store_batch([arrival])
    return arrival
