"""`manage.py explain SIGNAL`: what became of one alert and why, as its page shows it.

For whoever runs the hub, so of any user. Exit code 0: explained, 1: there is no such signal.
"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.decisions import signal_page_for
from dashboard.explanation import explain
from orders.selectors import orders_for
from orders.serializers import OrderSerializer
from signals.models import Signal
from signals.selectors import signal_json


class Command(BaseCommand):
    help = "Explain one signal: its decisions, every check with its numbers, its orders."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("signal", metavar="SIGNAL", help="its id, such as sig_…")
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Signal.objects.select_related("owner").filter(pk=options["signal"]).first()
        if found is None:
            text = f"There is no signal with the id {options['signal']}."
            raise CommandError(text, returncode=1)
        if options["json"]:
            orders = orders_for(found.owner).filter(signal=found)
            # Oldest first, as the timeline and the decisions have them.
            shown = [OrderSerializer(each).data for each in orders.order_by("id")]
            said = signal_json(found) | {"orders": shown}
            self.stdout.write(json.dumps(said, indent=2, default=str, ensure_ascii=False))
        else:
            page = signal_page_for(found.owner, found.pk)
            self.stdout.write("\n".join(explain(page)))
