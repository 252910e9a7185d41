"""`manage.py stream`: what moves between alerts. Each second it polls the venues of accounts with
working orders and sends marks of open positions to open pages.

It only makes things faster: the worker polls too, so without it resting orders fill a little later.
"""

import signal
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from orders.marking import Marker
from orders.syncing import accounts_at_work, sync_account

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0


class Command(BaseCommand):
    help = "Follow venues and prices, and tell open pages."
    requires_system_checks = []  # it serves no pages; `up` has run the checks

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        marker = Marker()
        while not stop.wait(EVERY_SECONDS):
            try:
                close_old_connections()
                for account in accounts_at_work():
                    sync_account(account)
                marker.publish()
            except Error as error:
                log.warning("stream_waits_for_database", error=type(error).__name__)
            except Exception as error:  # the next round may do better; the worker polls meanwhile
                log.exception("stream_round_failed", error=type(error).__name__)
