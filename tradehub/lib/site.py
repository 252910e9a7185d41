"""The address under which people reach this hub, for links made outside of a request."""

import json

from django.conf import settings


def public_url() -> str:
    """PUBLIC_URL; else where `up` runs now (it writes up.json); else the default address."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    try:
        running = json.loads((settings.TRADEHUB_HOME / "up.json").read_text(encoding="utf-8"))
        return str(running["url"])
    except (OSError, ValueError, KeyError):
        return f"http://localhost:{settings.PORT}"
