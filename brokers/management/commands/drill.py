"""`manage.py drill ACCOUNT`: is the venue still what its adapter was written for?

For a schedule: exit code 0 when each step went as it should, 1 when not. Each line is written as
its step is done. Ctrl-C and SIGTERM end it too, and what it has placed is cancelled first. The
account's own pages show the drill's orders as ones that came from outside.
"""

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError

from brokers.drill import SYMBOLS, Drill
from brokers.drill_stream import hearing_of
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import Line
from tradehub.core.words import Environment
from tradehub.lib.crypto import SealBroken


class Command(BaseCommand):
    help = "Place, look up and cancel a small limit and stop far off the market; judge each answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="its id (acc_…)")
        parser.add_argument("--symbol", help="one that is traded now, as TradeHub spells it")
        parser.add_argument("--live", action="store_true", help="allow an account of real money")
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        account = BrokerAccount.objects.filter(pk=options["account"]).first()
        if account is None:
            raise CommandError("There is no such account.")
        if account.environment == Environment.LIVE and not options["live"]:
            raise CommandError("This account trades real money. If you mean it, add --live.")
        drill = _drill(account, options["symbol"] or SYMBOLS[account.kind])
        lines: list[Line] = []
        ok = False

        def tell(line: Line) -> None:
            lines.append(line)
            if not options["json"]:
                self.stdout.write(_text(line))
                self.stdout.flush()

        try:
            with _ended_in_order():
                ok = drill.run(tell)
        finally:
            if options["json"]:
                told = {"ok": ok, "lines": [asdict(each) for each in lines]}
                self.stdout.write(json.dumps(told))
        sys.exit(0 if ok else 1)


def _drill(account: BrokerAccount, symbol: str) -> Drill:
    try:
        broker = connect(account)
        hearing = hearing_of(account)
    except SealBroken as error:
        raise CommandError("The stored credentials can't be opened.") from error
    except BrokerError as error:
        raise CommandError(error.text) from error
    return Drill(broker, symbol, f"drill{uuid4().hex[:21]}", hearing)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """By SIGTERM, as a scheduler's time limit sends it: as an exception, so that what rests at the
    venue is cancelled."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _text(line: Line) -> str:
    mark = "ok  " if line.ok else "FAIL"
    fix = f"\n      -> {line.what_to_do}" if line.what_to_do else ""
    return f"{mark}  {line.name:<23}  {line.text}{fix}"
