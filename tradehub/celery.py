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
from celery.signals import (
    beat_init,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_shutdown,
)
from django.conf import settings
from django.db import close_old_connections

from tradehub.own_canary import OwnCanary

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")

# It warns of root because of pickle; our tasks are JSON and carry ids.
warnings.filterwarnings("ignore", category=SecurityWarning)
# When Redis is lost, running tasks go on: to run one twice is harmless, to cut one off is not.
warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)

# Beat only sends names at times: without Django's applications it needs half the memory.
_is_beat = "beat" in sys.argv[1:] and "celery" in sys.argv[0]

app = Celery("tradehub", fixups=[] if _is_beat else None)
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close a thread's connection around every task; below, Django's own rule is asked.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
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


@task_prerun.connect
@task_postrun.connect
def drop_broken_connections(**_: Any) -> None:
    close_old_connections()


@worker_init.connect
def look_at_the_lanes(sender: Any = None, **_: Any) -> None:
    """Before Celery has found its broker: orders must not wait for Redis."""
    from orders.reconciler import Reconciler
    from orders.sweeper import Sweeper

    sender.reconciler = Reconciler()
    sender.reconciler.start()
    sender.sweeper = Sweeper()
    sender.sweeper.start()
    sender.own_canary = OwnCanary(app)
    sender.own_canary.start()


@worker_shutdown.connect
def stop_looking(sender: Any = None, **_: Any) -> None:
    sender.own_canary.stop()
    sender.sweeper.stop()
    sender.reconciler.stop()
