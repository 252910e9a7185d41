"""The navigation: which pages there are, in which order, and which one is open."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Item:
    label: str
    icon: str
    url: str
    current: bool


_GROUPS = (
    (
        "",
        (
            ("Start", "rocket", "dashboard:start"),
            ("Dashboard", "layout-dashboard", "dashboard:dashboard"),
        ),
    ),
    (
        "Trading",
        (
            ("Signals", "radio", "dashboard:signals"),
            ("Orders", "list-ordered", "dashboard:orders"),
        ),
    ),
    (
        "Set up",
        (
            ("Strategies", "workflow", "dashboard:strategies"),
            ("Accounts", "landmark", "dashboard:broker-accounts"),
            ("Risk profiles", "shield", "dashboard:risk-profiles"),
            ("API keys", "key-round", "accounts:api-keys"),
        ),
    ),
)


def groups_for(user: Any, path: str) -> list[tuple[str, list[Item]]]:
    """Empty for a visitor."""
    if not user.is_authenticated:
        return []
    return [
        (title, [_item(label, icon, name, path) for label, icon, name in rows])
        for title, rows in _GROUPS
    ]


def _item(label: str, icon: str, name: str, path: str) -> Item:
    url = reverse(name)
    return Item(label, icon, url, path.startswith(url))
