"""System checks with ids: what is wrong with this installation, and the cure."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from tradehub.assets import missing_assets


@register("assets")
def check_assets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    missing = missing_assets(settings.ASSETS_DIR)
    if not missing:
        return []
    return [
        Error(
            f"Front-end assets are missing: {', '.join(missing)}.",
            hint="Run `manage.py assets` (or `make assets`).",
            id="tradehub.E001",
        )
    ]
