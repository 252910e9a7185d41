"""What pages say in words of their own: codes apart from sentences, times, names, hints."""

import time
from datetime import datetime
from typing import Any

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import _AUTHENTICATION_METHODS_USER_SESSION_KEY
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from accounts.models import User
from brokers.errors import OutcomeUnknown
from brokers.examining import examine_account
from brokers.tests.builders import open_stub_account, use_stub
from brokers.tests.stub_venue.adapter import Script, scripts
from dashboard.tests.builders import World
from dashboard.tests.routes import text_of, url_of
from orders.models import Order, OrderEvent
from tradehub.lib import live

PART = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _stub(settings: Any) -> None:
    use_stub(settings)


def refused(world: World, code: str, text: str) -> None:
    order = world.order
    Order.objects.filter(pk=order.pk).update(
        status="rejected", reason="UNSUPPORTED_BY_VENUE", reason_text=f"{code} {text}"
    )
    OrderEvent.objects.create(
        order=order, event="reject", status="rejected", key="reject", at=order.created_at,
        data={"venue_code": code, "text": text},
    )  # fmt: skip


def test_a_code_of_the_venue_stands_apart_from_its_sentence(as_alice: Client, world: World) -> None:
    refused(world, "POSITION_MODE", "The account is in hedge mode.")
    for name in ("order", "signal"):
        text = text_of(as_alice.get(url_of(name, world))).replace("<wbr>", "")
        link = '<a class="code-link" href="/help/reasons/POSITION_MODE">POSITION_MODE</a> '
        assert f"{link}The account is in hedge mode." in text
    refused_by_number(world)
    text = text_of(as_alice.get(url_of("order", world)))
    assert '<span class="code-word">-2010</span> No &lt;b&gt;money&lt;/b&gt;.' in text


def refused_by_number(world: World) -> None:
    OrderEvent.objects.filter(order=world.order, event="reject").delete()
    refused(world, "-2010", "No <b>money</b>.")


def test_a_sentence_that_begins_like_no_code_is_left_whole(as_alice: Client, world: World) -> None:
    Order.objects.filter(pk=world.order.pk).update(
        status="denied", reason="NOT_SENT", reason_text="AAPL was not sent."
    )
    text = text_of(as_alice.get(url_of("order", world)))
    assert '<div class="note note-warn mb-3">AAPL was not sent. <a class="code-link"' in text


def test_what_was_replaced_names_its_successor_and_no_id(as_alice: Client, world: World) -> None:
    old = world.order
    new = Order.objects.get(pk=old.pk)
    new.pk, new.client_order_id, new.leg, new.replaces = None, "another", "9", old
    new.save(force_insert=True)
    Order.objects.filter(pk=old.pk).update(
        status="canceled", reason="REPLACED", reason_text=f"The order {new.pk} takes its place."
    )
    text = text_of(as_alice.get(url_of("order", world)))
    assert "Another order takes its place: " in text
    assert reverse("dashboard:order", args=[new.pk]) in text
    assert f"The order {new.pk}" not in text


def test_an_order_in_review_can_be_cancelled_and_says_what_that_does(
    as_alice: Client, world: World
) -> None:
    Order.objects.filter(pk=world.order.pk).update(status="unconfirmed", reason="NEEDS_REVIEW")
    text = text_of(as_alice.get(url_of("order", world)))
    assert f'action="{url_of("cancel-order", world)}"' in text
    assert "The venue is asked to take it back." in text
    Order.objects.filter(pk=world.order.pk).update(reason="OUTCOME_UNKNOWN")
    text = text_of(as_alice.get(url_of("order", world)))
    assert "the rest is taken back at the venue" in text


def test_a_finished_check_is_told_to_open_pages_which_fetch_their_part_anew(
    as_alice: Client, alice: User, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    frames: list[dict[str, Any]] = []
    monkeypatch.setattr(live.publisher, "put", lambda owner, frame: frames.append(frame))
    scripts["k1"] = Script()
    account = open_stub_account(alice)
    url = reverse("dashboard:broker-account", args=[account.pk])
    shown = text_of(as_alice.get(url))
    assert f'hx-get="{url}" hx-trigger="live-refresh" data-live="account drift"' in shown
    assert f'data-live-id="{account.pk}"' in shown
    assert "No entries are sent." in text_of(as_alice.get(url, headers=PART))
    with django_capture_on_commit_callbacks(execute=True):
        examine_account(account)
    assert frames == [{"type": "account", "id": account.pk, "version": 0}]
    part = text_of(as_alice.get(url, headers=PART))
    assert "No entries are sent." not in part
    assert "Passed</span>" in part
    assert "<html" not in part
    assert "<dialog" not in part, "an open one would vanish"


def test_the_currency_is_known_before_the_first_check(as_alice: Client, alice: User) -> None:
    account = open_stub_account(alice)
    scripts["k1"] = Script(error=OutcomeUnknown("away"))
    text = text_of(as_alice.get(reverse("dashboard:broker-account", args=[account.pk])))
    assert "<small>USDT</small>" in text
    assert "<small>USD</small>" not in text


def test_the_list_names_the_venue_and_the_whole_of_a_long_name(
    as_alice: Client, alice: User
) -> None:
    label = "A name that somebody made very long, " * 2
    open_stub_account(alice, label=label.strip())
    for name in ("broker-accounts", "dashboard"):
        text = text_of(as_alice.get(reverse(f"dashboard:{name}")))
        assert "Binance spot" in text.partition('<table class="ledger">')[2]
        assert f'title="{label.strip()}"' in text


def test_live_is_asked_for_in_words_of_the_page(as_alice: Client, alice: User) -> None:
    session = as_alice.session
    record = {"method": "password", "at": time.time()}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(alice.pk)
    session.save()
    form = {"label": "Real", "environment": "live", "api_key": "k", "api_secret": "s",
            "quote_currency": "USDT", "targets": "rest"}  # fmt: skip
    url = reverse("dashboard:broker-account-connect", args=["binance_spot"])
    text = text_of(as_alice.post(url, form))
    assert "Type live here" in text
    assert "&quot;confirm&quot;" not in text
    assert "withdraw" in text
    alpaca = reverse("dashboard:broker-account-connect", args=["alpaca"])
    assert "withdraw" not in text_of(as_alice.get(alpaca))


def test_a_span_of_days_says_both_days(now: datetime) -> None:
    source = '{% load trading %}{% moment at "day" %}|{% moment at "full" %}'
    day, _, full = Template(source).render(Context({"at": now})).partition("|")
    assert ">18 Mar<" in day
    assert 'data-precision="full"' in full
    assert ">18 Mar 15:00:00<" in full
