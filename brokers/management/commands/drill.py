"""`manage.py drill ACCOUNT`: is the venue still what its adapter was written for?

For a schedule: exit code 0 when each step went as it should, 1 when not. The account's own pages
show the drill's order as one that came from outside.
"""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError

from brokers.drill import SYMBOLS, Drill
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.types import Line
from tradehub.core.words import Environment
from tradehub.lib.crypto import SealBroken


class Command(BaseCommand):
    help = "Place, look up and cancel one small order far from the market, and judge each answer."

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
        lines = _drill(account, options["symbol"] or SYMBOLS[account.kind])
        ok = all(line.ok for line in lines)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": ok, "lines": [asdict(each) for each in lines]}))
        else:
            self.stdout.write("\n".join(_text(each) for each in lines))
        sys.exit(0 if ok else 1)


def _drill(account: BrokerAccount, symbol: str) -> list[Line]:
    try:
        broker = connect(account)
    except SealBroken as error:
        raise CommandError("The stored credentials can't be opened.") from error
    except BrokerError as error:
        raise CommandError(error.text) from error
    drill = Drill(broker, symbol, f"drill{uuid4().hex[:21]}")
    return list(drill.lines())


def _text(line: Line) -> str:
    mark = "ok  " if line.ok else "FAIL"
    fix = f"\n      -> {line.what_to_do}" if line.what_to_do else ""
    return f"{mark}  {line.name:<18}  {line.text}{fix}"
