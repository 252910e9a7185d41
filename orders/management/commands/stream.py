"""`manage.py stream`: what moves between alerts. Follows the venues of all accounts and sends marks
of open positions to open pages.

It only makes things faster: the worker polls too, so without it resting orders fill a little later.
"""

import gc
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Follow venues and prices, and tell open pages."
    requires_system_checks = []  # it serves no pages; `up` has run the checks

    def handle(self, *args: Any, **options: Any) -> None:
        # Here, as a list of commands needs no web sockets.
        from orders.stream_process import run_streams

        # A full collection over all that was loaded would keep events waiting for 0.1 s.
        gc.collect()
        gc.freeze()
        run_streams()
