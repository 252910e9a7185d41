"""docs/configuration.md and .env.example name every variable that the settings read."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.engines import OURS

_READER = re.compile(
    r"env\.(?:text|flag|whole|choice|names|address|database|mail)\(\s*\"([A-Z_]+)\""
)


def variables() -> set[str]:
    source = (settings.BASE_DIR / "tradehub" / "settings.py").read_text()
    found = set(_READER.findall(source)) | set(settings.VENUE_URLS)
    return found | {"SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "INSTALL_KEY"}


def test_the_settings_are_read_as_this_test_believes() -> None:
    assert {"TRADEHUB_HOME", "DATABASE_URL", "REDIS_URL", "BINANCE_SPOT_REST_URL"} <= variables()
    assert len(variables()) > 20


@pytest.mark.parametrize("path", ["docs/configuration.md", ".env.example"])
def test_every_variable_is_documented(path: str) -> None:
    text = (Path(settings.BASE_DIR) / path).read_text()
    for_builders = {"ENV_FILE", "TRADEHUB_ROLE"} if path == ".env.example" else set()
    missing = [name for name in variables() - for_builders if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_tests_are_shielded_from_every_variable_of_the_machine() -> None:
    assert variables() - set(settings.VENUE_URLS) <= OURS
