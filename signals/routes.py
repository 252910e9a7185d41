"""Where an alert goes: the webhook's cached credentials and frozen terms.

A route is everything the hot path must know of a token. It carries the `RouteVersion` that it was
read under; the transaction that stores an alert reads the version again, so no process can store
on an old route, and a refusal looks at the version when its last look is half a second old.
Unknown, revoked and expired tokens are one thing here: no route.
"""

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import orjson
from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now

from orders.terms import DEFAULT_OVERRIDES, FlipQuantity, OnOpposite, Terms
from signals.models import RouteVersion, Strategy, Subscription, WebhookToken
from tradehub.core.words import OrderSource, OrderType, SubscriptionMode, TimeInForce
from tradehub.lib.crypto import open_sealed

FRESH_SECONDS = 0.5
"""How old the last look at the version may be when a request is refused or admitted."""
MAX_ROUTES = 20_000
NOBODY = b""
"""The digest of no token."""

TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
"""Where TradingView sends webhooks from (tradingview.com/support/solutions/43000529348)."""


@dataclass(frozen=True, slots=True)
class StrategyRoute:
    id: str
    lanes: tuple[tuple[str, str], ...]
    """(account id, terms as JSON text) of each subscription."""


@dataclass(frozen=True, slots=True)
class Route:
    version: int
    token_id: str
    owner_id: int
    strategy: StrategyRoute | None
    """Of a bound token."""
    default_strategy: StrategyRoute | None
    by_name: Mapping[str, StrategyRoute]
    """The owner's strategies by lower-cased name, for a token that is not bound."""
    networks: tuple[Any, ...]
    """Allowed addresses; empty allows any."""
    requests_per_minute: int
    wait_seconds: float
    expires_at: datetime | None
    passphrase: bytes = field(default=b"", repr=False)
    hmac_secret: bytes = field(default=b"", repr=False)

    def admits(self, address: str, now: datetime) -> bool:
        if self.expires_at is not None and self.expires_at <= now:
            return False
        if not self.networks:
            return True
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)

    def strategy_for(self, name: str | None) -> StrategyRoute | None:
        """The bound strategy; else the one that the alert names; else the token's default."""
        if self.strategy is not None:
            return self.strategy
        named = self.by_name.get(name.strip().lower()) if name else None
        return named or self.default_strategy


class Routes:
    """One process's cache. Reads the database only from the thread that calls it."""

    def __init__(self) -> None:
        self._version = -1
        self._seen_at = 0.0
        self._by_digest: dict[bytes, Route] = {}

    def cached(self, digest: bytes) -> Route | None:
        """Without a look at the database; None when it must be looked up."""
        if time.monotonic() - self._seen_at > FRESH_SECONDS:
            return None
        return self._known(digest)

    def look_up(self, digest: bytes, admits: Callable[[Route], bool] = bool) -> Route | None:
        """With a look at the version, and at the token unless it is cached under that version.

        A route that doesn't admit is none, and costs what an unknown token costs: two looks."""
        self.saw_version(read_version())
        route = self._known(digest)
        if route is None:
            route = self._read(digest)
        elif not admits(route):
            self._read(NOBODY)
        return route if route is not None and admits(route) else None

    def _known(self, digest: bytes) -> Route | None:
        """A route that was read while another thread saw a newer version is not current."""
        route = self._by_digest.get(digest)
        return route if route is not None and route.version == self._version else None

    def _read(self, digest: bytes) -> Route | None:
        route = read_route(digest, self._version)
        if route is not None:
            if len(self._by_digest) >= MAX_ROUTES:
                self._by_digest.clear()
            self._by_digest[digest] = route
        return route

    def saw_version(self, version: int) -> None:
        """Told by every transaction that read it; a new one empties the cache."""
        if version != self._version:
            self._by_digest = {}
            self._version = version
        self._seen_at = time.monotonic()


routes = Routes()


def read_version() -> int:
    with connection.cursor() as cursor:  # by hand: it is read in every group commit
        cursor.execute(f"SELECT version FROM {RouteVersion._meta.db_table}")  # noqa: S608 (a name)
        row = cursor.fetchone()
    return row[0] if row else 0


def bump_route_version() -> None:
    """Call in the transaction of every change that a route carries."""
    if not RouteVersion.objects.update(version=F("version") + 1):
        RouteVersion.objects.create(version=1)


def read_route(digest: bytes, version: int) -> Route | None:
    token = (
        WebhookToken.objects.filter(
            Q(digest=digest) | Q(previous_digest=digest, previous_expires_at__gt=Now()),
            revoked_at__isnull=True,
            owner__is_active=True,
        )
        .select_related("owner")
        .first()
    )
    if token is None:
        return None
    strategies: Mapping[str | None, StrategyRoute] = _strategies_of(token)
    return Route(
        version=version,
        token_id=token.pk,
        owner_id=token.owner_id,
        strategy=strategies.get(token.strategy_id),
        default_strategy=strategies.get(token.default_strategy_id),
        by_name=_named(token, strategies),
        networks=_networks(token),
        requests_per_minute=token.requests_per_minute,
        wait_seconds=float(token.wait_seconds or 0),
        expires_at=_expiry(token, digest),
        passphrase=_secret(token, "passphrase"),
        hmac_secret=_secret(token, "hmac_secret"),
    )


def frozen_terms(strategy: Strategy, subscription: Subscription) -> Terms:
    """What a lane item keeps of the strategy and its subscription."""
    overrides = strategy.signal_overrides
    return Terms(
        strategy=strategy.pk,
        risk_profile=subscription.risk_profile_id,
        direction=strategy.direction,
        symbols=tuple(strategy.symbols),
        match=strategy.match,
        symbol_map=strategy.symbol_map,
        default_order_type=OrderType(strategy.default_order_type),
        default_time_in_force=TimeInForce(strategy.default_time_in_force),
        leverage=strategy.leverage,
        default_stop_loss_percent=strategy.default_stop_loss_percent,
        default_take_profit_percent=strategy.default_take_profit_percent,
        on_opposite=cast(OnOpposite, strategy.on_opposite),
        max_adds=strategy.max_adds,
        flip_quantity=cast(FlipQuantity, strategy.flip_quantity),
        overrides=DEFAULT_OVERRIDES if overrides is None else frozenset(overrides),
        multiplier=subscription.multiplier,
        mode=SubscriptionMode(subscription.mode),
        source=OrderSource.WEBHOOK,
    )


def _strategies_of(token: WebhookToken) -> dict[str | None, StrategyRoute]:
    wanted = Strategy.objects.filter(owner_id=token.owner_id)
    if token.strategy_id is not None:
        wanted = wanted.filter(pk=token.strategy_id)
    return {
        strategy.pk: StrategyRoute(
            strategy.pk,
            tuple(
                (each.account_id, orjson.dumps(frozen_terms(strategy, each).to_json()).decode())
                for each in strategy.subscriptions.all()
            ),
        )
        for strategy in wanted.prefetch_related("subscriptions")
    }


def _named(
    token: WebhookToken, strategies: Mapping[str | None, StrategyRoute]
) -> dict[str, StrategyRoute]:
    if token.strategy_id is not None:
        return {}
    names = Strategy.objects.filter(owner_id=token.owner_id).values_list("pk", "name")
    return {name.strip().lower(): strategies[pk] for pk, name in names if pk in strategies}


def _networks(token: WebhookToken) -> tuple[Any, ...]:
    listed = [*token.allowed_ips]
    if token.tradingview_only:
        listed.extend(TRADINGVIEW_ADDRESSES)
    return tuple(ipaddress.ip_network(each, strict=False) for each in listed)


def _expiry(token: WebhookToken, digest: bytes) -> datetime | None:
    ends = [token.expires_at]
    if bytes(token.digest) != digest:
        ends.append(token.previous_expires_at)
    return min((each for each in ends if each is not None), default=None)


def secret_context(token: WebhookToken, name: str) -> str:
    """What binds a sealed secret of a token to its owner and row."""
    return f"signals.WebhookToken:{token.owner_id}:{token.pk}:{name}"


def _secret(token: WebhookToken, name: str) -> bytes:
    sealed = getattr(token, f"sealed_{name}")
    return open_sealed(sealed, context=secret_context(token, name)).encode() if sealed else b""
