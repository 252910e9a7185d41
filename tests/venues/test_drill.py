"""The drill: each venue passes it, and what a venue might change is found."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from brokers.drill import SYMBOLS, Drill, far_order
from brokers.errors import OutcomeUnknown
from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.types import Instrument, Line, OrderReport, ReportStatus
from tests.venues.binance.fixtures import SpotVenue, make_account, make_broker
from tests.venues.contract.conftest import MODULES, desk
from tests.venues.contract.desk import VenueDesk

__all__ = ["desk"]  # a fixture

STEPS = [
    "account",
    "instrument",
    "unknown order",
    "place",
    "look up",
    "open orders",
    "the same id again",
    "cancel",
    "after the cancel",
]


def drilled(broker: Any, symbol: str) -> list[Line]:
    drill = Drill(broker, symbol, "drill1", pause=lambda seconds: None)
    return list(drill.lines())


@pytest.mark.parametrize("desk", MODULES, indirect=True)
def test_each_venue_passes(desk: VenueDesk) -> None:
    lines = drilled(desk.broker, desk.symbol)
    assert [(line.name, line.ok) for line in lines] == [(name, True) for name in STEPS]
    assert desk.broker.open_orders() == []


def test_each_kind_that_an_account_may_have_has_a_symbol_to_drill_with() -> None:
    assert KINDS.keys() == SYMBOLS.keys()


class Changed:
    """The venue, but for one of its answers."""

    def __init__(self, broker: Any, name: str, change: Callable[[Any], Any]) -> None:
        self._broker, self._name, self._change = broker, name, change

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._broker, name)
        if name != self._name:
            return method
        return lambda *args: self._change(method(*args))


def named(symbol: str) -> Callable[[OrderReport], OrderReport]:
    return lambda report: replace(report, symbol=symbol)


def raising(report: OrderReport) -> OrderReport:
    raise OutcomeUnknown("No answer.")


CHANGES: list[tuple[str, Callable[[Any], Any], str]] = [
    ("instrument", lambda _: None, "instrument"),
    ("quote", lambda _: None, "instrument"),
    ("submit", named("ETHUSDT"), "place"),
    ("submit", lambda report: replace(report, status=ReportStatus.REJECTED), "place"),
    ("submit", raising, "place"),
    ("submit", lambda report: replace(report, filled_quantity=Decimal(1)), "place"),
    ("open_orders", lambda _: [], "open orders"),
    ("open_orders", lambda reports: reports * 2, "open orders"),
    ("cancel", raising, "cancel"),
    ("closed_orders", lambda _: [], "after the cancel"),
]


@pytest.fixture
def broker(spot_venue: SpotVenue, alice: User) -> Any:
    spot_venue.open()
    return make_broker(make_account(alice))


@pytest.mark.parametrize(("method", "change", "step"), CHANGES)
def test_what_a_venue_changes_is_found_and_nothing_is_left_behind(
    broker: Any, method: str, change: Callable[[Any], Any], step: str
) -> None:
    lines = drilled(Changed(broker, method, change), "BTCUSDT")
    assert next(line.name for line in lines if not line.ok) == step
    assert broker.open_orders() == []


def test_an_order_that_is_told_under_no_id_is_found_out(broker: Any) -> None:
    class Forgetting(Changed):
        def order(self, name: str) -> None:
            return None

    lines = drilled(Forgetting(broker, "", lambda answer: answer), "BTCUSDT")
    assert [line.name for line in lines if not line.ok] == ["look up", "clean up"]


def test_an_order_that_can_not_be_cancelled_is_named(broker: Any) -> None:
    class Stubborn(Changed):
        def cancel(self, name: str) -> OrderReport:
            raise OutcomeUnknown("No answer.")

    *_, last = drilled(Stubborn(broker, "", lambda answer: answer), "BTCUSDT")
    assert not last.ok
    assert "drill1" in last.text


def test_an_id_that_opens_a_second_order_is_found(broker: Any) -> None:
    class Doubling(Changed):
        times = 0

        def submit(self, request: Any) -> OrderReport:
            self.times += 1
            return broker.submit(replace(request, client_order_id=f"drill{self.times}"))

    lines = drilled(Doubling(broker, "", lambda answer: answer), "BTCUSDT")
    (found,) = [line for line in lines if not line.ok]
    assert found.name == "the same id again"
    assert "second order" in found.text


def test_the_order_is_the_smallest_that_the_venue_takes() -> None:
    instrument = Instrument("BTCUSDT", Decimal("0.001"), Decimal("0.1"), min_notional=Decimal(10))
    request = far_order("x", instrument, Decimal("100.06"))
    assert request.limit_price == Decimal("80.0")
    assert request.quantity == Decimal("0.138")
    fussy = replace(instrument, min_quantity=Decimal("0.5"), min_notional=Decimal(0))
    assert far_order("x", fussy, Decimal(100)).quantity == Decimal("0.5")


# ---- the command ----


def run(account: BrokerAccount, *options: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("drill", account.pk, *options, stdout=out)
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.getvalue()


def test_the_command_says_each_step(spot_venue: SpotVenue, alice: User) -> None:
    spot_venue.open()
    code, text = run(make_account(alice))
    assert code == 0
    for line, name in zip(text.splitlines(), STEPS, strict=True):
        assert line.startswith(f"ok    {name} ")


def test_the_command_fails_with_the_venues_words(spot_venue: SpotVenue, alice: User) -> None:
    account = make_account(alice, key="another")  # which the venue doesn't know
    code, text = run(account, "--json")
    assert code == 1
    told = json.loads(text)
    assert (told["ok"], told["lines"][0]["code"]) == (False, "BAD_CREDENTIALS")


def test_real_money_needs_a_word(spot_venue: SpotVenue, alice: User) -> None:
    account = make_account(alice)
    BrokerAccount.objects.filter(pk=account.pk).update(environment="live")
    with pytest.raises(CommandError, match="--live"):
        call_command("drill", account.pk)
    with pytest.raises(CommandError, match="no such account"):
        call_command("drill", "acc_none")
    assert not spot_venue.venue.notes
