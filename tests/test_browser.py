"""The pages in a real Chromium: a newcomer's way to the first fill, and every page in every look.

Each test leaves the shared demo trading: what halts or closes is done by a newcomer of its own.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.hub import ROOT, RunningHub

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Scheme = Literal["dark", "light"]
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS: list[tuple[Scheme, ViewportSize]] = [
    ("dark", DESKTOP),
    ("light", DESKTOP),
    ("dark", PHONE),
    ("light", PHONE),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    assert path, "Chromium is missing: `make test` installs it on Debian"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def member(hub: RunningHub, demo: dict[str, Any], chromium: Browser) -> Iterator[BrowserContext]:
    """A browser in which the demo user is logged in."""
    context = chromium.new_context(viewport=DESKTOP, color_scheme="dark", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{hub.url}/accounts/login/")
    page.fill("input[name=login]", demo["username"])
    page.fill("input[name=password]", demo["password"])
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(member: BrowserContext) -> Iterator[Page]:
    """A page that fails its test when the console complains (a broken policy, a script error)."""
    complaints: list[str] = []
    opened = member.new_page()
    opened.on(
        "console", lambda line: complaints.append(line.text) if line.type == "error" else None
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []


def test_an_alert_shows_as_a_filled_order_and_a_position_without_a_reload(
    hub: RunningHub,
    demo: dict[str, Any],
    page: Page,
    record_property: Callable[[str, object], None],
) -> None:
    page.goto(f"{hub.url}/dashboard/")
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    began = time.monotonic()
    alert = {"symbol": "BROWSE", "action": "buy", "quantity": 3, "price": 200, "stop_loss": 190}
    assert hub.alert(demo["webhook_token"], alert).status == 202
    # The promise is a second; it is reported, and a busy machine does not fail for being busy.
    expect(page.locator("table tr", has_text="BROWSE").filter(has_text="3").first).to_be_visible()
    expect(page.locator("tr", has_text="BROWSE").filter(has_text="filled").first).to_be_visible()
    shown = time.monotonic() - began
    record_property("seconds_from_alert_to_page", round(shown, 3))
    assert page.evaluate("window.neverReloaded") is True


PAGES = [
    "/start/",
    "/dashboard/",
    "/signals/",
    "/signals/{approved}/",
    "/signals/{denied}/",
    "/signals/{invalid}/",
    "/orders/",
    "/orders/{order}/",
    "/strategies/",
    "/strategies/new/",
    "/strategies/{strategy}/",
    "/strategies/{strategy}/edit/",
    "/strategies/{strategy}/webhook/",
    "/strategies/{strategy}/accounts/",
    "/broker-accounts/",
    "/broker-accounts/new/",
    "/broker-accounts/{account}/",
    "/broker-accounts/{account}/edit/",
    "/risk-profiles/",
    "/risk-profiles/{profile}/edit/",
    "/api-keys/",
    "/profile/",
    "/help/reasons/",
    "/help/reasons/STOP_LOSS_WRONG_SIDE",
]
VISITOR_PAGES = ["/accounts/login/", "/accounts/password/reset/", "/help/reasons/", "/welcome/x/"]
in_every_look = pytest.mark.parametrize(
    ("scheme", "size"), LOOKS, ids=["dark", "light", "dark-phone", "light-phone"]
)


def processed(hub: RunningHub, demo: dict[str, Any], alert: dict[str, Any]) -> dict[str, Any]:
    """Send an alert; its signal once it is decided."""
    path = f"/api/v1/signals/{hub.alert(demo['webhook_token'], alert).json['signal_id']}/"

    def signal() -> dict[str, Any] | None:
        found = hub.get(path, key=demo["api_key"])
        return found.json if found.status == 200 and found.json["decisions"] else None

    return dict(hub.until(signal, what="a decision"))


@pytest.fixture(scope="module")
def places(hub: RunningHub, demo: dict[str, Any]) -> dict[str, str]:
    """Ids for the pages of one thing, with something on each."""
    alerts: dict[str, dict[str, Any]] = {
        "approved": {"symbol": "PLACES", "action": "buy", "quantity": 2, "price": 100,
                     "stop_loss": 90, "take_profit": 130},
        "denied": {"symbol": "PLACES", "action": "buy", "quantity": 9000, "price": 100},
    }  # fmt: skip
    signals = {name: processed(hub, demo, alert) for name, alert in alerts.items()}
    hub.alert(demo["webhook_token"], {"action": "buy"})
    key = demo["api_key"]
    invalid = hub.get("/api/v1/signals/?status=invalid", key=key).json["results"]
    return {name: str(each["id"]) for name, each in signals.items()} | {
        "invalid": invalid[0]["id"],
        "order": signals["approved"]["decisions"][0]["orders"][0],
        "strategy": demo["strategy_id"],
        "account": demo["account_id"],
        "profile": demo["risk_profile_id"],
    }


@in_every_look
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_sound_in_every_look(
    hub: RunningHub,
    page: Page,
    places: dict[str, str],
    path: str,
    scheme: Scheme,
    size: ViewportSize,
) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    answer = page.goto(hub.url + path.format(**places))
    _check_sound(page, f"{_named(path)}-{scheme}-{size['width']}")
    assert answer is not None
    assert answer.status == 200


@in_every_look
@pytest.mark.parametrize("path", VISITOR_PAGES)
def test_a_visitors_page_is_sound_in_every_look(
    hub: RunningHub, chromium: Browser, path: str, scheme: Scheme, size: ViewportSize
) -> None:
    context = chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto(hub.url + path)
        _check_sound(page, f"visitor-{_named(path)}-{scheme}-{size['width']}")
    finally:
        context.close()


@in_every_look
@pytest.mark.parametrize("dialog", ["halt-dialog", "stop-dialog", "switch-dialog"])
def test_a_dialog_is_sound_in_every_look(
    hub: RunningHub,
    page: Page,
    places: dict[str, str],
    dialog: str,
    scheme: Scheme,
    size: ViewportSize,
) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{hub.url}/broker-accounts/{places['account']}/")
    if dialog == "switch-dialog":
        page.click("[data-dialog=switch-dialog]")
    else:
        page.click("#halt-open")
    if dialog == "stop-dialog":
        page.locator("#halt-dialog").get_by_role("button", name="Emergency stop…").click()
        expect(page.locator("#halt-dialog")).to_be_hidden()
    expect(page.locator(f"#{dialog}")).to_be_visible()
    _check_sound(page, f"{dialog}-{scheme}-{size['width']}", full=False)


@in_every_look
def test_what_is_not_there_is_a_sound_page_too(
    hub: RunningHub, member: BrowserContext, scheme: Scheme, size: ViewportSize
) -> None:
    page = member.new_page()  # not the fixture's: the console rightly notes the 404
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{hub.url}/no-such-page/")
    _check_sound(page, f"not-there-{scheme}-{size['width']}")
    page.close()


def test_on_a_phone_the_menu_opens_over_the_page(hub: RunningHub, page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{hub.url}/dashboard/")
    expect(page.locator("#rail")).to_be_hidden()
    page.click("#rail-toggle")
    expect(page.get_by_role("link", name="Risk profiles")).to_be_visible()
    _check_sound(page, "menu-dark-390", full=False)
    page.keyboard.press("Escape")
    expect(page.locator("#rail")).to_be_hidden()


def test_the_rail_reaches_the_end_of_a_long_page(
    hub: RunningHub, page: Page, places: dict[str, str]
) -> None:
    page.set_viewport_size(DESKTOP)
    page.goto(f"{hub.url}/risk-profiles/{places['profile']}/edit/")
    ends = page.evaluate(
        "[document.getElementById('rail').getBoundingClientRect().bottom + scrollY,"
        " document.documentElement.scrollHeight]"
    )
    assert ends[1] > DESKTOP["height"]
    assert abs(ends[0] - ends[1]) <= 1


# ---- a newcomer ----


@pytest.fixture
def newcomer(hub: RunningHub, chromium: Browser) -> Iterator[Page]:
    """The page of somebody who was invited just now, on the start page, with a webhook made."""
    link = hub.manage("invite").strip()
    context = chromium.new_context(
        viewport=DESKTOP,
        reduced_motion="reduce",  # nothing is looked at while it fades
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.goto(f"{hub.url}/welcome/{link.rstrip('/').rpartition('/')[2]}/")
    page.fill("input[name=username]", "new-" + re.sub(r"[^a-z]", "", link.lower())[-12:])
    for name in ("password", "password_again"):
        page.fill(f"input[name={name}]", "a long pass phrase 77")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/start/")
    page.click("#make-webhook")
    expect(page.locator("#webhook-url")).to_be_visible()
    yield page
    context.close()


def test_a_newcomer_gets_from_the_link_to_a_fill_without_a_reload(
    hub: RunningHub, newcomer: Page
) -> None:
    page = newcomer
    url = page.locator("#webhook-url").input_value()
    page.click("[data-copy=webhook-url]")
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == url
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    page.click("#send-test")
    for step in ("sent", "received", "filled"):
        expect(page.locator(f"[data-step={step}].is-done")).to_be_visible()
    expect(page.get_by_text("4 of 5 steps done.")).to_be_visible()
    expect(page.locator("[data-step=pasted] .tick.is-done")).to_have_count(0)
    hub.alert(url.rpartition("/")[2], {"symbol": "BTCUSDT", "action": "close", "price": 50000})
    expect(page.locator("[data-step=pasted] .tick.is-done")).to_be_visible()
    expect(page.get_by_text("5 of 5 steps done.")).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True
    assert page.locator("#webhook-url").input_value() == url
    page.evaluate("scrollTo(0, 0)")
    _check_sound(page, "start-done")


def test_the_emergency_stop_needs_its_word_and_then_closes_everything(newcomer: Page) -> None:
    page = newcomer
    page.click("#send-test")
    expect(page.locator("[data-step=filled].is-done")).to_be_visible()
    page.get_by_role("link", name="Dashboard", exact=True).click()
    expect(page.locator("#positions tbody tr")).to_have_count(1)
    page.click("#halt-open")
    page.locator("#halt-dialog").get_by_role("button", name="Emergency stop…").click()
    page.fill("#stop-reason", "it runs away")
    page.fill("#stop-confirm", "flatten")
    page.get_by_role("button", name="Halt, cancel and close all").click()
    expect(page.locator("#stop-dialog")).to_be_visible()  # the browser refuses the word
    page.fill("#stop-confirm", "FLATTEN")
    page.get_by_role("button", name="Halt, cancel and close all").click()
    expect(page.get_by_text("Trading is halted", exact=True)).to_be_visible()
    expect(page.get_by_text("No open position")).to_be_visible()
    _check_sound(page, "stopped")
    page.click("#resume-open")
    page.fill("#resume-dialog-reason", "looked at")
    page.locator("#resume-dialog").get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator("#halt-open")).to_be_visible()


def test_a_delete_asks_first_and_says_why_not(newcomer: Page) -> None:
    page = newcomer
    page.click("#send-test")
    expect(page.locator("[data-step=filled].is-done")).to_be_visible()
    page.get_by_role("link", name="Strategies").click()
    page.get_by_role("link", name="My first strategy", exact=True).click()
    page.get_by_role("button", name="Delete the strategy").click()
    expect(page.locator("#confirm-dialog")).to_be_visible()
    page.locator("#confirm-dialog").get_by_role("button", name="Back").click()
    expect(page.locator("#confirm-dialog")).to_be_hidden()
    page.get_by_role("button", name="Delete the strategy").click()
    page.click("#confirm-yes")
    expect(page.get_by_text("1 open position(s)")).to_be_visible()
    expect(page.get_by_role("heading", name="My first strategy")).to_be_visible()


IN_DOUBT = """
import threading
from datetime import timedelta
from orders.lifecycle import OrderEventName
from orders.models import Order
from orders.recording import record_event
from tradehub.lib.clock import utc_now
from tradehub.lib.db import in_write_transaction
from tradehub.lib.live import Publisher

left, send = threading.Event(), Publisher._send

async def sent(self, user_id, frames):
    await send(self, user_id, frames)
    left.set()

Publisher._send = sent

def hand_over():
    like, at = Order.objects.filter(role="entry").order_by("id").last(), utc_now()
    at -= timedelta(minutes=1)
    order = Order.objects.create(
        owner_id=like.owner_id, account_id=like.account_id, leg="0", client_order_id="in-doubt",
        symbol="DOUBT", side="buy", order_type="market", time_in_force="day", quantity=3,
        role="entry", status="unconfirmed", source="webhook", submitted_at=at, updated_at=at,
    )
    text = "Nothing could be learnt about it for a minute."
    event = OrderEventName.REVIEW
    record_event(order, event, key="review", now=at, reason="NEEDS_REVIEW", reason_text=text)

in_write_transaction(hand_over)
assert left.wait(30)  # the frame leaves by a thread that ends with the process
"""


def test_an_order_that_needs_a_look_shouts_at_once_and_takes_its_answer(
    hub: RunningHub, newcomer: Page
) -> None:
    page = newcomer
    page.click("#send-test")
    expect(page.locator("[data-step=filled].is-done")).to_be_visible()
    page.get_by_role("link", name="Strategies").click()
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    hub.manage("shell", "-c", IN_DOUBT)
    expect(page.get_by_text("Was the buy of 3 DOUBT placed?")).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True
    page.get_by_role("link", name="Say what you found").click()
    page.get_by_role("button", name="It is there…").click()
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        _check_sound(page, f"review-{scheme}-{size['width']}", full=False)
    page.fill("#review-number", "4711")
    page.get_by_role("button", name="It is this one").click()
    expect(page.get_by_text("lists no order 4711")).to_be_visible()
    _check_sound(page, "review-refused", full=False)
    page.get_by_role("button", name="It is not there…").click()
    page.get_by_role("button", name="It is not there", exact=True).click()
    expect(page.get_by_text("has ended as denied")).to_be_visible()
    expect(page.get_by_text("Was the buy of 3 DOUBT placed?")).to_have_count(0)


def test_the_decision_page_explains_a_denial(
    hub: RunningHub, demo: dict[str, Any], page: Page
) -> None:
    alert = {"symbol": "TOOBIG", "action": "buy", "quantity": 1000, "price": 500}
    signal = processed(hub, demo, alert)
    assert signal["decisions"][0]["outcome"] == "denied"
    page.goto(f"{hub.url}/signals/{signal['id']}/")
    expect(page.get_by_text("ORDER_VALUE_ABOVE_MAX").first).to_be_visible()
    expect(page.get_by_text("25,000").first).to_be_visible()


def _check_sound(page: Page, name: str, *, full: bool = True) -> None:
    """Nothing wider than the screen, no accessibility fault."""
    expect(page.locator("h1").first).to_be_attached()
    _keep_picture(page, name, full=full)
    too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert too_wide <= 0
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []


def _named(path: str) -> str:
    return re.sub(r"[{}]", "", path.strip("/")).replace("/", "-")


def _keep_picture(page: Page, name: str, *, full: bool) -> None:
    """For people to look at, where PICTURES names a folder."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    size = page.viewport_size
    assert size is not None
    if full:  # as one tall screen, or what sticks to an edge would stand in the middle
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    page.screenshot(path=str(Path(ROOT, folder, f"{name}.png")))
    page.set_viewport_size(size)
