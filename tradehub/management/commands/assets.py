"""`manage.py assets`: fetch the front-end files."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradehub.assets import AssetsNotFetched, fetch_assets


class Command(BaseCommand):
    help = "Fetches the front-end files with npm and puts them where pages load them from."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            copied = fetch_assets(settings.BASE_DIR / "frontend", settings.ASSETS_DIR)
        except AssetsNotFetched as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(copied)} files in {settings.ASSETS_DIR}")
