"""`manage.py up`, for the list of commands; `manage.py` itself takes the way without Django."""

import sys
from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tradehub.supervisor.command import main


class Command(BaseCommand):
    help = "Runs all of TradeHub in this terminal; see `manage.py up --help`."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flags", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(main(options["flags"]))
