"""`manage.py demo`: what CONTRACT section 1 promises."""

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from accounts.models import ApiKey, User
from brokers.models import BrokerAccount
from orders.models import Order
from orders.work import drain_lane
from risk.models import RiskProfile
from signals.demo import Demo, make_demo
from signals.models import Strategy, WebhookToken
from signals.routes import routes
from signals.services import send_test_alert
from tradehub.lib.tokens import digest_of

pytestmark = pytest.mark.django_db

KEYS = [
    "username",
    "password",
    "api_key",
    "webhook_url",
    "webhook_token",
    "strategy_id",
    "account_id",
    "risk_profile_id",
]


def demo_json(*flags: str) -> dict[str, str | None]:
    out = StringIO()
    call_command("demo", "--json", *flags, stdout=out)
    found: dict[str, str | None] = json.loads(out.getvalue())
    return found


def test_the_first_time_makes_everything_and_shows_the_secrets(db: None) -> None:
    said = demo_json()
    assert list(said) == KEYS
    assert all(said.values())
    assert str(said["webhook_url"]).endswith(f"/webhook/{said['webhook_token']}")
    user = authenticate(username=said["username"], password=said["password"])
    assert user == User.objects.get()
    key = ApiKey.objects.get(digest=digest_of(str(said["api_key"])))
    assert set(key.scopes) == {"read", "trade", "manage", "halt"}
    profile = RiskProfile.objects.get(pk=said["risk_profile_id"])
    assert (profile.sizing_method, profile.sizing_value) == ("signal", 5)
    assert profile.max_order_value == 25_000
    assert profile.max_position_percent == 25
    assert profile.max_total_exposure == 100_000
    assert (profile.max_open_positions, profile.max_trades_per_day) == (20, 2000)
    assert profile.max_daily_loss_percent == 10
    assert profile.max_signal_age_seconds is None
    options = BrokerAccount.objects.get(pk=said["account_id"]).options
    assert (options["starting_cash"], options["currency"]) == ("100000", "USD")
    assert (options["allow_short"], options["price_source"]) == (True, "synthetic")
    assert WebhookToken.objects.get().requests_per_minute == 60_000


def test_the_second_time_makes_nothing_and_shows_no_secret(db: None) -> None:
    first = demo_json()
    second = demo_json()
    secrets = {"password", "api_key", "webhook_url", "webhook_token"}
    assert second == {name: None if name in secrets else first[name] for name in KEYS}
    assert WebhookToken.objects.count() == ApiKey.objects.count() == User.objects.count() == 1


def test_rotate_makes_new_secrets_for_the_same_things(db: None) -> None:
    first = demo_json()
    second = demo_json("--rotate")
    assert all(second.values())
    assert {name for name in KEYS if first[name] != second[name]} == {
        "password",
        "api_key",
        "webhook_url",
        "webhook_token",
    }
    assert authenticate(username="demo", password=first["password"]) is None
    assert authenticate(username="demo", password=second["password"]) is not None
    assert ApiKey.objects.get(revoked_at=None).digest == digest_of(str(second["api_key"]))
    assert routes.look_up(digest_of(str(second["webhook_token"]))) is not None


def test_for_people_it_is_a_curl_line_the_first_time(db: None) -> None:
    out = StringIO()
    call_command("demo", stdout=out)
    line = next(each for each in out.getvalue().splitlines() if "curl" in each)
    body = line.split("'")[3]
    assert json.loads(body)["symbol"] == "BTCUSDT"
    assert "/webhook/thw_" in line
    again = StringIO()
    call_command("demo", stdout=again)
    assert "curl" not in again.getvalue()
    assert "--rotate" in again.getvalue()


def test_its_alert_is_filled_and_sized_by_equity(now: datetime) -> None:
    demo: Demo = make_demo(now=now)
    assert demo.password is not None
    assert demo.password not in repr(demo)
    strategy = Strategy.objects.get(pk=demo.strategy_id)
    send_test_alert(strategy=strategy, now=now)
    drain_lane(demo.account_id, clock=lambda: now + timedelta(seconds=1))
    order = Order.objects.get()
    assert (order.status, order.account_id) == ("filled", demo.account_id)
