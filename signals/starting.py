"""From nothing to the first order: a test alert, and the first setup in one step.

A test alert goes through the same parser, admission and commit as one from outside; only who may
send it was checked before. It is a real alert, so a strategy on a live account gets none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from accounts.models import User
from brokers.models import BrokerAccount
from brokers.services import create_account
from risk.models import RiskProfile
from risk.services import create_profile
from signals import ingest
from signals.admission import admit
from signals.arrivals import Arrival, ArrivalOutcome
from signals.models import Strategy
from signals.parsing import parse_alert
from signals.routes import Route, read_route, read_version
from signals.selectors import bound_token
from signals.strategy_services import create_strategy, subscribe
from tradehub.core.errors import Conflict
from tradehub.core.words import BrokerKind, Environment
from tradehub.lib.db import in_write_transaction
from tradehub.lib.ids import new_id

TEST_SYMBOL = "BTCUSDT"
FIRST_CASH = "100000"
FIRST_LIMITS: Mapping[str, Any] = {
    "sizing_method": "signal",
    "sizing_value": "5",
    "max_order_value": "25000",
    "max_position_percent": "25",
    "max_total_exposure": "100000",
    "max_open_positions": 20,
    "max_trades_per_day": 100,
    "max_daily_loss_percent": "10",
}
"""Room to try things with play money, and no more than a careful person would start with."""


@dataclass(frozen=True, slots=True)
class StartKit:
    account: BrokerAccount
    risk_profile: RiskProfile
    strategy: Strategy
    token_secret: str = field(repr=False)


def start_quickly(*, owner: User, now: datetime) -> StartKit:
    """A paper account, a risk profile and a strategy with its webhook; what is there is used."""

    def work() -> StartKit:
        account = _paper_account(owner, now)
        profile = RiskProfile.objects.filter(owner=owner).order_by("id").first()
        if profile is None:
            values = {"name": "First limits", **FIRST_LIMITS}
            profile = create_profile(owner=owner, values=values, now=now)
        strategy, secret = create_strategy(
            owner=owner, fields={"name": _free_name(owner)}, now=now, actor=owner
        )
        subscribe(strategy=strategy, account=account, risk_profile=profile, now=now, actor=owner)
        return StartKit(account, profile, strategy, secret)

    return in_write_transaction(work)


def send_test_alert(*, strategy: Strategy, now: datetime) -> str:
    """The id of the stored signal."""
    if strategy.subscriptions.filter(account__environment=Environment.LIVE.value).exists():
        raise Conflict(
            "A test alert is a real one, and this strategy trades on a live account. "
            "Test it with a strategy on a paper account."
        )
    body = orjson.dumps(_test_alert(strategy))
    for _ in range(3):
        arrival = _arrival(_open_route(strategy), body, now)
        ingest.store_batch([arrival])
        if arrival.outcome is ArrivalOutcome.ACCEPTED:
            return arrival.stored_id
        if arrival.outcome is not ArrivalOutcome.REROUTED:
            break
    raise Conflict("The test alert could not be stored. Try again.", code="NOT_STORED")


def _test_alert(strategy: Strategy) -> dict[str, str]:
    """A small buy of the first symbol that the strategy takes."""
    symbol = next(iter(strategy.symbols), TEST_SYMBOL)
    usual = symbol == TEST_SYMBOL
    alert = {
        "symbol": symbol,
        "action": "buy",
        "quantity": "0.001" if usual else "1",
        "price": "50000" if usual else "100",
        "comment": "test",
        "id": new_id("test"),
    }
    return alert | ({"strategy": strategy.match} if strategy.match else {})


def _open_route(strategy: Strategy) -> Route:
    """The route of its webhook without passphrase and signature: its owner sends."""
    token = bound_token(strategy)
    route = None if token is None else read_route(bytes(token.digest), read_version())
    if route is None:
        raise Conflict("The strategy has no webhook that works. Rotate it to make a new one.")
    return replace(route, passphrase=b"", hmac_secret=b"")


def _arrival(route: Route, body: bytes, now: datetime) -> Arrival:
    content_type = "application/json"
    parsed = parse_alert(body, content_type=content_type)
    admission = admit(route, parsed, body=body, headers={}, token="", now=now)
    return Arrival(
        id=new_id("sig"),
        route=route,
        strategy=admission.strategy,
        received_at=now,
        source_ip="",
        content_type=content_type,
        raw=body,
        dialect=admission.dialect,
        intents_json=admission.intents_json,
        error=admission.error,
        key=admission.key,
        key_expires=admission.key_expires,
        fingerprint=admission.fingerprint,
    )


def _paper_account(owner: User, now: datetime) -> BrokerAccount:
    mine = BrokerAccount.objects.filter(owner=owner)
    paper = mine.filter(environment=Environment.PAPER.value, enabled=True).order_by("id").first()
    if paper is not None:
        return paper
    taken = set(mine.values_list("label", flat=True))
    return create_account(
        owner=owner,
        kind=BrokerKind.PAPER.value,
        environment=Environment.PAPER.value,
        label=_numbered("Paper", taken),
        options={"starting_cash": FIRST_CASH, "price_source": "synthetic"},
        now=now,
    )


def _free_name(owner: User) -> str:
    names = Strategy.objects.filter(owner=owner).values_list("name", flat=True)
    return _numbered("My first strategy", {name.lower() for name in names})


def _numbered(name: str, taken: set[str]) -> str:
    number = 1
    found = name
    while found in taken or found.lower() in taken:
        number += 1
        found = f"{name} {number}"
    return found
