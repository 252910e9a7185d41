"""The Celery app: the doorbell. A task carries an id and means "look at this"; the database is
the queue, so losing a message loses nothing.

Those who ring give up after 0.2 s (settings); those who listen, worker and beat, wait longer.
"""

import logging.config
import os
import sys
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.platforms import SecurityWarning
from celery.signals import beat_init, celeryd_init, setup_logging, worker_init, worker_shutdown
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")

# It warns of root because of pickle; our tasks are JSON and carry ids.
warnings.filterwarnings("ignore", category=SecurityWarning)
# When Redis is lost, running tasks go on: to run one twice is harmless, to cut one off is not.
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)

# Beat only sends names at times: without Django's applications it needs half the memory.
_is_beat = "beat" in sys.argv[1:] and "celery" in sys.argv[0]

app = Celery("tradehub", fixups=[] if _is_beat else None)
app.config_from_object("django.conf:settings", namespace="CELERY")
if not _is_beat:
    app.autodiscover_tasks()


@celeryd_init.connect
@beat_init.connect
def wait_longer(**_: Any) -> None:
    options = {"socket_timeout": 10, "socket_connect_timeout": 5, "max_retries": None}
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **options}


@setup_logging.connect
def log_like_the_others(**_: Any) -> None:
    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect
def look_at_the_lanes(sender: Any = None, **_: Any) -> None:
    """Before Celery has found its broker: orders must not wait for Redis."""
    from orders.sweeper import Sweeper

    sender.sweeper = Sweeper()
    sender.sweeper.start()


@worker_shutdown.connect
def stop_looking(sender: Any = None, **_: Any) -> None:
    sender.sweeper.stop()
