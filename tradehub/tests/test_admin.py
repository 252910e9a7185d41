import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.db import models
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, AuditEntry, Invitation, User
from accounts.services import create_api_key
from brokers.models import BrokerAccount
from orders.models import LaneItem, Order
from orders.work import drain_lane
from risk.models import TradingState
from signals.models import Signal, Strategy, WebhookToken
from signals.routes import read_version, routes
from tradehub.core.errors import Conflict
from tradehub.lib.admin import CappedPaginator
from tradehub.lib.clock import utc_now
from tradehub.lib.tokens import Token
from tradehub.operators import set_access
from tradehub.testing.builders import deliver, make_account, make_profile, make_strategy, make_token
from tradehub.tests.isolation_world import OUR_APPS

pytestmark = pytest.mark.django_db

PASSPHRASE = "hunter2-in-the-body"
SEALED = "v1:sealed:text"
ALERT = {"ticker": "AAPL", "action": "buy", "quantity": 5, "price": 150, "passphrase": PASSPHRASE}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


@pytest.fixture
def token(alice: User, now: datetime) -> Token:
    """Alice has one of everything: a filled market order and a limit order that works."""
    account = make_account(alice, now)
    token = make_token(make_strategy(alice, account, make_profile(alice, now)))
    deliver(token, ALERT | {"stop_loss": 145}, now)
    limit = {"order_type": "limit", "limit_price": 90, "time_in_force": "gtc"}
    deliver(token, ALERT | limit | {"ticker": "MSFT", "price": 100}, now)
    drain_lane(account.pk, clock=lambda: now)
    create_api_key(owner=alice, name="script", scopes=["read"], now=now)
    BrokerAccount.objects.update(sealed_credentials=SEALED)
    WebhookToken.objects.update(sealed_passphrase=SEALED, sealed_hmac_secret=SEALED)
    return token


@pytest.fixture
def pages(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def our_models() -> list[type[models.Model]]:
    return [model for app in OUR_APPS for model in apps.get_app_config(app).get_models()]


def address(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(pages: Client, model: type[models.Model], action: str, *keys: Any, **more: Any) -> Any:
    data = {"action": action, "_selected_action": [str(key) for key in keys], **more}
    return pages.post(address(model, "changelist"), data, follow=True)


def test_every_model_has_its_page() -> None:
    assert [each for each in our_models() if not admin.site.is_registered(each)] == []


def test_every_page_shows_no_secret(pages: Client, token: Token) -> None:
    key = ApiKey.objects.get()
    secrets = [
        PASSPHRASE,
        SEALED,
        token.secret,
        token.digest.hex(),
        bytes(key.digest).hex(),
        "argon2",
        User.objects.get(username="alice").password,
    ]
    shown = 0
    for model in our_models():
        addresses = [address(model, "changelist")]
        addresses += [address(model, "change", row.pk) for row in model._base_manager.all()[:3]]
        for each in addresses:
            response = pages.get(each)
            assert response.status_code == 200, each
            text = response.content.decode()
            assert [secret for secret in secrets if secret in text] == [], each
            shown += 1
    assert shown > 2 * len(our_models()) - 8
    signal = Signal.objects.latest("id")
    assert "***" in pages.get(address(Signal, "change", signal.pk)).content.decode()


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_nothing_is_changed_past_a_service(
    pages: Client, token: Token, model: type[models.Model]
) -> None:
    row = model._base_manager.first()
    if row is not None:
        before = list(model._base_manager.order_by("pk").values_list())
        assert pages.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        if model is not User:
            assert pages.post(address(model, "change", row.pk), {}).status_code == 403
        act(pages, model, "delete_selected", row.pk, post="yes")
        assert list(model._base_manager.order_by("pk").values_list()) == before
    if model is not Invitation:
        assert pages.get(address(model, "add")).status_code == 403


def test_only_operators_get_in(token: Token, alice: User) -> None:
    client = Client()
    for user in (None, alice):
        if user is not None:
            client.force_login(user)
        for model in our_models():
            assert client.get(address(model, "changelist")).status_code in {302, 403}
    assert act(client, User, "halt", alice.pk, reason="x", switch="yes").status_code in {200, 403}
    assert not TradingState.objects.exists()


def test_staff_without_the_flag_runs_no_action(token: Token, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk))
    assert client.get(address(User, "changelist")).status_code == 403
    assert client.post(reverse("admin:risk_tradingstate_site", args=["halt"])).status_code == 403


def test_a_halt_asks_for_its_reason_first(pages: Client, token: Token, alice: User) -> None:
    response = act(pages, User, "halt", alice.pk)
    assert "user alice" in response.content.decode()
    assert not TradingState.objects.exists()
    act(pages, User, "halt", alice.pk, switch="yes", reason=" ")
    assert not TradingState.objects.exists()


@pytest.mark.parametrize("model", [User, BrokerAccount, Strategy])
def test_a_halt_cancels_working_entries(
    pages: Client, token: Token, operator: User, model: type[models.Model]
) -> None:
    row = model._base_manager.exclude(pk=operator.pk).get()
    response = act(pages, model, "halt", row.pk, switch="yes", reason="odd fills")
    assert "Halted" in response.content.decode()
    state = TradingState.objects.get()
    assert (state.scope_id, state.state, state.reason) == (str(row.pk), "halted", "odd fills")
    entry = AuditEntry.objects.filter(action="trading_state.changed").get()
    assert entry.actor == operator
    assert entry.owner == User.objects.get(username="alice")
    account = BrokerAccount.objects.get()
    drain_lane(account.pk, clock=utc_now)
    orders = dict(Order.objects.values_list("role", "status").order_by("id"))
    assert orders == {"entry": "canceled", "stop_loss": "open"}


def test_reduce_and_resume(pages: Client, token: Token, alice: User) -> None:
    act(pages, User, "reduce", alice.pk, switch="yes", reason="calmer")
    assert TradingState.objects.get().state == "reducing"
    state = TradingState.objects.get()
    act(pages, TradingState, "resume", state.pk, switch="yes", reason="all good")
    assert TradingState.objects.get().state == "active"


def test_the_whole_site(pages: Client, token: Token) -> None:
    site = reverse("admin:risk_tradingstate_site", args=["halt"])
    assert "the whole site" in pages.get(site).content.decode()
    assert not TradingState.objects.exists()
    assert pages.post(site, {"switch": "yes", "reason": "venue down"}).status_code == 302
    state = TradingState.objects.get()
    assert (state.scope, state.scope_id, state.state) == ("site", "", "halted")
    assert AuditEntry.objects.get(action="trading_state.changed").owner is None
    assert pages.get(reverse("admin:risk_tradingstate_site", args=["melt"])).status_code == 404
    assert "halted" in pages.get("/admin/").content.decode()


def test_accounts_are_disabled_and_enabled(pages: Client, token: Token) -> None:
    account = BrokerAccount.objects.get()
    act(pages, BrokerAccount, "disable", account.pk)
    assert not BrokerAccount.objects.get().enabled
    act(pages, BrokerAccount, "enable", account.pk)
    assert BrokerAccount.objects.get().enabled
    actions = AuditEntry.objects.values_list("action", flat=True)
    assert {"broker_account.disabled", "broker_account.enabled"} <= set(actions)


def test_only_parked_items_are_queued_again(pages: Client, token: Token, operator: User) -> None:
    done = LaneItem.objects.filter(status="done").earliest("id")
    act(pages, LaneItem, "requeue", done.pk)
    act(pages, LaneItem, "park", done.pk)
    assert LaneItem.objects.get(pk=done.pk).status == "done"
    assert not AuditEntry.objects.filter(action__startswith="lane_item").exists()
    LaneItem.objects.filter(pk=done.pk).update(status="queued", attempts=4, reason="X")
    act(pages, LaneItem, "park", done.pk)
    assert LaneItem.objects.get(pk=done.pk).status == "parked"
    act(pages, LaneItem, "requeue", done.pk)
    again = LaneItem.objects.get(pk=done.pk)
    assert (again.status, again.attempts, again.reason) == ("queued", 0, "")
    assert again.finished_at is None
    found = AuditEntry.objects.filter(action__startswith="lane_item").order_by("id")
    assert [each.action for each in found] == ["lane_item.parked", "lane_item.requeued"]
    assert found[0].actor == operator


def test_a_parked_item_that_is_queued_again_sends_nothing_twice(
    pages: Client, token: Token, now: datetime
) -> None:
    before = list(Order.objects.order_by("id").values_list("pk", "status"))
    item = LaneItem.objects.filter(kind="decide").earliest("id")
    LaneItem.objects.filter(pk=item.pk).update(status="parked")
    act(pages, LaneItem, "requeue", item.pk)
    drain_lane(item.account_id, clock=lambda: now + timedelta(days=400))
    assert LaneItem.objects.get(pk=item.pk).status == "done"
    assert list(Order.objects.order_by("id").values_list("pk", "status")) == before


def test_an_invitation_is_shown_once(pages: Client, operator: User) -> None:
    data = {"email": "carol@example.org", "is_operator": "", "days": "2"}
    response = pages.post(address(Invitation, "add"), data)
    text = response.content.decode()
    found = re.search(r"(/welcome/(thi_\w+)/)", text)
    assert found is not None
    assert "no-store" in response["Cache-Control"]
    assert Client().get(found.group(1)).status_code == 200
    invitation = Invitation.objects.get()
    assert (invitation.created_by, invitation.email) == (operator, "carol@example.org")
    assert not invitation.is_operator
    for page in (
        address(Invitation, "changelist"),
        address(Invitation, "change", invitation.pk),
        address(AuditEntry, "changelist"),
        "/admin/",
    ):
        assert found.group(2) not in pages.get(page).content.decode()


def test_a_deactivated_user_is_cut_off_everywhere(
    pages: Client, token: Token, alice: User, now: datetime
) -> None:
    theirs = Client()
    theirs.force_login(alice)
    _, secret = create_api_key(owner=alice, name="k", scopes=["read"], now=now)
    bearer = Client(headers={"Authorization": f"Bearer {secret}"})
    assert bearer.get("/api/v1/me/").status_code == 200
    assert routes.look_up(token.digest) is not None
    version, sessions = read_version(), Session.objects.count()
    response = pages.post(address(User, "change", alice.pk), {"is_superuser": ""})
    assert response.status_code == 302
    assert not User.objects.get(pk=alice.pk).is_active
    assert read_version() > version
    assert Session.objects.count() == sessions - 1
    assert routes.look_up(token.digest) is None
    assert bearer.get("/api/v1/me/").status_code == 401
    assert theirs.get("/profile/").status_code == 302
    entry = AuditEntry.objects.get(action="user.access_changed")
    assert entry.data["to"] == {"active": False, "operator": False}
    pages.post(address(User, "change", alice.pk), {"is_active": "on"})
    assert User.objects.get(pk=alice.pk).is_active
    assert theirs.get("/profile/").status_code == 302


def test_an_operator_is_made_and_can_get_in(pages: Client, alice: User) -> None:
    pages.post(address(User, "change", alice.pk), {"is_active": "on", "is_superuser": "on"})
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk))
    assert client.get("/admin/").status_code == 200


def test_nobody_locks_the_last_operator_out(
    pages: Client, operator: User, alice: User, now: datetime
) -> None:
    response = pages.post(address(User, "change", operator.pk), {"is_active": "on"})
    assert response.status_code == 200
    assert "another operator can" in response.content.decode()
    assert User.objects.get(pk=operator.pk).is_superuser
    with pytest.raises(Conflict, match="last operator"):
        set_access(user=operator, active=True, operator=False, actor=alice, now=now)


def test_a_search_is_for_an_id_or_a_user(pages: Client, token: Token, bob: User) -> None:
    order = Order.objects.latest("id")
    for term, count in (
        (order.pk, 1),
        ("Alice", 3),
        ("bob", 0),
        ("ord_unknown", 0),
        ("\x00", 3),
        ("%", 0),
    ):
        response = pages.get(address(Order, "changelist"), {"q": term})
        assert response.context["cl"].result_count == count, term
    number = LaneItem.objects.latest("id").pk
    found = pages.get(address(LaneItem, "changelist"), {"q": str(number)})
    assert found.context["cl"].result_count == 1
    assert pages.get(address(LaneItem, "changelist"), {"q": "9" * 30}).status_code == 200


def test_a_ledger_is_counted_only_so_far(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradehub.lib.admin.COUNTED", 2)
    assert CappedPaginator(Order.objects.order_by("id"), 1).count == 2


def test_the_first_page_says_how_it_goes(pages: Client, token: Token) -> None:
    response = pages.get("/admin/")
    tiles = {tile.label: tile for tile in response.context["tiles"]}
    assert tiles["Site"].value == "active"
    assert tiles["Signals today"].value == "2"
    assert tiles["Orders working"].value == "2"
    assert tiles["Workers"].alarm
    for tile in tiles.values():
        if tile.url:
            assert pages.get(f"/admin/{tile.url}").status_code == 200


def test_the_navigation_leads_somewhere(pages: Client, settings: Any) -> None:
    for group in settings.UNFOLD["SIDEBAR"]["navigation"]:
        for item in group["items"]:
            assert pages.get(item["link"]).status_code == 200, item


def test_a_revoked_key_stops(pages: Client, alice: User, now: datetime) -> None:
    key, secret = create_api_key(owner=alice, name="k", scopes=["read"], now=now)
    act(pages, ApiKey, "revoke", key.pk)
    bearer = Client(headers={"Authorization": f"Bearer {secret}"})
    assert bearer.get("/api/v1/me/").status_code == 401
