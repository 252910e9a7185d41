"""The newcomer's way, in a real Chromium: log in, send an alert, see it filled without a reload."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.hub import ROOT, RunningHub

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LOOKS = [("dark", DESKTOP), ("light", DESKTOP), ("dark", PHONE), ("light", PHONE)]


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
    context = chromium.new_context(viewport=DESKTOP, color_scheme="dark")
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
    hub: RunningHub, demo: dict[str, Any], page: Page
) -> None:
    page.goto(f"{hub.url}/dashboard/")
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    alert = {"symbol": "BROWSE", "action": "buy", "quantity": 3, "price": 200, "stop_loss": 190}
    assert hub.alert(demo["webhook_token"], alert).status == 202
    # The contract says a second; the default patience only keeps a slow machine from failing.
    expect(page.locator("table tr", has_text="BROWSE").filter(has_text="3").first).to_be_visible()
    expect(page.locator("tr", has_text="BROWSE").filter(has_text="filled").first).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True


PAGES = [
    "/start/",
    "/dashboard/",
    "/signals/",
    "/orders/",
    "/strategies/",
    "/broker-accounts/",
    "/risk-profiles/",
    "/api-keys/",
    "/help/reasons/",
    "/help/reasons/STOP_LOSS_WRONG_SIDE",
]


@pytest.mark.parametrize(
    ("scheme", "size"), LOOKS, ids=["dark", "light", "dark-phone", "light-phone"]
)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_sound_in_every_look(
    hub: RunningHub, page: Page, path: str, scheme: str, size: Any
) -> None:
    """Nothing wider than the screen, no accessibility fault, no complaint in the console."""
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # its type is a literal
    page.goto(hub.url + path)
    expect(page.locator("h1").first).to_be_visible()
    _keep_picture(page, f"{path.strip('/').replace('/', '-')}-{scheme}-{size['width']}")
    too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert too_wide <= 0
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []


def test_the_decision_page_explains_a_denial(
    hub: RunningHub, demo: dict[str, Any], page: Page
) -> None:
    alert = {"symbol": "TOOBIG", "action": "buy", "quantity": 1000, "price": 500}
    answer = hub.alert(demo["webhook_token"], alert, prefer="wait=10")
    assert answer.json["decisions"][0]["outcome"] == "denied"
    page.goto(f"{hub.url}/signals/{answer.json['id']}/")
    expect(page.get_by_text("ORDER_VALUE_ABOVE_MAX").first).to_be_visible()
    expect(page.get_by_text("25,000").first).to_be_visible()


def _keep_picture(page: Page, name: str) -> None:
    """For people to look at, where PICTURES names a folder."""
    folder = os.environ.get("PICTURES")
    if folder:
        page.screenshot(path=str(Path(ROOT, folder, f"{name}.png")), full_page=True)
