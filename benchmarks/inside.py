"""A look into a hub's database, a process of its own with that hub's environment.

`{"question": "seed" | "signals" | "settled" | "latencies" | "fills" | "venue_desks" | "resting" |
"reconciled",
…}` in, JSON out.
"""

import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import django

django.setup()

from django.contrib.auth import (  # noqa: E402  # after the settings
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402  # after the settings
from django.db.models import Count  # noqa: E402  # after the settings

from accounts.models import User  # noqa: E402  # after the settings
from brokers.credentials import seal_credentials  # noqa: E402  # after the settings
from brokers.models import BrokerAccount, Examination  # noqa: E402  # after the settings
from orders.lifecycle import OrderEventName  # noqa: E402  # after the settings
from orders.models import Order, OrderEvent, Reconciliation  # noqa: E402  # after the settings
from signals.models import Signal, Strategy  # noqa: E402  # after the settings
from signals.selectors import signal_json, signals_for  # noqa: E402  # after the settings
from tradehub.core.words import OrderStatus, SignalStatus  # noqa: E402  # after the settings
from tradehub.lib.clock import utc_now  # noqa: E402  # after the settings
from tradehub.lib.db import write_transaction  # noqa: E402  # after the settings
from tradehub.testing.builders import (  # noqa: E402  # after the settings
    make_account,
    make_profile,
    make_strategy,
    make_token,
)

NEVER_THROTTLED = 1_000_000_000
PAUSE_SECONDS = 0.2


def seed(spec: dict[str, Any]) -> Any:
    """`users` people with `desks` paper accounts each: a strategy and a webhook for each account.

    `subscribed` false leaves the strategies without an account: their alerts are only stored."""
    with write_transaction():
        return [_person(spec, number) for number in range(spec["users"])]


def _person(spec: dict[str, Any], number: int) -> dict[str, Any]:
    now = utc_now()
    name = f"{spec['tag']}{number}"
    user = User.objects.create(username=name, email=f"{name}@example.org")
    user.set_unusable_password()
    user.save()
    profile = make_profile(user, now)
    desks = []
    for each in range(spec.get("desks", 1)):
        account = None
        if spec.get("subscribed", True):
            account = make_account(user, now, label=f"Paper {each}", starting_cash=1_000_000_000)
        strategy = make_strategy(user, account, profile, name=f"Desk {each}", max_adds=1_000_000)
        token = make_token(strategy, requests_per_minute=NEVER_THROTTLED)
        desks.append({"strategy": strategy.pk, "path": f"/webhook/{token.secret}"})
    return {"user": user.pk, "cookie": _session(user), "desks": desks}


def venue_desks(spec: dict[str, Any]) -> Any:
    """One person with `desks` accounts at a real venue's local stand-in, each passed by the doctor;
    their keys there are key0 and so on, from the `first` number on."""
    now = utc_now()
    with write_transaction():
        person = _person({**spec, "subscribed": False, "desks": 0}, 0)
        user = User.objects.get(pk=person["user"])
        profile = make_profile(user, now, name="Venue", max_order_value="100000")
        for each in range(spec["first"], spec["first"] + spec["desks"]):
            account = BrokerAccount(
                owner=user, kind=spec["kind"], environment="test", label=f"Desk {each}"
            )
            secrets = {"api_key": f"key{each}", "api_secret": "secret"}
            account.sealed_credentials = seal_credentials(account, secrets)
            account.save()
            later = now + timedelta(days=1)
            Examination.objects.create(account=account, passed=True, due_at=later)
            strategy = make_strategy(user, account, profile, f"Venue {each}", max_adds=1_000_000)
            token = make_token(strategy, requests_per_minute=NEVER_THROTTLED)
            person["desks"].append({"strategy": strategy.pk, "path": f"/webhook/{token.secret}"})
    return person


def resting(spec: dict[str, Any]) -> Any:
    """{client order id: order id} of what waits at the venue, once there is so much."""
    rows = Order.objects.filter(
        strategy_id__in=spec["strategies"], status=OrderStatus.OPEN.value
    ).values_list("client_order_id", "pk")
    deadline = time.monotonic() + spec["wait"]
    while len(found := dict(rows.all())) < spec["count"] and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return found


def reconciled(spec: dict[str, Any]) -> float:
    """When the last of so many accounts was compared with its venue."""
    since = datetime.fromtimestamp(spec["since"], UTC)
    deadline = time.monotonic() + spec["wait"]
    while time.monotonic() < deadline:
        done = Reconciliation.objects.filter(reconciled_at__gt=since)
        if done.count() >= spec["count"]:
            return utc_now().timestamp()
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"{done.count()} of {spec['count']} accounts have been compared.")


def _session(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def signals(spec: dict[str, Any]) -> Any:
    """What was stored of these strategies, and what became of it."""
    rows = Signal.objects.filter(strategy_id__in=spec["strategies"])
    ids: Counter[str] = Counter()
    for raw in rows.values_list("raw", flat=True).iterator():
        ids[json.loads(bytes(raw))["alert_id"]] += 1
    orders = Order.objects.filter(signal__strategy_id__in=spec["strategies"])
    per_signal = orders.values("signal_id").annotate(orders=Count("id")).filter(orders__gt=1)
    return {
        "stored": ids.total(),
        "distinct": len(ids),
        "orders": orders.count(),
        "filled": orders.filter(status=OrderStatus.FILLED.value).count(),
        "signals_with_two_orders": per_signal.count(),
        "statuses": dict(Counter(rows.values_list("status", flat=True))),
    }


def settled(spec: dict[str, Any]) -> Any:
    """Wait until nothing of these strategies is under way; when the last order was filled."""
    deadline = time.monotonic() + spec["wait"]
    while (left := _under_way(spec["strategies"])) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    fills = OrderEvent.objects.filter(
        order__strategy_id__in=spec["strategies"], event=OrderEventName.FILL.value
    )
    last = fills.order_by("-at").values_list("at", flat=True).first()
    return {"left": left, "last_fill_at": None if last is None else last.timestamp()}


def _under_way(strategies: list[str]) -> int:
    return Signal.objects.filter(
        strategy_id__in=strategies, status=SignalStatus.RECEIVED.value
    ).count()


def latencies(spec: dict[str, Any]) -> Any:
    """`latency_ms` of every signal, as the API shows it."""
    found = []
    for owner_id in set(
        Strategy.objects.filter(pk__in=spec["strategies"]).values_list("owner_id", flat=True)
    ):
        rows = signals_for(User.objects.get(pk=owner_id)).filter(strategy__in=spec["strategies"])
        found += [signal_json(each)["latency_ms"] for each in rows]
    return found


def fills(spec: dict[str, Any]) -> Any:
    """{order id: when its fill was recorded}"""
    events = OrderEvent.objects.filter(
        order__strategy_id__in=spec["strategies"], event=OrderEventName.FILL.value
    )
    return {order: at.timestamp() for order, at in events.values_list("order_id", "at")}


QUESTIONS = {
    "seed": seed,
    "signals": signals,
    "settled": settled,
    "latencies": latencies,
    "fills": fills,
    "venue_desks": venue_desks,
    "resting": resting,
    "reconciled": reconciled,
}


def main() -> None:
    spec = json.loads(sys.stdin.readline())
    print(json.dumps(QUESTIONS[spec["question"]](spec)))


if __name__ == "__main__":
    main()
