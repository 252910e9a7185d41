"""What pages say, and what their forms and buttons do."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import User
from dashboard.tests.builders import SECRET, World, make_invalid_signal, make_world
from dashboard.tests.routes import text_of, url_of
from orders.models import Drift, LaneItem, Order, Position, Reconciliation
from orders.terms import Terms


def test_the_decision_page_masks_secrets_and_tells_the_story(
    as_alice: Client, world: World
) -> None:
    text = text_of(as_alice.get(url_of("signal", world)))
    assert SECRET not in text
    assert "ORDER_" in text
    assert "1,505" in text
    assert "25,000" in text
    assert "+7.0 ms" in text


def test_an_invalid_signal_shows_its_pointer_and_escapes_its_body(
    as_alice: Client, world: World, now: datetime
) -> None:
    bad = make_invalid_signal(world.strategy, now)
    text = text_of(as_alice.get(reverse("dashboard:signal", args=[bad.pk])))
    assert "/ticker" in text
    assert "There is no ticker." in text
    assert "<b>buy</b>" not in text


def test_an_unprotected_position_shouts_on_every_page(as_alice: Client, world: World) -> None:
    world.position.protected = False
    world.position.save(update_fields=["protected"])
    for name in ("dashboard", "signals", "strategies"):
        assert "AAPL is unprotected" in text_of(as_alice.get(reverse(f"dashboard:{name}")))


def test_the_stripe_says_paper_and_says_live(as_alice: Client, world: World) -> None:
    url = reverse("dashboard:orders")
    assert "<strong>PAPER</strong>" in text_of(as_alice.get(url))
    world.account.environment = "live"
    world.account.save(update_fields=["environment"])
    assert "<strong>LIVE</strong>" in text_of(as_alice.get(url))


def test_synthetic_prices_are_said_to_be_so(as_alice: Client, world: World) -> None:
    url = reverse("dashboard:dashboard")
    assert "synthetic" not in text_of(as_alice.get(url))
    world.account.options = {**world.account.options, "price_source": "synthetic"}
    world.account.save(update_fields=["options"])
    assert "Prices are synthetic" in text_of(as_alice.get(url))


def test_halt_and_resume_from_the_header(as_alice: Client, world: World) -> None:
    as_alice.post(reverse("dashboard:halt"), {"reason": "fills look wrong"})
    halted = text_of(as_alice.get(reverse("dashboard:dashboard")))
    assert "Trading is halted" in halted
    assert "fills look wrong" in halted
    as_alice.post(reverse("dashboard:resume"), {"reason": "looked at"})
    assert "Trading is halted" not in text_of(as_alice.get(reverse("dashboard:dashboard")))


def test_a_resume_without_a_reason_is_refused_in_words(as_alice: Client, world: World) -> None:
    as_alice.post(reverse("dashboard:halt"), {"reason": "wait"})
    answer = as_alice.post(reverse("dashboard:resume"), follow=True)
    assert "a resume needs a reason" in text_of(answer)
    assert "Trading is halted" in text_of(answer)


def test_after_an_action_no_foreign_address_is_followed(as_alice: Client, world: World) -> None:
    url = url_of("broker-account-disable", world)
    answer = as_alice.post(url, {"next": "https://evil.example/"})
    assert answer["Location"] == reverse("dashboard:broker-accounts")
    answer = as_alice.post(url, {"next": "/orders/"})
    assert answer["Location"] == "/orders/"


def test_cancelling_an_ended_order_says_why_not(as_alice: Client, world: World) -> None:
    answer = as_alice.post(url_of("cancel-order", world), follow=True)
    assert "filled already" in text_of(answer)


# ---- forms ----


def test_a_refusal_by_the_service_is_shown_at_its_field(as_alice: Client, world: World) -> None:
    url = url_of("risk-profile-edit", world)
    fields = {
        "name": "Careful",
        "timezone": "Nowhere/Atlantis",
        "day_starts_at": "00:00",
        "direction": "both",
        "sizing_method": "signal",
        "size_limits": "deny",
        "on_unprotected": "alarm",
    }
    text = text_of(as_alice.post(url, fields))
    assert 'id="id_timezone_error"' in text
    assert "is no time zone" in text
    saved = as_alice.post(url, fields | {"timezone": "America/New_York", "max_order_value": "2500"})
    assert saved.status_code == 302
    world.profile.refresh_from_db()
    assert world.profile.timezone == "America/New_York"
    assert str(world.profile.max_order_value) == "2500"


def test_a_paper_account_is_opened_and_changed(as_alice: Client, alice: User) -> None:
    fields = {
        "label": "Second",
        "starting_cash": "5000.50",
        "currency": "USD",
        "leverage": "1",
        "price_source": "signal",
        "allow_short": "on",
    }
    answer = as_alice.post(reverse("dashboard:broker-account-create"), fields)
    assert answer.status_code == 302
    account = alice.broker_accounts.get(label="Second")
    assert account.options["starting_cash"] == "5000.5"
    assert account.options["allow_short"] is True
    url = reverse("dashboard:broker-account-edit", args=[account.pk])
    del fields["allow_short"]
    as_alice.post(url, fields | {"starting_cash": "1", "fee_percent": "0.1"})
    account.refresh_from_db()
    assert account.options["starting_cash"] == "5000.5"
    assert account.options["fee_percent"] == "0.1"
    assert account.options["allow_short"] is False


def test_a_taken_label_is_refused_at_the_label(as_alice: Client, world: World) -> None:
    fields = {
        "label": world.account.label,
        "starting_cash": "1",
        "currency": "USD",
        "leverage": "1",
        "price_source": "signal",
    }
    text = text_of(as_alice.post(reverse("dashboard:broker-account-create"), fields))
    assert 'id="id_label_error"' in text


# ---- webhooks and strategies ----


def strategy_fields(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Second",
        "direction": "long_only",
        "symbols": "aapl, BINANCE:BTCUSDT",
        "symbol_map": "NQ1! = QQQ",
        "default_order_type": "market",
        "default_time_in_force": "gtc",
        "default_stop_loss_percent": "2.5",
        "on_opposite": "reverse",
        "flip_quantity": "new",
        "max_adds": "1",
        "on_gap": "record",
        "session_policy": "reject",
        "fan_out": "best_effort",
        "signal_overrides": ["order_type", "stop_loss"],
        **changes,
    }


def webhook_url_in(text: str) -> str:
    return text.partition('id="webhook-url" readonly value="')[2].partition('"')[0]


def test_start_makes_everything_and_shows_the_url_once(as_alice: Client, alice: User) -> None:
    url = webhook_url_in(text_of(as_alice.post(reverse("dashboard:make-webhook"))))
    secret = url.rpartition("/webhook/")[2]
    assert len(secret) > 20
    assert alice.strategies.get().subscriptions.get().account.kind == "paper"
    for name in ("start", "strategies", "dashboard"):
        assert secret not in text_of(as_alice.get(reverse(f"dashboard:{name}")))
    page = reverse("dashboard:strategy", args=[alice.strategies.get().pk])
    assert secret[-4:] in text_of(as_alice.get(page))


def test_the_secret_is_in_no_session_and_no_message(as_alice: Client) -> None:
    url = webhook_url_in(text_of(as_alice.post(reverse("dashboard:make-webhook"))))
    secret = url.rpartition("/")[2]
    assert secret not in repr(dict(as_alice.session.items()))
    assert all(secret not in cookie.value for cookie in as_alice.cookies.values())


def test_rotation_shows_another_url_once(as_alice: Client, alice: User) -> None:
    first = webhook_url_in(text_of(as_alice.post(reverse("dashboard:make-webhook"))))
    token = alice.webhook_tokens.get()
    rotate = reverse("dashboard:webhook-rotate", args=[token.pk])
    second = webhook_url_in(text_of(as_alice.post(rotate)))
    assert second
    assert second != first


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a page's form, as a browser sends them; again when it is reloaded."""
    form = next(each for each in page.split("<form")[1:] if action in each.partition(">")[0])
    hidden = re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form.partition("</form>")[0])
    return dict(hidden)


def test_a_reload_makes_no_second_webhook_and_shows_no_secret(
    as_alice: Client, alice: User
) -> None:
    make, start = reverse("dashboard:make-webhook"), reverse("dashboard:start")
    sent = fields_of(text_of(as_alice.get(start)), make)
    url = webhook_url_in(text_of(as_alice.post(make, sent)))
    assert url
    again = as_alice.post(make, sent, follow=True)
    assert again.redirect_chain == [(start, 302)]
    assert url.rpartition("/")[2] not in text_of(again)
    assert "shown then, once" in text_of(again)
    assert alice.webhook_tokens.count() == alice.strategies.count() == 1


def test_a_reload_makes_no_second_url_of_a_webhook(as_alice: Client, alice: User) -> None:
    as_alice.post(reverse("dashboard:make-webhook"))
    rotate = reverse("dashboard:webhook-rotate", args=[alice.webhook_tokens.get().pk])
    strategy = reverse("dashboard:strategy", args=[alice.strategies.get().pk])
    sent = fields_of(text_of(as_alice.get(strategy)), rotate)
    assert webhook_url_in(text_of(as_alice.post(rotate, sent)))
    made = alice.webhook_tokens.count(), alice.webhook_tokens.latest("id").digest
    assert as_alice.post(rotate, sent).status_code == 302
    assert (alice.webhook_tokens.count(), alice.webhook_tokens.latest("id").digest) == made
    other = fields_of(text_of(as_alice.get(strategy)), rotate)
    assert other != sent
    assert webhook_url_in(text_of(as_alice.post(rotate, other))), "asked for anew"


def test_a_reload_makes_no_second_strategy_and_a_refused_form_may_be_sent_again(
    as_alice: Client, alice: User
) -> None:
    create = reverse("dashboard:strategy-create")
    sent = fields_of(text_of(as_alice.get(create)), "novalidate")
    refused = as_alice.post(create, strategy_fields(**sent, symbols="?"))
    assert refused.status_code == 200
    assert not alice.strategies.exists()
    assert webhook_url_in(text_of(as_alice.post(create, strategy_fields(**sent))))
    assert as_alice.post(create, strategy_fields(**sent)).status_code == 302
    assert alice.strategies.count() == 1


def test_a_form_number_of_somebody_elses_making_is_refused(as_alice: Client, alice: User) -> None:
    as_alice.post(reverse("dashboard:make-webhook"), {"once": "x" * 65})
    as_alice.post(reverse("dashboard:make-webhook"), {"once": "\x00"})
    assert not alice.strategies.exists()


def test_a_test_alert_ticks_the_start_page(as_alice: Client, alice: User) -> None:
    as_alice.post(reverse("dashboard:make-webhook"))
    strategy = alice.strategies.get()
    steps = {"HX-Request": "true"}
    before = text_of(as_alice.get(reverse("dashboard:start"), headers=steps))
    assert "1 of 5 steps done" in before
    as_alice.post(reverse("dashboard:send-test", args=[strategy.pk]))
    after = text_of(as_alice.get(reverse("dashboard:start"), headers=steps))
    assert "3 of 5 steps done" in after, "it was not pasted anywhere"
    assert alice.signals.get().pk in after


def test_the_message_keeps_the_placeholders_of_tradingview(as_alice: Client) -> None:
    text = text_of(as_alice.get(reverse("dashboard:start")))
    assert "{{strategy.order.action}}" in text
    assert "{{ticker}}" in text


def test_a_strategy_is_made_with_all_its_fields(as_alice: Client, alice: User) -> None:
    answer = as_alice.post(reverse("dashboard:strategy-create"), strategy_fields())
    assert webhook_url_in(text_of(answer))
    made = alice.strategies.get()
    assert made.symbols == ["AAPL", "BTCUSDT"]
    assert made.symbol_map == {"NQ1!": "QQQ"}
    assert str(made.default_stop_loss_percent) == "2.5"
    assert made.default_take_profit_percent is None
    assert made.signal_overrides == ["order_type", "stop_loss"]


def test_editing_shows_what_is_and_saves_what_changed(as_alice: Client, world: World) -> None:
    url = url_of("strategy-edit", world)
    text = text_of(as_alice.get(url))
    assert f'value="{world.strategy.name}"' in text
    answer = as_alice.post(url, strategy_fields(name="Renamed", symbols="not a $ymbol"))
    assert 'id="id_symbols_error"' in text_of(answer)
    assert as_alice.post(url, strategy_fields(name="Renamed")).status_code == 302
    world.strategy.refresh_from_db()
    assert world.strategy.name == "Renamed"
    assert world.strategy.on_opposite == "reverse"


def test_pausing_is_seen_and_taken_back(as_alice: Client, world: World) -> None:
    as_alice.post(url_of("strategy-pause", world))
    assert "STRATEGY_" in text_of(as_alice.get(url_of("strategy", world)))
    as_alice.post(url_of("strategy-resume", world))
    assert "Paused" not in text_of(as_alice.get(url_of("strategy", world)))


def test_webhook_options_keep_a_secret_that_is_not_named(as_alice: Client, world: World) -> None:
    url = url_of("webhook-options", world)
    fields = {"requests_per_minute": "90", "allowed_ips": "203.0.113.0/24"}
    assert as_alice.post(url, fields | {"passphrase": "open sesame"}).status_code == 302
    world.token.refresh_from_db()
    sealed = world.token.sealed_passphrase
    assert sealed
    assert "open sesame" not in text_of(as_alice.get(url))
    as_alice.post(url, fields)
    world.token.refresh_from_db()
    assert world.token.sealed_passphrase == sealed
    assert world.token.allowed_ips == ["203.0.113.0/24"]
    as_alice.post(url, fields | {"clear_passphrase": "on"})
    world.token.refresh_from_db()
    assert world.token.sealed_passphrase == ""


def test_an_account_is_added_changed_and_removed(
    as_alice: Client, alice: User, world: World
) -> None:
    as_alice.post(url_of("unsubscribe", world))
    assert not world.strategy.subscriptions.exists()
    fields = {
        "account": world.account.pk,
        "risk_profile": world.profile.pk,
        "multiplier": "0.5",
        "mode": "dry_run",
    }
    assert as_alice.post(url_of("subscribe", world), fields).status_code == 302
    added = world.strategy.subscriptions.get()
    assert (str(added.multiplier), added.mode) == ("0.5", "dry_run")
    edit = reverse("dashboard:subscription-edit", args=[added.pk])
    text = text_of(as_alice.post(edit, fields | {"multiplier": "-1"}))
    assert 'id="id_multiplier_error"' in text
    assert as_alice.post(edit, fields | {"mode": "auto"}).status_code == 302


def test_another_users_account_can_not_be_added(
    as_alice: Client, bob: User, world: World, now: datetime
) -> None:
    his = make_world(bob, now, "His")
    as_alice.post(url_of("unsubscribe", world))
    fields = {
        "account": his.account.pk,
        "risk_profile": his.profile.pk,
        "multiplier": "1",
        "mode": "auto",
    }
    assert as_alice.post(url_of("subscribe", world), fields).status_code == 200
    assert not world.strategy.subscriptions.exists()


def test_a_difference_from_the_venue_is_told_in_numbers_and_can_be_taken_over(
    as_alice: Client, world: World, now: datetime
) -> None:
    drift = Drift.objects.create(
        account=world.account,
        symbol="AAPL",
        ours=world.position.quantity,
        theirs=Decimal("12.5"),
        average_price=Decimal(90),
        seen_at=now,
        confirmed_at=now,
    )
    assert "AAPL differs from the venue" in text_of(as_alice.get(reverse("dashboard:orders")))
    page = reverse("dashboard:broker-account", args=[world.account.pk])
    assert "the venue holds 12.5" in text_of(as_alice.get(page))
    adopt = reverse("dashboard:broker-account-adopt", args=[world.account.pk])
    assert "AAPL is now what the venue holds" in text_of(
        as_alice.post(adopt, {"symbol": "AAPL"}, follow=True)
    )
    drift.refresh_from_db()
    assert drift.healed_at is not None
    held = Position.objects.filter(account=world.account, symbol="AAPL", is_open=True)
    assert sum(held.values_list("quantity", flat=True), Decimal(0)) == Decimal("12.5")
    again = as_alice.post(adopt, {"symbol": "AAPL"}, follow=True)
    assert "nothing to take over" in text_of(again)


def test_an_account_that_waits_for_its_venue_says_so(
    as_alice: Client, world: World, now: datetime
) -> None:
    Reconciliation.objects.create(
        account=world.account, due_at=now, required_at=now, error="OUTCOME_UNKNOWN"
    )
    text = text_of(as_alice.get(reverse("dashboard:orders")))
    assert "compared with its venue" in text
    page = reverse("dashboard:broker-account", args=[world.account.pk])
    assert "trades only once" in text_of(as_alice.get(page))
    sync = reverse("dashboard:broker-account-sync", args=[world.account.pk])
    assert "was compared with its venue" in text_of(as_alice.post(sync, follow=True))


def in_review(world: World) -> Order:
    """The order of the world, sent without an answer and handed to its owner."""
    world.order.events.exclude(event="send").delete()
    world.order.fills.all().delete()
    Order.objects.filter(pk=world.order.pk).update(
        status="unconfirmed",
        reason="NEEDS_REVIEW",
        reason_text="The venue knows orders only by its own ids.",
        filled_quantity=Decimal(0),
        average_fill_price=None,
        updated_at=world.order.created_at,
    )
    world.order.refresh_from_db()
    return world.order


def test_an_order_that_needs_a_look_shouts_on_every_page(as_alice: Client, world: World) -> None:
    order = in_review(world)
    for name in ("dashboard", "signals", "strategies"):
        text = text_of(as_alice.get(reverse(f"dashboard:{name}")))
        alarm = text.partition(f'data-review="{order.pk}"')[2].partition("</div>")[0]
        assert "Was the buy of 10 AAPL placed?" in alarm
        assert url_of("order", world) in alarm
        assert "NEEDS_REVIEW" in alarm
    part = as_alice.get(reverse("dashboard:panel", args=["stripe"]))
    assert f'data-review="{order.pk}"' in text_of(part)


def test_an_order_still_being_asked_about_is_no_alarm(as_alice: Client, world: World) -> None:
    in_review(world)
    Order.objects.update(reason="OUTCOME_UNKNOWN")
    page = text_of(as_alice.get(url_of("order", world)))
    assert "data-review=" not in page
    assert 'data-dialog="review-missing"' not in page


def test_another_users_review_is_no_alarm_here(client: Client, bob: User, world: World) -> None:
    in_review(world)
    client.force_login(bob)
    assert "data-review=" not in text_of(client.get(reverse("dashboard:orders")))


def test_the_answer_that_it_is_not_there_ends_the_order(as_alice: Client, world: World) -> None:
    order = in_review(world)
    page = text_of(as_alice.get(url_of("order", world)))
    assert 'data-dialog="review-missing"' in page
    assert 'id="review-missing"' in page
    url = url_of("review-order", world)
    assert as_alice.post(url, {}).status_code == 302  # nothing was said
    order.refresh_from_db()
    assert order.status == "unconfirmed"
    answer = as_alice.post(url, {"placed": "no"}, follow=True)
    assert answer.redirect_chain[-1][0] == url_of("order", world)
    assert "has ended as denied" in text_of(answer)
    assert "alice looked at the venue" in text_of(answer)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("denied", "NEEDS_REVIEW")
    assert "data-review=" not in text_of(answer)


def test_a_number_that_is_not_there_is_refused_in_words(as_alice: Client, world: World) -> None:
    order = in_review(world)
    said = {"placed": "yes", "venue_order_id": "4711"}
    text = text_of(as_alice.post(url_of("review-order", world), said, follow=True))
    assert "lists no order 4711" in text
    assert "INVALID_FIELD" in text
    order.refresh_from_db()
    assert order.status == "unconfirmed"


def works_again(world: World) -> Order:
    """The order of the world as a limit order that rests, half filled."""
    Order.objects.filter(pk=world.order.pk).update(
        status="partially_filled",
        order_type="limit",
        limit_price=Decimal("149.5"),
        filled_quantity=Decimal(5),
    )
    LaneItem.objects.update(terms=Terms(None, None).to_json())
    world.order.refresh_from_db()
    return world.order


def test_a_working_order_can_be_changed_on_its_page(as_alice: Client, world: World) -> None:
    order = works_again(world)
    page = text_of(as_alice.get(url_of("order", world)))
    assert 'data-dialog="replace-dialog"' in page
    assert 'name="limit_price" value="149.5"' in page
    assert "In all; 5 of it is filled." in page
    assert 'name="stop_price"' not in page
    url = url_of("replace-order", world)
    same = as_alice.post(url, {"quantity": "10", "limit_price": "149.5"}, follow=True)
    assert "asks for already" in text_of(same)
    done = as_alice.post(url, {"quantity": "8", "limit_price": "149.5"}, follow=True)
    assert done.redirect_chain[-1][0] == url_of("order", world)
    assert "Changing the buy of AAPL" in text_of(done)
    item = LaneItem.objects.get(kind="replace", subject=order.pk)
    assert item.intents[0]["size"]["value"] == "8"


def test_an_ended_or_protective_order_is_not_changed_there(as_alice: Client, world: World) -> None:
    assert 'data-dialog="replace-dialog"' not in text_of(as_alice.get(url_of("order", world)))
    order = works_again(world)
    Order.objects.filter(pk=order.pk).update(role="stop_loss")
    assert 'data-dialog="replace-dialog"' not in text_of(as_alice.get(url_of("order", world)))
    answer = as_alice.post(url_of("replace-order", world), {"quantity": "8"}, follow=True)
    assert "NOT_REPLACEABLE" in text_of(answer)
