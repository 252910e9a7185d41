"""Who sees which page: the owner all, another user nothing, a visitor the sign-in form."""

from datetime import datetime
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from dashboard.tests.builders import World, make_world
from dashboard.tests.routes import (
    ACTIONS,
    APART,
    LISTS,
    OBJECTS,
    OWN_ACTIONS,
    PANELS,
    VENUE,
    url_of,
)
from dashboard.urls import urlpatterns


class InlineFinder(HTMLParser):
    """What a strict policy would block, or what a page must not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and not names.get("src")):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.found.append(f"{tag} {name}")
            if value and value.strip().lower().startswith(("javascript:", "http:")):
                self.found.append(f"{tag} {name}={value}")


def panel_urls() -> list[str]:
    return [reverse("dashboard:panel", args=[name]) for name in PANELS]


def test_every_route_is_in_a_table() -> None:
    known = {*LISTS, *OBJECTS, *ACTIONS, *OWN_ACTIONS, *APART, *VENUE}
    assert {pattern.name for pattern in urlpatterns} == known


@pytest.mark.parametrize("name", LISTS)
def test_owner_sees_each_list(as_alice: Client, world: World, name: str) -> None:
    assert as_alice.get(reverse(f"dashboard:{name}")).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_a_list_without_anything_yet_is_a_page_too(as_alice: Client, name: str) -> None:
    assert as_alice.get(reverse(f"dashboard:{name}")).status_code == 200


@pytest.mark.parametrize("name", OBJECTS)
def test_owner_sees_each_object(as_alice: Client, world: World, name: str) -> None:
    assert as_alice.get(url_of(name, world)).status_code == 200


@pytest.mark.parametrize("name", OBJECTS)
def test_another_users_object_is_not_there(
    client: Client, bob: User, world: World, name: str
) -> None:
    client.force_login(bob)
    assert client.get(url_of(name, world)).status_code == 404


@pytest.mark.parametrize("name", ACTIONS)
def test_another_user_can_do_nothing(client: Client, bob: User, world: World, name: str) -> None:
    client.force_login(bob)
    assert client.post(url_of(name, world)).status_code == 404


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_needs_a_post(as_alice: Client, world: World, name: str) -> None:
    assert as_alice.get(url_of(name, world)).status_code == 405


@pytest.mark.parametrize("name", LISTS)
def test_another_users_lists_name_nothing_of_it(
    client: Client, bob: User, world: World, name: str
) -> None:
    client.force_login(bob)
    text = client.get(reverse(f"dashboard:{name}")).content.decode()
    for mine in (world.strategy, world.account, world.profile, world.signal, world.order):
        assert mine.pk not in text
    assert world.strategy.name not in text


@pytest.mark.parametrize("url", panel_urls())
def test_panels_show_the_owner_only(as_alice: Client, bob: User, world: World, url: str) -> None:
    assert as_alice.get(url).status_code == 200
    as_alice.force_login(bob)
    answer = as_alice.get(url)
    assert answer.status_code == 200
    assert world.position.pk not in answer.content.decode()
    assert world.signal.pk not in answer.content.decode()


@pytest.mark.parametrize("name", [*LISTS, *OWN_ACTIONS, "home"])
def test_a_visitor_is_sent_to_sign_in(client: Client, db: None, name: str) -> None:
    answer = client.post(reverse(f"dashboard:{name}"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("url", panel_urls())
def test_a_part_is_refused_to_a_visitor_without_a_sign_in_form(
    client: Client, db: None, url: str
) -> None:
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 401


def test_the_probe_says_who_is_signed_in(client: Client, alice: User) -> None:
    url = reverse("dashboard:probe")
    assert client.get(url).status_code == 401
    client.force_login(alice)
    assert client.get(url).status_code == 204


def test_the_first_page_is_start_until_there_is_a_signal(
    as_alice: Client, alice: User, now: datetime
) -> None:
    assert as_alice.get("/")["Location"] == reverse("dashboard:start")
    make_world(alice, now)
    assert as_alice.get("/")["Location"] == reverse("dashboard:dashboard")


@pytest.mark.parametrize("name", [*LISTS, *OBJECTS])
def test_nothing_inline_and_a_strict_policy(as_alice: Client, world: World, name: str) -> None:
    url = url_of(name, world) if name in OBJECTS else reverse(f"dashboard:{name}")
    answer = as_alice.get(url)
    finder = InlineFinder()
    finder.feed(answer.content.decode())
    assert finder.found == []
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("name", ["signals", "orders", "start"])
def test_a_part_is_only_a_part(as_alice: Client, world: World, name: str) -> None:
    answer = as_alice.get(reverse(f"dashboard:{name}"), headers={"HX-Request": "true"})
    assert b"<html" not in answer.content
    assert world.signal.pk.encode() in answer.content


def test_an_unknown_panel_is_not_there(as_alice: Client) -> None:
    assert as_alice.get(reverse("dashboard:panel", args=["secrets"])).status_code == 404
