"""Which adapter speaks for an account is a setting, and is read when an account needs one."""

import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as project

from brokers.errors import Unsupported
from brokers.models import BrokerAccount
from brokers.paper.adapter import PaperBroker
from brokers.registry import BUILT, connect

LOADED = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings_test"
import django
django.setup()
import brokers.registry
print("brokers.paper.adapter" in sys.modules)
"""


def test_paper_speaks_for_paper_and_nobody_for_an_unknown_kind() -> None:
    assert isinstance(connect(BrokerAccount(id="acc_1", kind="paper")), PaperBroker)
    for kind in ("mtgox", "scripted", ""):
        with pytest.raises(Unsupported):
            connect(BrokerAccount(kind=kind))


def test_every_kind_that_can_be_opened_has_an_adapter() -> None:
    assert set(project.BROKER_ADAPTERS) == {each.value for each in BUILT}


def test_a_setting_adds_an_adapter_but_no_kind_to_open(settings: Any) -> None:
    settings.BROKER_ADAPTERS = {"moon": "brokers.paper.adapter:open_paper"}
    assert isinstance(connect(BrokerAccount(id="acc_1", kind="moon")), PaperBroker)
    assert "moon" not in BUILT


def test_an_adapter_is_not_imported_before_an_account_needs_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=project.BASE_DIR, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


WEB = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings_test"
import tradehub.asgi, tradehub.urls
from brokers.asking import AskingBroker
from brokers.models import BrokerAccount
from brokers.registry import BUILT, connect
for kind in BUILT - {"paper"}:
    assert isinstance(connect(BrokerAccount(id="acc_1", kind=kind)), AskingBroker), kind
sourced = BrokerAccount(id="acc_1", kind="paper", options={"price_source": "binance"})
assert isinstance(connect(sourced), AskingBroker)
assert not {"brokers.prices.station", "brokers.streams.line"} & sys.modules.keys()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"binance", "alpaca"}))
"""


def test_a_web_process_imports_no_sdk() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WEB], cwd=project.BASE_DIR, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


LEAN = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings_test"
import django
django.setup()
import brokers.alpaca.adapter, brokers.streams.alpaca
print(sorted({name.partition(".")[0] for name in sys.modules} & {"alpaca", "numpy", "pandas"}))
"""


def test_speaking_to_alpaca_loads_no_pandas() -> None:
    """The SDK's trading client would bring it: 56 MB for each process that speaks to Alpaca."""
    done = subprocess.run(
        [sys.executable, "-c", LEAN], cwd=project.BASE_DIR, capture_output=True, text=True
    )
    assert done.stdout.strip() == "['alpaca']", done.stderr
