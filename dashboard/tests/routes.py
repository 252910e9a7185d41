"""Every route of the pages, by what it needs; a test keeps the tables complete."""

from typing import Any

from django.urls import reverse

from dashboard.tests.builders import World

LISTS = [
    "start",
    "dashboard",
    "equity",
    "signals",
    "orders",
    "strategies",
    "strategy-create",
    "broker-accounts",
    "broker-account-create",
    "risk-profiles",
    "risk-profile-create",
]
OBJECTS = {
    "signal": "signal",
    "order": "order",
    "strategy": "strategy",
    "strategy-edit": "strategy",
    "webhook-options": "strategy",
    "subscribe": "strategy",
    "subscription-edit": "subscription",
    "broker-account": "account",
    "broker-account-edit": "account",
    "risk-profile-edit": "profile",
}
ACTIONS = {
    "close-position": "position",
    "cancel-order": "order",
    "replace-order": "order",
    "review-order": "order",
    "strategy-pause": "strategy",
    "strategy-resume": "strategy",
    "send-test": "strategy",
    "strategy-delete": "strategy",
    "halt-strategy": "strategy",
    "resume-strategy": "strategy",
    "halt-account": "account",
    "resume-account": "account",
    "webhook-renew": "strategy",
    "webhook-rotate": "token",
    "webhook-revoke": "token",
    "unsubscribe": "subscription",
    "broker-account-check": "account",
    "broker-account-sync": "account",
    "broker-account-adopt": "account",
    "broker-account-disable": "account",
    "broker-account-enable": "account",
    "broker-account-delete": "account",
    "risk-profile-delete": "profile",
}
OWN_ACTIONS = ["halt", "resume", "emergency-stop", "make-webhook"]
PANELS = ["figures", "positions", "signals", "orders", "stripe", "halt"]
VENUE = {"broker-account-connect", "broker-account-credentials"}
"""Of accounts at real venues, which ask for the password: `test_venue_accounts`."""
APART = {"home", "probe", "panel"}


def url_of(name: str, world: World) -> str:
    attribute = (OBJECTS | ACTIONS)[name]
    return reverse(f"dashboard:{name}", args=[getattr(world, attribute).pk])


def text_of(answer: Any) -> str:
    return answer.content.decode()
