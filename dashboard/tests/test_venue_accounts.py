"""Pages of accounts at real venues: the password, the typed word, and keys that never come back."""

import time
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import _AUTHENTICATION_METHODS_USER_SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from accounts.models import User
from brokers.credentials import open_credentials
from brokers.examining import examine_account
from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.options import VENUE_DEFAULTS
from brokers.streams import states
from brokers.streams.states import StreamState
from brokers.tests.builders import open_stub_account, use_stub
from brokers.tests.stub_venue.adapter import Script, scripts
from brokers.types import Line
from conftest import PASSWORD
from dashboard.api import AccountStatusSerializer
from dashboard.status import account_statuses_for
from dashboard.tests.builders import World, make_decision, make_signal
from dashboard.tests.routes import text_of
from dashboard.views.venue_accounts import venue_kinds
from signals.models import Subscription
from tradehub.core.money import plain
from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import redis_client

CONNECT = reverse("dashboard:broker-account-connect", args=["binance_spot"])
FORM = {
    "label": "Real",
    "environment": "live",
    "api_key": "typed-key",
    "api_secret": "typed-secret",
    "quote_currency": "USDT",
    "targets": "rest",
    "confirm": "live",
}


@pytest.fixture(autouse=True)
def _stub(settings: Any) -> None:
    use_stub(settings)


def gave_password(client: Client, user: User, seconds_ago: float = 10) -> None:
    session = client.session
    record = {"method": "password", "at": time.time() - seconds_ago}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()


def page(name: str, account: BrokerAccount) -> str:
    return reverse(f"dashboard:{name}", args=[account.pk])


def test_an_old_session_is_sent_to_give_the_password(as_alice: Client, alice: User) -> None:
    account = open_stub_account(alice)
    gave_password(as_alice, alice, seconds_ago=301)
    for url in (CONNECT, page("broker-account-credentials", account)):
        for answer in (as_alice.get(url), as_alice.post(url, FORM)):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/accounts/reauthenticate/?next=%2Fbroker-acc")
    assert BrokerAccount.objects.count() == 1
    assert open_credentials(account)["api_key"] == "k1"
    assert "typed-secret" not in str([each.get_decoded() for each in Session.objects.all()])


def test_giving_it_again_leads_back(as_alice: Client, alice: User) -> None:
    answer = as_alice.get(CONNECT)
    again = as_alice.post(answer["Location"], {"password": PASSWORD})
    assert (again.status_code, again["Location"]) == (302, CONNECT)
    assert as_alice.get(CONNECT).status_code == 200


def test_a_live_account_is_opened_with_the_word_only(as_alice: Client, alice: User) -> None:
    gave_password(as_alice, alice)
    refused = as_alice.post(CONNECT, FORM | {"confirm": ""})
    assert "trades real money" in text_of(refused)
    assert "typed-secret" not in text_of(refused)
    assert not BrokerAccount.objects.exists()
    assert as_alice.post(CONNECT, FORM).status_code == 302
    account = BrokerAccount.objects.get()
    assert (account.environment, account.kind) == ("live", "binance_spot")
    assert open_credentials(account) == {"api_key": "typed-key", "api_secret": "typed-secret"}
    scripts["typed-key"] = Script()
    shown = text_of(as_alice.get(page("broker-account", account)))
    assert "typed-key" not in shown
    assert "No entries are sent." in shown


def test_a_key_is_replaced_and_never_shown(as_alice: Client, alice: User) -> None:
    gave_password(as_alice, alice)
    account = open_stub_account(alice, "stored-key", environment="live", label="Live")
    url = page("broker-account-credentials", account)
    form = text_of(as_alice.get(url))
    assert "stored-key" not in form
    keys = {"api_key": "typed-key", "api_secret": "typed-secret"}
    assert "trades real money" in text_of(as_alice.post(url, keys))
    assert as_alice.post(url, keys | {"confirm": "live"}).status_code == 302
    assert open_credentials(BrokerAccount.objects.get()) == keys


def test_options_are_changed_without_the_password(as_alice: Client, alice: User) -> None:
    account = open_stub_account(alice)
    url = page("broker-account-edit", account)
    assert "api_key" not in text_of(as_alice.get(url))
    as_alice.post(url, {"label": "New", "sizing_capital": "500", "targets": "watch"})
    account.refresh_from_db()
    assert account.label == "New"
    options = {"quote_currency": "USDT", "sizing_capital": "500", "targets": "watch"}
    assert account.options == options


@pytest.mark.parametrize("kind", [each for each, _ in venue_kinds()])
def test_each_option_of_each_kind_has_a_field_with_its_default(
    as_alice: Client, alice: User, kind: str
) -> None:
    gave_password(as_alice, alice)
    form = as_alice.get(reverse("dashboard:broker-account-connect", args=[kind])).context["form"]
    for name in KINDS[kind].options:
        field = form.fields[name]
        default = VENUE_DEFAULTS[name]
        assert form[name].value() == (plain(default) if isinstance(default, Decimal) else default)
        for choice, label in getattr(field, "choices", ()):
            assert label
            KINDS[kind].options[name](name, choice)


def test_real_money_is_enabled_with_password_and_word(as_alice: Client, alice: User) -> None:
    account = open_stub_account(alice, environment="live")
    BrokerAccount.objects.update(enabled=False)
    url = page("broker-account-enable", account)
    assert "reauthenticate" in as_alice.post(url, {"confirm": "live"})["Location"]
    gave_password(as_alice, alice)
    as_alice.post(url, {"confirm": "yes"})
    assert not BrokerAccount.objects.get().enabled
    as_alice.post(url, {"confirm": "live"})
    assert BrokerAccount.objects.get().enabled


def test_another_users_account_and_an_unknown_kind_are_not_there(
    client: Client, alice: User, bob: User
) -> None:
    account = open_stub_account(alice)
    client.force_login(bob)
    gave_password(client, bob)
    assert client.get(page("broker-account-credentials", account)).status_code == 404
    for kind in ("paper", "mtgox"):
        url = reverse("dashboard:broker-account-connect", args=[kind])
        assert client.get(url).status_code == 404


def test_what_the_check_found_stands_on_its_page_and_on_every_page(
    as_alice: Client, alice: User
) -> None:
    scripts["k1"] = Script(
        lines=[Line("withdrawals", False, "The key may withdraw.", "Make one.", hard=True)]
    )
    account = open_stub_account(alice)
    examine_account(account)
    shown = text_of(as_alice.get(page("broker-account", account)))
    for text in ("Not passed", "The key may withdraw.", "Make one.", "ACCOUNT_CHECK_FAILED"):
        assert text in shown
    elsewhere = text_of(as_alice.get(reverse("dashboard:orders")))
    assert "has not passed its check" in elsewhere
    scripts["k1"].lines = []
    as_alice.post(page("broker-account-check", account))
    assert "has not passed" not in text_of(as_alice.get(reverse("dashboard:orders")))


def test_test_and_live_differ_in_word_and_colour(as_alice: Client, alice: User) -> None:
    test = open_stub_account(alice)
    live = open_stub_account(alice, "k2", environment="live")
    assert '<span class="tag tag-warn">TEST</span>' in text_of(
        as_alice.get(page("broker-account", test))
    )
    assert '<span class="tag tag-bad">LIVE</span>' in text_of(
        as_alice.get(page("broker-account", live))
    )


def test_a_dry_run_says_so_and_what_it_would_have_sent(
    as_alice: Client, world: World, now: Any
) -> None:
    Subscription.objects.update(mode="dry_run")
    signal = make_signal(world.strategy, world.token, now)
    decision = make_decision(signal, world.account, now)
    draft = {
        "symbol": "AAPL",
        "side": "buy",
        "role": "entry",
        "order_type": "limit",
        "quantity": "3",
        "limit_price": "150.5",
        "stop_price": None,
    }
    decision.rehearsal = {"orders": [draft], "cancels": ["ord_1"]}
    decision.save(update_fields=["rehearsal"])
    shown = text_of(as_alice.get(reverse("dashboard:signal", args=[signal.pk])))
    for text in (
        "Dry run.",
        "nothing is sent",
        "Would have been done",
        "150.5",
        "Cancel 1 working",
    ):
        assert text in shown
    assert "Dry run</span>" in text_of(as_alice.get(reverse("dashboard:signals")))


def test_the_page_and_the_api_tell_of_the_venues_stream(
    as_alice: Client, alice: User, redis_server: str
) -> None:
    account = open_stub_account(alice)
    assert "Stream" not in text_of(as_alice.get(page("broker-account", account)))
    now = utc_now()
    up = StreamState(connected_since=now.timestamp(), last_event_at=now.timestamp())
    states.tell(redis_client(), {account.pk: up}, now=now)
    assert "Connected since" in text_of(as_alice.get(page("broker-account", account)))
    lost = StreamState(last_error="BAD_CREDENTIALS", last_error_at=now.timestamp())
    states.tell(redis_client(), {account.pk: lost}, now=now)
    shown = text_of(as_alice.get(page("broker-account", account)))
    assert "Not connected (BAD_CREDENTIALS); orders are polled" in shown
    (status,) = account_statuses_for(alice, now=now)
    told = AccountStatusSerializer(status).data["stream"]
    assert (told["connected"], told["last_error"]) == (False, "BAD_CREDENTIALS")
    assert told["connected_at"] is None
