"""REST: orders, fills, positions, account summaries, trading states, status."""

from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from brokers.models import BrokerAccount, PaperLedger
from orders import api
from orders.models import Drift, LaneItem, Order, Position
from orders.work import drain_lane
from signals.models import Strategy
from tradehub.lib.clock import utc_now
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token

pytestmark = pytest.mark.django_db

API = "/api/v1"
ORDER = {
    "id",
    "client_order_id",
    "broker_order_id",
    "account",
    "strategy",
    "signal",
    "symbol",
    "side",
    "order_type",
    "time_in_force",
    "quantity",
    "filled_quantity",
    "average_fill_price",
    "limit_price",
    "stop_price",
    "trail",
    "parent",
    "role",
    "status",
    "reason",
    "source",
    "created_at",
    "submitted_at",
    "updated_at",
    "events",
    "fills",
}
FILL = {
    "id",
    "order",
    "account",
    "strategy",
    "symbol",
    "side",
    "quantity",
    "price",
    "fee",
    "fee_currency",
    "at",
    "venue_fill_id",
}
POSITION = {
    "id",
    "account",
    "strategy",
    "symbol",
    "quantity",
    "average_entry_price",
    "mark_price",
    "mark_at",
    "unrealized_pnl",
    "watched_targets",
    "realized_pnl",
    "protected",
    "opened_at",
}
BUY = {"symbol": "AAPL", "side": "buy", "quantity": "10"}


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs here: tests drain the lane themselves."""
    monkeypatch.setattr(api, "WAIT_SECONDS", 0.0)


@pytest.fixture
def client(alice: User) -> APIClient:
    return client_of(alice)


@pytest.fixture
def account(alice: User, now: datetime) -> BrokerAccount:
    return make_account(alice, now)


@pytest.fixture
def strategy(alice: User, account: BrokerAccount, now: datetime) -> Strategy:
    profile = make_profile(
        alice, now, max_order_value="5000", max_open_positions=3, max_total_exposure="6000"
    )
    return make_strategy(alice, account, profile)


@pytest.fixture
def bought(strategy: Strategy, account: BrokerAccount, now: datetime) -> Strategy:
    """10 AAPL at 150, a stop at 140."""
    alert = {"symbol": "AAPL", "action": "buy", "quantity": 10, "price": 150, "stop_loss": 140}
    deliver(make_token(strategy), alert, now)
    drain_lane(account.pk, clock=lambda: now + timedelta(seconds=1))
    return strategy


def work(account: BrokerAccount) -> None:
    """What the worker does, at the wall's time, as the API asked at that."""
    drain_lane(account.pk)


def one(client: APIClient, resource: str, **query: str) -> dict[str, Any]:
    (found,) = client.get(f"{API}/{resource}/", query).json()["results"]
    return dict(found)


# ---- shapes ----


def test_the_shape_of_an_order_and_its_fill(client: APIClient, bought: Strategy) -> None:
    stop, entry = client.get(f"{API}/orders/").json()["results"]
    assert entry.keys() >= ORDER
    assert (entry["role"], entry["status"], entry["source"]) == ("entry", "filled", "webhook")
    assert (entry["quantity"], entry["average_fill_price"]) == ("10", "150")
    assert (entry["strategy"], entry["parent"], entry["reason"]) == (bought.pk, None, None)
    assert [each["status"] for each in entry["events"]] == ["sending", "filled"]
    assert (stop["role"], stop["status"], stop["stop_price"]) == ("stop_loss", "open", "140")
    assert (stop["parent"], stop["time_in_force"]) == (entry["id"], "gtc")
    fill = one(client, "fills")
    assert fill.keys() >= FILL
    assert entry["fills"] == [fill]
    assert (fill["order"], fill["quantity"], fill["price"]) == (entry["id"], "10", "150")
    assert client.get(f"{API}/fills/{fill['id']}/").json() == fill
    assert client.get(f"{API}/orders/{entry['id']}/").json() == entry


def test_the_shape_of_a_position(client: APIClient, bought: Strategy) -> None:
    position = one(client, "positions")
    assert position.keys() >= POSITION
    assert (position["quantity"], position["average_entry_price"]) == ("10", "150")
    assert (position["mark_price"], position["unrealized_pnl"]) == ("150", "0")
    assert (position["protected"], position["strategy"]) == (True, bought.pk)
    assert client.get(f"{API}/positions/{position['id']}/").json() == position


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("orders/?status=filled", 1),
        ("orders/?symbol=NASDAQ:aapl", 2),
        ("orders/?symbol=MSFT", 0),
        ("orders/?since=2030-01-01T00:00:00Z", 0),
        ("orders/?page_size=1", 1),
        ("fills/?symbol=AAPL", 1),
        ("fills/?since=2026-03-18T15:00:00Z", 1),
        ("positions/?symbol=aapl", 1),
        ("positions/?account=acc_0", 0),
    ],
)
def test_filters(client: APIClient, bought: Strategy, query: str, found: int) -> None:
    assert len(client.get(f"{API}/{query}").json()["results"]) == found


def test_flat_positions_are_shown_on_demand(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    position = one(client, "positions")
    client.post(f"{API}/positions/{position['id']}/close/")
    work(account)
    assert client.get(f"{API}/positions/").json()["results"] == []
    flat = one(client, "positions", all="1")
    assert (flat["quantity"], flat["mark_price"], flat["unrealized_pnl"]) == ("0", None, None)


def test_nobody_elses(client: APIClient, bob: User, bought: Strategy) -> None:
    other = client_of(bob)
    for resource in ("orders", "fills", "positions"):
        row = client.get(f"{API}/{resource}/").json()["results"][0]
        assert other.get(f"{API}/{resource}/").json()["results"] == []
        assert other.get(f"{API}/{resource}/{row['id']}/").status_code == 404
    order = Order.objects.first()
    assert order is not None
    assert other.post(f"{API}/orders/{order.pk}/cancel/").status_code == 404
    assert other.get(f"{API}/broker-accounts/{order.account_id}/summary/").status_code == 404
    assert other.post(f"{API}/broker-accounts/{order.account_id}/sync/").status_code == 404


# ---- manual orders ----


def test_a_manual_order_is_queued_then_there(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    given = BUY | {"account": account.pk, "strategy": bought.pk}
    response = client.post(f"{API}/orders/", given, format="json")
    assert response.status_code == 202, response.content
    queued = response.json()
    assert queued.keys() == {"status", "item", "url"}
    work(account)
    found = client.get(queued["url"])
    assert found.status_code == 200
    assert (found.json()["status"], found.json()["source"]) == ("filled", "manual")
    assert found.json()["strategy"] == bought.pk


def test_the_answer_waits_for_the_worker(
    client: APIClient,
    bought: Strategy,
    account: BrokerAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = []

    def worker(seconds: float) -> None:
        """Drains the lane while the answer sleeps, after its first look."""
        looks.append(seconds)
        work(account)

    monkeypatch.setattr(api, "WAIT_SECONDS", 60.0)
    monkeypatch.setattr("orders.api.time.sleep", worker)
    response = client.post(f"{API}/orders/", BUY, format="json")
    assert (response.status_code, response.json()["status"]) == (201, "filled")
    assert len(looks) == 1


def test_a_refusal_is_a_problem_with_every_reason(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    queued = client.post(f"{API}/orders/", BUY | {"quantity": "100"}, format="json").json()
    work(account)
    response = client.get(queued["url"])
    problem = response.json()
    assert response.status_code == 422
    assert response["content-type"] == "application/problem+json"
    codes = [each["code"] for each in problem["errors"]]
    assert codes == ["ORDER_VALUE_ABOVE_MAX", "TOTAL_EXPOSURE_ABOVE_MAX"]
    assert problem["code"] == codes[0]


def test_the_same_key_is_one_order(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    def post(**more: str) -> Any:
        headers = {"idempotency-key": "k1"}
        return client.post(f"{API}/orders/", BUY | more, format="json", headers=headers)

    assert post().status_code == 202
    work(account)
    again = post()
    assert (again.status_code, again.json()["status"]) == (201, "filled")
    assert again["Idempotent-Replayed"] == "true"
    assert Order.objects.filter(signal=None).count() == 1
    assert post(quantity="11").json()["code"] == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"colour": "red"}, "UNSUPPORTED_FIELD", "/colour"),
        ({"quantity": "0"}, "INVALID_FIELD", "/quantity"),
        ({"quantity": None}, "MISSING_FIELD", "/quantity"),
        ({"side": "hold"}, "INVALID_FIELD", "/side"),
        ({"account": "acc_0"}, "INVALID_FIELD", "/account"),
        ({"strategy": "str_0"}, "INVALID_FIELD", "/strategy"),
        ({"stop_loss": [1]}, "INVALID_FIELD", "/stop_loss"),
    ],
)
def test_a_wrong_field_is_named(
    client: APIClient, strategy: Strategy, fields: dict[str, Any], code: str, pointer: str
) -> None:
    problem = client.post(f"{API}/orders/", BUY | fields, format="json").json()
    assert (problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (code, pointer)
    assert not LaneItem.objects.exists()


def test_of_several_accounts_one_must_be_named(
    client: APIClient, strategy: Strategy, alice: User, now: datetime
) -> None:
    make_account(alice, now, label="Second")
    problem = client.post(f"{API}/orders/", BUY, format="json").json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("MISSING_FIELD", "/account")


def test_cancel_and_close(client: APIClient, bought: Strategy, account: BrokerAccount) -> None:
    queued = client.post(f"{API}/orders/", BUY | {"limit_price": "1"}, format="json").json()
    work(account)
    order = client.get(queued["url"]).json()
    cancel = f"{API}/orders/{order['id']}/cancel/"
    assert client.post(cancel).status_code == 202
    work(account)
    assert client.get(f"{API}/orders/{order['id']}/").json()["status"] == "canceled"
    assert client.post(cancel).json()["code"] == "CONFLICT"
    close = f"{API}/positions/{one(client, 'positions')['id']}/close/"
    queued = client.post(close).json()
    work(account)
    exit_order = client.get(queued["url"]).json()
    assert (exit_order["role"], exit_order["status"]) == ("exit", "filled")
    assert client.post(close).json()["code"] == "ALREADY_FLAT"


def test_refresh_summary_and_sync(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    order = client.get(f"{API}/orders/?status=open").json()["results"][0]
    assert client.post(f"{API}/orders/{order['id']}/refresh/").json()["status"] == "open"
    summary = client.get(f"{API}/broker-accounts/{account.pk}/summary/").json()
    assert (summary["equity"], summary["cash"]) == ("100000", "98500")
    assert summary["error"] is None
    assert [each["symbol"] for each in summary["positions"]] == ["AAPL"]
    synced = client.post(f"{API}/broker-accounts/{account.pk}/sync/").json()
    assert synced["orders_moved"] == 0
    assert synced["summary"]["account"] == account.pk


def test_reading_is_not_trading(alice: User, bought: Strategy, now: datetime) -> None:
    real_now = datetime.now(now.tzinfo)
    _, secret = create_api_key(owner=alice, name="r", scopes=["read"], now=real_now)
    client = APIClient(headers={"authorization": f"Bearer {secret}"})
    assert client.get(f"{API}/orders/").status_code == 200
    order = Order.objects.first()
    assert order is not None
    for address in (
        "orders/",
        f"orders/{order.pk}/cancel/",
        f"orders/{order.pk}/refresh/",
        f"positions/{one(client, 'positions')['id']}/close/",
        f"broker-accounts/{order.account_id}/sync/",
        "trading-state/halt/",
        "trading-state/emergency-stop/",
    ):
        refused = client.post(f"{API}/{address}", {}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING"), address


# ---- trading states ----


def test_halt_and_resume(client: APIClient, alice: User, strategy: Strategy) -> None:
    assert client.get(f"{API}/trading-state/").json() == {"state": "active", "scopes": []}
    halted = client.post(f"{API}/trading-state/halt/", {"reason": "lunch"}, format="json").json()
    assert halted["state"] == "halted"
    (switch,) = halted["scopes"]
    assert (switch["scope"], switch["id"], switch["reason"]) == ("user", str(alice.pk), "lunch")
    refused = client.post(f"{API}/trading-state/resume/", {}, format="json").json()
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("MISSING_FIELD", "/reason")
    resumed = client.post(f"{API}/trading-state/resume/", {"reason": "back"}, format="json")
    assert resumed.json()["state"] == "active"
    reduced = client.post(
        f"{API}/trading-state/reduce/", {"scope": "strategy", "id": strategy.pk}, format="json"
    ).json()
    assert {each["scope"]: each["state"] for each in reduced["scopes"]} == {
        "user": "active",
        "strategy": "reducing",
    }


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"scope": "site"}, 403, "SCOPE_MISSING"),
        ({"scope": "planet"}, 422, "INVALID_FIELD"),
        ({"scope": "account"}, 422, "MISSING_FIELD"),
        ({"scope": "account", "id": "acc_0"}, 404, "NOT_FOUND"),
        ({"scope": "strategy", "id": "str_0"}, 404, "NOT_FOUND"),
        ({"scope": "user", "id": "999999"}, 404, "NOT_FOUND"),
        ({"colour": "red"}, 422, "UNSUPPORTED_FIELD"),
    ],
)
def test_what_a_halt_refuses(
    client: APIClient, given: dict[str, str], status: int, code: str
) -> None:
    response = client.post(f"{API}/trading-state/halt/", given, format="json")
    assert (response.status_code, response.json()["code"]) == (status, code), response.content


def test_an_operator_may_halt_the_site(operator: User) -> None:
    response = client_of(operator).post(
        f"{API}/trading-state/halt/", {"scope": "site", "reason": "fire"}, format="json"
    )
    assert response.json()["state"] == "halted"


def test_the_emergency_stop_is_asked_once(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    headers = {"idempotency-key": "stop"}
    address = f"{API}/trading-state/emergency-stop/"
    stopped = client.post(address, {}, format="json", headers=headers).json()
    assert stopped["state"] == "halted"
    assert len(stopped["closing"]) == 1
    assert client.post(address, {}, format="json", headers=headers).json() == stopped
    work(account)
    assert client.get(f"{API}/positions/").json()["results"] == []
    assert Order.objects.filter(role="exit").count() == 1


# ---- status ----


def test_status_tells_how_much_of_each_limit_is_used(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    status = client.get(f"{API}/status/").json()
    assert set(status["versions"]) == {"tradehub", "django", "python"}
    assert status["queue"] == {"waiting": 0, "held": 0, "parked": 0, "lag_seconds": None}
    (found,) = status["accounts"]
    assert found["account"] == account.pk
    assert (found["active_positions"], found["can_trade_more"]) == (1, True)
    limits = {each["name"]: (each["used"], each["limit"]) for each in found["limits"]}
    assert limits == {"max_open_positions": ("1", "3"), "max_total_exposure": ("1500", "6000")}
    client.post(f"{API}/trading-state/halt/", {}, format="json")
    (found,) = client.get(f"{API}/status/").json()["accounts"]
    assert (found["state"], found["can_trade_more"]) == ("halted", False)


def test_status_tells_a_loss_that_no_decimal_can_hold(
    client: APIClient, alice: User, now: datetime
) -> None:
    account = make_account(alice, now, starting_cash="30000", fee_percent="0.1")
    profile = make_profile(alice, now, max_daily_loss_percent="5", max_total_exposure="90000")
    token = make_token(make_strategy(alice, account, profile))
    at, price = utc_now(), "50000.12345678901234567890123"
    alert = {"symbol": "BTCUSDT", "action": "buy", "quantity": "0.01234567", "price": price}
    deliver(token, alert, at)
    drain_lane(account.pk, clock=lambda: at)
    (found,) = client.get(f"{API}/status/").json()["accounts"]
    used = {each["name"]: D(each["used"]) for each in found["limits"]}
    assert round(used["max_daily_loss_percent"], 6) == D("0.002058")  # the fee alone
    assert round(used["max_total_exposure"], 4) == D("617.2850")


def test_status_shows_what_waits(
    client: APIClient, account: BrokerAccount, strategy: Strategy, now: datetime
) -> None:
    deliver(make_token(strategy), {"symbol": "AAPL", "action": "buy", "price": 1}, now)
    queue = client.get(f"{API}/status/").json()["queue"]
    assert queue["waiting"] == 1
    assert queue["lag_seconds"] >= 0


def test_sync_compares_with_the_venue_and_takes_its_number_over_when_asked(
    client: APIClient, bought: Strategy, account: BrokerAccount
) -> None:
    sync, summary = (f"{API}/broker-accounts/{account.pk}/{name}/" for name in ("sync", "summary"))
    told = client.post(sync).json()["summary"]["reconciliation"]
    assert (told["reconciled"], told["error"], told["drifts"]) == (True, None, [])
    ledger = PaperLedger.objects.get(account=account)
    ledger.positions["AAPL"]["quantity"] = "3"
    ledger.save(update_fields=["positions"])
    client.post(sync)
    assert client.post(sync, {"adopt": ["AAPL"]}, format="json").status_code == 409
    Drift.objects.update(seen_at=utc_now() - timedelta(seconds=9))
    Position.objects.update(updated_at=utc_now() - timedelta(seconds=10))
    client.post(sync)
    (drift,) = client.get(summary).json()["reconciliation"]["drifts"]
    assert (drift["symbol"], drift["theirs"], drift["confirmed"]) == ("AAPL", "3", True)
    adopted = client.post(sync, {"adopt": ["AAPL"]}, format="json").json()
    assert adopted["summary"]["reconciliation"]["drifts"] == []
    assert [each["quantity"] for each in adopted["summary"]["positions"]] == ["3"]
    assert client.post(sync, {"adopt": "AAPL"}, format="json").status_code == 422
