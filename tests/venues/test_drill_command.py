"""`manage.py drill`: each step as it is done, its exit code, and who may run it."""

import json
import os
import signal
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from brokers.binance.spot import SpotBroker
from brokers.models import BrokerAccount
from brokers.types import OrderReport
from tests.venues.binance.fixtures import SpotVenue, make_account, make_broker
from tests.venues.binance.sockets import Sockets, telling
from tests.venues.test_drill import steps_of


@pytest.fixture
def sockets(spot_venue: SpotVenue, settings: Any) -> Iterator[Sockets]:
    spot_venue.open()
    with telling(spot_venue.venue) as door:
        settings.VENUE_URLS = {**settings.VENUE_URLS, "BINANCE_SPOT_WS_API_URL": door.url}
        yield door


def run(account: BrokerAccount, *options: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("drill", account.pk, *options, stdout=out)
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.getvalue()


def test_the_command_says_each_step(sockets: Sockets, alice: User) -> None:
    code, text = run(make_account(alice))
    steps = steps_of("binance_spot")
    steps[3:3] = ["stream"]
    steps[-1:-1] = ["stream, of orders"]
    assert code == 0, text
    for line, name in zip(text.splitlines(), steps, strict=True):
        assert line.startswith(f"ok    {name} ")
    assert "The drill's orders are named drill" in text


def test_the_command_fails_with_the_venues_words(sockets: Sockets, alice: User) -> None:
    account = make_account(alice, key="another")  # which the venue doesn't know
    code, text = run(account, "--json")
    assert code == 1
    told = json.loads(text)
    assert (told["ok"], told["lines"][0]["code"]) == (False, "BAD_CREDENTIALS")


def test_a_schedulers_time_limit_leaves_nothing(
    sockets: Sockets, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends it by SIGTERM, here while a stop's own request is answered."""
    account, real = make_account(alice), SpotBroker.submit

    def submit(broker: SpotBroker, request: Any) -> OrderReport:
        report = real(broker, request)
        if request.stop_price is not None:
            os.kill(os.getpid(), signal.SIGTERM)
        return report

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(SpotBroker, "submit", submit)
    code, text = run(account, "--json")
    assert code == 128 + signal.SIGTERM
    told = json.loads(text)
    assert not told["ok"]
    assert [line["name"] for line in told["lines"]][-2:] == ["clean up", "nothing left"]
    assert make_broker(account).open_orders() == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_real_money_needs_a_word(spot_venue: SpotVenue, alice: User) -> None:
    account = make_account(alice)
    BrokerAccount.objects.filter(pk=account.pk).update(environment="live")
    with pytest.raises(CommandError, match="--live"):
        call_command("drill", account.pk)
    with pytest.raises(CommandError, match="no such account"):
        call_command("drill", "acc_none")
    assert not spot_venue.venue.notes
