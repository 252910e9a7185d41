"""A preview tells what comes too late, as the real decision would, and stores nothing."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection

from accounts.models import User
from brokers import asking
from brokers.paper import adapter
from orders.models import Decision, LatestAlert
from signals.preview import preview_alert
from tradehub.core.errors import Conflict
from tradehub.core.intent import iso
from tradehub.testing.hub import Hub, make_hub

pytestmark = pytest.mark.django_db
STALE, OUT_OF_ORDER = "SIGNAL_STALE", "SIGNAL_OUT_OF_ORDER"


@pytest.fixture
def hub(alice: User, now: datetime) -> Hub:
    return make_hub(alice, now, {"max_signal_age_seconds": 300})


def preview(hub: Hub, **alert: Any) -> dict[str, Any]:
    body = orjson.dumps({"symbol": "AAPL", "price": "150", "quantity": 1, **alert})
    shown = preview_alert(
        strategy=hub.strategy, body=body, content_type="application/json", now=hub.clock.now
    ).to_json()
    (decision,) = shown["decisions"]
    return {**decision, "orders": shown["orders"]}


def ago(hub: Hub, seconds: float) -> str:
    return iso(hub.clock.now - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ({"timenow": 20}, []),
        ({"timenow": 120}, [OUT_OF_ORDER]),
        ({"timenow": 600}, [STALE, OUT_OF_ORDER]),
        ({"time": 600}, []),
        ({"time": 600, "interval": "1"}, [STALE]),
        ({"time": 600, "interval": "15"}, []),
    ],
)
def test_a_preview_of_an_entry_that_comes_too_late(
    hub: Hub, said: dict[str, Any], codes: list[str]
) -> None:
    hub.send(action="close", timenow=ago(hub, 0))
    hub.clock.wait(30 - 1)
    before = (LatestAlert.objects.get().sent_at, Decision.objects.count())
    times = {key: each if key == "interval" else ago(hub, each) for key, each in said.items()}
    found = preview(hub, action="buy", **times)
    assert [each["code"] for each in found["reasons"]] == codes
    assert bool(found["orders"]) == (not codes)
    assert before == (LatestAlert.objects.get().sent_at, Decision.objects.count())


def test_a_preview_of_a_late_exit(hub: Hub) -> None:
    hub.send(action="buy", quantity=1)
    found = preview(hub, action="close", timenow=ago(hub, 600))
    (order,) = found["orders"]
    assert order["role"] == "exit"
    (check,) = [each for each in found["checks"] if each["code"] == STALE]
    assert (check["passed"], check["measured"]) == (True, "600")


def test_a_preview_of_an_exit_that_a_newer_entry_has_overtaken(hub: Hub) -> None:
    hub.send(action="buy", quantity=1, timenow=ago(hub, 0))
    found = preview(hub, action="close", timenow=ago(hub, 120))
    assert [each["code"] for each in found["reasons"]] == [OUT_OF_ORDER]
    assert found["orders"] == []


def test_a_previewed_alert_makes_no_real_one_late(hub: Hub) -> None:
    preview(hub, action="buy", timenow=ago(hub, 0))
    assert not LatestAlert.objects.exists()
    assert hub.codes(action="buy", quantity=1, timenow=ago(hub, 5)) == []


def by_binances_prices(hub: Hub) -> Hub:
    hub.account.options = {**hub.account.options, "price_source": "binance", "currency": "USDT"}
    hub.account.save(update_fields=["options"])
    return hub


@pytest.mark.django_db(transaction=True)
def test_a_venue_is_asked_before_the_transaction(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others store their alerts meanwhile."""
    asked: list[bool] = []

    def quotes(*given: Any) -> dict[str, Any]:
        asked.append(connection.in_atomic_block)
        return {}

    monkeypatch.setattr(adapter, "source_quotes", quotes)
    preview(by_binances_prices(hub), symbol="BTCUSDT", action="buy")
    assert asked
    assert not any(asked)


def test_a_preview_that_no_worker_answers_for_is_told_so(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf:
        def post(self, message: Any) -> None: ...

        def wait(self, reply_to: str, seconds: float) -> None: ...

    monkeypatch.setattr(asking, "_pages", True)
    monkeypatch.setattr(asking, "_quiet_until", {})
    monkeypatch.setattr(asking, "mailbox", Deaf())
    with pytest.raises(Conflict, match="No worker answered") as caught:
        preview(by_binances_prices(hub), symbol="BTCUSDT", action="buy")
    assert caught.value.code == "NOT_SENT"
