"""The stop buttons and what they destroy: halts with their reasons, deletes, revocations."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from brokers import services as brokers_services
from brokers.models import BrokerAccount
from dashboard.tests.builders import World
from dashboard.tests.routes import text_of, url_of
from orders.models import LaneItem, Order
from risk.models import RiskProfile, TradingState
from signals.models import Signal, Strategy
from tradehub.core.words import OrderStatus

ONE = {"account": "account", "strategy": "strategy"}


def working_entry(world: World) -> Order:
    Order.objects.filter(pk=world.order.pk).update(status=OrderStatus.OPEN.value)
    return world.order


def lane_kinds(world: World) -> list[str]:
    queued = LaneItem.objects.filter(account=world.account, status=LaneItem.Status.QUEUED.value)
    return sorted(queued.values_list("kind", flat=True))


# ---- halt and resume ----


@pytest.mark.parametrize("scope", ONE)
def test_one_account_or_strategy_is_halted_and_resumed_with_reasons(
    as_alice: Client, world: World, scope: str
) -> None:
    working_entry(world)
    page = url_of({"account": "broker-account", "strategy": "strategy"}[scope], world)
    answer = as_alice.post(url_of(f"halt-{scope}", world), {"reason": "odd fills"})
    assert answer["Location"] == page
    state = TradingState.objects.get(scope=scope, scope_id=getattr(world, scope).pk)
    assert (state.state, state.reason) == ("halted", "odd fills")
    assert lane_kinds(world) == [LaneItem.Kind.HALT.value]
    shown = text_of(as_alice.get(page))
    assert f"This {scope} is halted: odd fills" in shown
    assert reverse(f"dashboard:resume-{scope}", args=[state.scope_id]) in shown
    refused = text_of(as_alice.post(url_of(f"resume-{scope}", world), follow=True))
    assert "a resume needs a reason" in refused
    assert f"This {scope} is halted" in refused
    as_alice.post(url_of(f"resume-{scope}", world), {"reason": "looked at"})
    state.refresh_from_db()
    assert (state.state, state.reason) == ("active", "looked at")
    assert "is halted" not in text_of(as_alice.get(page)).partition("<dialog")[0]


def test_a_halted_strategy_is_marked_in_the_list_and_not_called_active(
    as_alice: Client, world: World
) -> None:
    url = reverse("dashboard:strategies")
    assert "Active" in text_of(as_alice.get(url))
    as_alice.post(url_of("halt-strategy", world), {"reason": "wait"})
    text = text_of(as_alice.get(url))
    assert "Halted" in text
    assert "Active" not in text


@pytest.mark.parametrize("name", ["halt-account", "halt-strategy"])
def test_another_user_halts_nothing(client: Client, bob: User, world: World, name: str) -> None:
    client.force_login(bob)
    assert client.post(url_of(name, world), {"reason": "mine now"}).status_code == 404
    assert not TradingState.objects.exists()


# ---- emergency stop ----


@pytest.mark.parametrize("typed", ["", "flatten", "YES"])
def test_an_emergency_stop_wants_its_word(as_alice: Client, world: World, typed: str) -> None:
    url = reverse("dashboard:emergency-stop")
    answer = as_alice.post(url, {"reason": "why", "confirm": typed}, follow=True)
    assert "Type FLATTEN to close everything" in text_of(answer)
    assert not TradingState.objects.exists()
    assert lane_kinds(world) == []


def test_an_emergency_stop_halts_cancels_and_closes(
    as_alice: Client, alice: User, world: World
) -> None:
    working_entry(world)
    url = reverse("dashboard:emergency-stop")
    answer = as_alice.post(url, {"reason": "runs away", "confirm": "FLATTEN"}, follow=True)
    assert "Emergency stop: trading is halted" in text_of(answer)
    state = TradingState.objects.get(scope="user", scope_id=str(alice.pk))
    assert (state.state, state.reason) == ("halted", "runs away")
    kinds = LaneItem.Kind
    assert lane_kinds(world) == sorted([kinds.HALT.value, kinds.CANCEL.value, kinds.DECIDE.value])


def test_an_emergency_stop_is_one_step_from_the_halt_and_from_the_resume(
    as_alice: Client, world: World
) -> None:
    dialogs = text_of(as_alice.get(reverse("dashboard:orders"))).split("<dialog")
    leading = [part for part in dialogs if 'data-dialog="stop-dialog"' in part]
    assert [part.partition('id="')[2].partition('"')[0] for part in leading] == [
        "halt-dialog",
        "resume-dialog",
    ]


# ---- webhooks ----


def test_a_revoked_webhook_is_gone_and_a_new_one_can_be_made(
    as_alice: Client, world: World
) -> None:
    page = url_of("strategy", world)
    assert url_of("webhook-revoke", world) in text_of(as_alice.get(page))
    answer = as_alice.post(url_of("webhook-revoke", world), {"next": page}, follow=True)
    assert "The webhook is revoked" in text_of(answer)
    world.token.refresh_from_db()
    assert world.token.revoked_at is not None
    assert world.token.last_four not in text_of(as_alice.get(page))
    assert as_alice.post(url_of("webhook-revoke", world)).status_code == 404
    made = text_of(as_alice.post(url_of("webhook-renew", world)))
    assert 'id="webhook-url"' in made
    assert "The old URL works on" not in made
    assert world.strategy.webhook_tokens.filter(revoked_at=None).count() == 1


# ---- deletes ----


def test_a_strategy_that_holds_something_stays_and_says_why(as_alice: Client, world: World) -> None:
    answer = as_alice.post(url_of("strategy-delete", world), follow=True)
    assert answer.redirect_chain[-1][0] == url_of("strategy", world)
    assert "1 open position(s)" in text_of(answer)
    assert Strategy.objects.filter(pk=world.strategy.pk).exists()


def test_an_idle_strategy_is_deleted(as_alice: Client, world: World) -> None:
    world.position.is_open = False
    world.position.save(update_fields=["is_open"])
    answer = as_alice.post(url_of("strategy-delete", world), follow=True)
    assert "is deleted" in text_of(answer)
    assert not Strategy.objects.filter(pk=world.strategy.pk).exists()


def test_an_account_with_orders_stays_and_says_why(as_alice: Client, world: World) -> None:
    answer = as_alice.post(url_of("broker-account-delete", world), follow=True)
    assert answer.redirect_chain[-1][0] == url_of("broker-account", world)
    assert "has orders" in text_of(answer)
    assert BrokerAccount.objects.filter(pk=world.account.pk).exists()


def test_an_unused_account_is_deleted(as_alice: Client, alice: User, world: World) -> None:
    account = brokers_services.create_account(
        owner=alice, kind="paper", environment="paper", label="Spare", now=world.order.created_at
    )
    url = reverse("dashboard:broker-account-delete", args=[account.pk])
    assert "Spare is deleted" in text_of(as_alice.post(url, follow=True))
    assert not BrokerAccount.objects.filter(pk=account.pk).exists()


def test_a_profile_in_use_stays_and_says_why(as_alice: Client, world: World) -> None:
    edit = url_of("risk-profile-edit", world)
    assert url_of("risk-profile-delete", world) in text_of(as_alice.get(edit))
    answer = as_alice.post(url_of("risk-profile-delete", world), follow=True)
    assert answer.redirect_chain[-1][0] == edit
    assert "used by 1" in text_of(answer)
    assert RiskProfile.objects.filter(pk=world.profile.pk).exists()


def test_an_unused_profile_is_deleted(as_alice: Client, world: World) -> None:
    world.subscription.delete()
    answer = as_alice.post(url_of("risk-profile-delete", world), follow=True)
    assert "is deleted" in text_of(answer)
    assert not RiskProfile.objects.filter(pk=world.profile.pk).exists()


DESTROYERS = [
    "strategy-delete",
    "broker-account-delete",
    "risk-profile-delete",
    "webhook-revoke",
    "broker-account-disable",
]


@pytest.mark.parametrize("name", DESTROYERS)
def test_what_destroys_asks_first(as_alice: Client, world: World, name: str) -> None:
    pages = {"strategy": "strategy", "broker": "broker-account", "risk": "risk-profile-edit"}
    page = pages.get(name.partition("-")[0], "strategy")
    text = text_of(as_alice.get(url_of(page, world)))
    form = text.partition(f'action="{url_of(name, world)}"')[2].partition(">")[0]
    assert "data-confirm=" in form


@pytest.mark.parametrize("name", DESTROYERS)
def test_a_visitor_destroys_nothing(client: Client, world: World, name: str) -> None:
    answer = client.post(url_of(name, world))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


# ---- start ----


def test_a_test_alert_from_the_start_page_does_not_leave_it(as_alice: Client, alice: User) -> None:
    """A reload would lose the URL that is shown only once."""
    as_alice.post(reverse("dashboard:make-webhook"))
    url = reverse("dashboard:send-test", args=[alice.strategies.get().pk])
    part = text_of(as_alice.post(url, headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert "3 of 5 steps done" in part
    assert 'class="tick" id="paste-tick" hx-swap-oob="true"' in part
    Signal.objects.update(source_ip="192.0.2.7")
    start = reverse("dashboard:start")
    part = text_of(as_alice.get(start, headers={"HX-Request": "true"}))
    assert 'class="tick is-done" id="paste-tick" hx-swap-oob="true"' in part, "one from outside"


def test_a_refused_test_alert_says_why_on_the_spot(as_alice: Client, world: World) -> None:
    world.account.environment = "live"
    world.account.save(update_fields=["environment"])
    url = url_of("send-test", world)
    part = text_of(as_alice.post(url, headers={"HX-Request": "true"}))
    assert "trades on a live account" in part
    assert "<html" not in part
