"""`manage.py rotate_keys`: every stored secret is sealed anew under the first key of
FIELD_ENCRYPTION_KEYS. Exit code 0: the older keys are not needed any more. 1: something can't be
opened, or kept changing."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tradehub.lib.clock import utc_now
from tradehub.sealed import BATCH, rotate_keys


class Command(BaseCommand):
    help = "Seal every stored secret anew under the first key of FIELD_ENCRYPTION_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=BATCH, help="rows of one transaction")

    def handle(self, *args: Any, **options: Any) -> None:
        done = rotate_keys(now=utc_now(), batch=max(1, options["batch"]))
        self.stdout.write(f"{done.found} secrets are stored; {done.rotated} were sealed anew.")
        for name in done.unopened:
            self.stderr.write(
                f"{name} can't be opened: damaged, or its key is not in FIELD_ENCRYPTION_KEYS."
            )
        if done.moving:
            self.stderr.write(f"{done.moving} kept changing. Run it again.")
        if not done.complete:
            raise SystemExit(1)
        self.stdout.write("Keys after the first may be removed once every process has restarted.")
