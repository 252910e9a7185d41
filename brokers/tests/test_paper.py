"""The paper adapter beside the contract suite: rows, threads, prices."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection

from brokers.errors import OrderRejected, OutcomeUnknown, Unsupported
from brokers.models import BrokerAccount
from brokers.paper.adapter import PaperBroker
from brokers.paper.models import PaperFill, PaperLedger, PaperOrder, PaperPrice
from brokers.registry import connect
from brokers.services import create_account
from brokers.tests.builders import NOW, request
from brokers.types import ReportStatus


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def step(self, seconds: float = 1) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_account(owner: Any, **options: Any) -> BrokerAccount:
    return create_account(
        owner=owner, kind="paper", environment="paper", label="p", options=options, now=NOW
    )


def open_broker(owner: Any, clock: Clock, price: str | None = "100", **options: Any) -> PaperBroker:
    broker = connect(open_account(owner, **options), now=clock)
    assert isinstance(broker, PaperBroker)
    if price is not None:
        broker.observe("AAPL", D(price), clock())
    return broker


def move(broker: PaperBroker, clock: Clock, price: str) -> None:
    broker.observe("AAPL", D(price), clock.step())


def test_a_refused_id_stays_refused(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    for quantity in ("5000", "1"):
        with pytest.raises(OrderRejected, match="buying power") as refused:
            broker.submit(request("buy", quantity, id="same"))
        assert refused.value.venue_code == "BUYING_POWER_TOO_LOW"
    report = broker.order("same")
    assert report is not None
    assert (report.status, report.quantity) == (ReportStatus.REJECTED, 5000)


def test_a_fill_limit_fills_in_parts_as_prices_come(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock, fill_limit="4", fee_percent="1")
    report = broker.submit(request("buy", "10"))
    assert (report.status, report.filled_quantity) == (ReportStatus.PARTIALLY_FILLED, 4)
    assert broker.reports([report.client_order_id])[0].filled_quantity == 4
    move(broker, clock, "101")
    move(broker, clock, "102")
    done = broker.order(report.client_order_id)
    assert done is not None
    assert [(f.quantity, f.price, f.fee) for f in done.fills] == [
        (4, 100, 4),
        (4, 101, D("4.04")),
        (2, 102, D("2.04")),
    ]
    assert done.status is ReportStatus.FILLED
    assert broker.account().cash == 100_000 - 400 - 404 - 204 - D("10.08")


def test_a_touch_between_two_polls_is_not_missed(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    report = broker.submit(request("buy", "1", "limit", limit_price="90"))
    move(broker, clock, "89")
    move(broker, clock, "120")
    fills = broker.reports([report.client_order_id])[0].fills
    assert [fill.price for fill in fills] == [89]


def test_an_older_price_does_not_replace_a_newer_one(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    broker.observe("AAPL", D(90), NOW - timedelta(seconds=1))
    broker.observe("AAPL", D(0), clock.step())
    broker.observe("AAPL", D(101), NOW + timedelta(days=1))
    broker.observe("AAPL", D(102), clock.step())
    quote = broker.quote("AAPL")
    assert quote is not None
    assert (quote.last, quote.at, quote.source) == (102, clock.at, "signal")
    assert PaperPrice.objects.get().first_price == 100


def test_a_day_order_expires_and_says_so(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    report = broker.submit(request("buy", "1", "limit", limit_price="90", tif="day"))
    clock.step(9 * 3600)
    late = broker.order(report.client_order_id)
    assert late is not None
    assert (late.status, late.code) == (ReportStatus.EXPIRED, "DAY_ENDED")


def test_without_a_price_there_is_no_quote_and_no_guess(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock, price=None)
    assert broker.quote("AAPL") is None
    with pytest.raises(OrderRejected, match="No price of AAPL"):
        broker.submit(request())
    broker.observe("AAPL", D(100), clock())
    broker.submit(request())
    PaperPrice.objects.all().delete()
    with pytest.raises(OutcomeUnknown, match="no price of AAPL"):
        broker.account()


def test_a_synthetic_account_begins_at_the_first_price_or_100(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock, price="250.5", price_source="synthetic")
    first, other = broker.quote("AAPL"), broker.quote("BTCUSDT")
    assert first is not None
    assert other is not None
    assert (first.last, first.source, other.last) == (D("250.5"), "synthetic", 100)
    broker.observe("AAPL", D(1), clock.step(60))
    later = broker.quote("AAPL")
    assert later is not None
    assert later.last != first.last
    assert abs(later.last / first.last - 1) < D("0.0061")
    assert broker.submit(request("buy", "1", symbol="MSFT")).status is ReportStatus.FILLED


def test_a_synthetic_limit_fills_as_time_goes_by(alice: Any, clock: Clock) -> None:
    seeded = BrokerAccount.objects.create(id="acc_seed", owner=alice, kind="paper", label="p")
    broker = PaperBroker(seeded.pk, {"price_source": "synthetic"}, clock)
    limits = {"buy": "99.99", "sell": "100.01"}
    orders = [broker.submit(request(s, "1", "limit", limit_price=p)) for s, p in limits.items()]
    for _ in range(600):
        clock.step(10)
        if not broker.open_orders():
            break
    done = broker.reports([order.client_order_id for order in orders])
    assert [report.status for report in done] == [ReportStatus.FILLED] * 2


@pytest.mark.parametrize(
    ("symbol", "fractional", "step"),
    [
        ("AAPL", False, "1"),
        ("AAPL", True, "0.000001"),
        ("BTCUSDT", False, "0.00000001"),
        ("ETHBTC.P", False, "0.00000001"),
        ("GBTC", False, "1"),
    ],
)
def test_steps(alice: Any, clock: Clock, symbol: str, fractional: bool, step: str) -> None:
    instrument = open_broker(alice, clock, fractional=fractional).instrument(symbol)
    assert instrument is not None
    assert instrument.quantity_step == D(step)


def test_every_digit_survives_the_database(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock, price=None, fee_percent="0.075")
    broker.observe("BTCUSDT", D("45123.123456789012"), clock())
    report = broker.submit(request("buy", "0.12345678", symbol="BTCUSDT"))
    fill = PaperFill.objects.get()
    assert (fill.quantity, fill.price) == (D("0.12345678"), D("45123.123456789012"))
    assert fill.fee == report.fills[0].fee == D("4.178066644139")
    cash = PaperLedger.objects.get().cash
    assert cash == D("94425.06640783822043909864")


def test_an_account_without_a_ledger_opens_it_when_first_used(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock, starting_cash="500")
    PaperLedger.objects.all().delete()
    assert broker.account().cash == 500
    broker.submit(request("buy", "1"))
    assert PaperLedger.objects.get().cash == 400


def test_polling_without_news_writes_nothing(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    broker.submit(request("buy", "1", "limit", limit_price="90"))
    version = PaperLedger.objects.get().version
    broker.open_orders()
    broker.account()
    broker.fills(NOW)
    assert PaperLedger.objects.get().version == version


@pytest.mark.django_db(transaction=True)
def test_eight_threads_with_one_id_make_one_order(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    reports = _at_once([lambda: broker.submit(request("buy", "1", id="one"))] * 8)
    assert len(set(reports)) == 1
    assert PaperOrder.objects.count() == PaperFill.objects.count() == 1
    assert PaperLedger.objects.get().cash == 99_900


@pytest.mark.django_db(transaction=True)
def test_eight_threads_never_spend_the_same_money(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock, starting_cash="300")

    def buy() -> bool:
        try:
            return broker.submit(request("buy", "1")).status is ReportStatus.FILLED
        except OrderRejected:
            return False

    assert sorted(_at_once([buy] * 8)) == [False] * 5 + [True] * 3
    assert PaperLedger.objects.get().cash == 0


@pytest.mark.django_db(transaction=True)
def test_pollers_fill_a_touched_order_once(alice: Any, clock: Clock) -> None:
    broker = open_broker(alice, clock)
    report = broker.submit(request("buy", "1", "limit", limit_price="90"))
    PaperPrice.objects.update(last_price=D(89), last_at=clock.step())
    seen = _at_once([lambda: broker.order(report.client_order_id)] * 8)
    assert {each and each.status for each in seen} == {ReportStatus.FILLED}
    assert PaperFill.objects.count() == 1


def _at_once(work: list[Any]) -> list[Any]:
    def run(each: Any) -> Any:
        try:
            return each()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_a_kind_without_adapter_is_unsupported(alice: Any) -> None:
    with pytest.raises(Unsupported, match="mtgox"):
        connect(BrokerAccount(owner=alice, kind="mtgox", environment="paper", label="a"))
