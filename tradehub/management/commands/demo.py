"""`manage.py demo`: something to try the hub with, from the alert to the filled order."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from signals.demo import Demo, make_demo
from tradehub.lib.clock import utc_now
from tradehub.lib.site import public_url

_ALERT = {"symbol": "BTCUSDT", "action": "buy", "quantity": "0.01", "price": "50000"}


class Command(BaseCommand):
    help = "Makes a demo user with a paper account, a risk profile, a strategy and an API key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
        parser.add_argument("--rotate", action="store_true", help="make new secrets")

    def handle(self, *args: Any, **options: Any) -> None:
        demo = make_demo(now=utc_now(), rotate=options["rotate"])
        said = demo.to_json(public_url())
        self.stdout.write(json.dumps(said) if options["json"] else _for_people(demo, said))


def _for_people(demo: Demo, said: dict[str, str | None]) -> str:
    site = public_url()
    lines = [f"TradeHub demo at {site}", "", f"  user          {demo.username}"]
    if demo.password is None and demo.webhook_token is None:
        lines += [
            f"  strategy      {demo.strategy_id}",
            f"  paper account {demo.account_id}",
            "",
            "It is there already, and its secrets were shown when they were made.",
            "`manage.py demo --rotate` makes new ones.",
        ]
        return "\n".join(lines)
    lines += [
        f"  password      {demo.password or 'as before'}",
        f"  API key       {demo.api_key or 'as before'}",
        f"  webhook       {said['webhook_url'] or 'as before'}",
        f"  strategy      {demo.strategy_id}",
        f"  paper account {demo.account_id} (100,000 USD of play money, synthetic prices)",
        "",
        "Keep this: it is shown once. Sign in, then send an alert and watch the dashboard:",
        "",
        f"  curl -H 'Content-Type: application/json' -d '{json.dumps(_ALERT)}' "
        f"{said['webhook_url']}",
    ]
    return "\n".join(lines)
