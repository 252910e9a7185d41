"""TradeHub's own settings and one more kind of account, `scripted`: for tests and the chaos run.

`DJANGO_SETTINGS_MODULE=tests.venue.settings manage.py up` trades at the scripted venue.
"""

from tradehub.settings import *  # noqa: F403  # the settings, with the change below
from tradehub.settings import BROKER_ADAPTERS

BROKER_ADAPTERS = {**BROKER_ADAPTERS, "scripted": "tests.venue.adapter:open_scripted"}
