"""Cases 13 to 18: the venue takes an order, or does not, and leaves us in doubt. One order each."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from orders.models import Order
from orders.services import halt_trading
from tests.cases.conftest import MakeHub
from tests.venue.control import Control, Entry
from tests.venue.fixtures import KEY, ScriptedVenue
from tradehub.core.words import Scope
from tradehub.testing.hub import Hub

pytestmark = pytest.mark.django_db

RESOLVED_WITHIN = timedelta(seconds=30)
PROOF_TAKES = timedelta(seconds=5)
LOOKS = 3
WHILE_OPEN: dict[str, Any] = {
    "rules": {"id_policy": "unique_while_open"},
    "options": {"client_ids": "unique_while_open"},
}
NO_IDS: dict[str, Any] = {"rules": {"id_policy": "none"}, "options": {"client_ids": "none"}}


@pytest.fixture
def control(scripted_venue: ScriptedVenue) -> Control:
    return scripted_venue.control


def buy_in_doubt(hub: Hub) -> Order:
    hub.send(action="buy", quantity="4")
    (order,) = hub.orders(source="webhook")
    assert (order.status, order.reason) == ("unconfirmed", "OUTCOME_UNKNOWN")
    return order


def settle(hub: Hub, within: timedelta = RESOLVED_WITHIN) -> datetime:
    """Sweep as a worker does, every 2 s, to the end of `within`; when the doubt had ended."""
    began, ended = hub.clock.now, None
    while hub.clock.now - began < within:
        hub.sweep(2)
        if ended is None and not hub.orders(status__in=["sending", "unconfirmed"]):
            ended = hub.clock.now
    assert ended is not None, "still in doubt"
    return ended


def assert_one_filled(hub: Hub, control: Control) -> None:
    (order,) = hub.orders()
    assert (order.status, order.filled_quantity) == ("filled", 4)
    books = control.books(KEY)
    assert [each["id"] for each in books.orders] == [order.venue_order_id]
    assert books.positions == {"AAPL": 4}
    assert hub.position().quantity == 4


def looks_between(control: Control, first: Entry, second: Entry) -> list[Entry]:
    looks = control.asked("order", KEY)
    return [each for each in looks if first.n < each.n < second.n]


# ---- case 13: taken, and the answer never came ----


@pytest.mark.parametrize(
    "kind",
    ["accept_then_close", "accept_then_reset", "accept_then_hang", "truncated_json", "cut_body"],
)
def test_case_13_what_was_taken_is_found_and_never_sent_again(
    make_hub: MakeHub, control: Control, kind: str
) -> None:
    hub = make_hub(options={"read_seconds": 1} if kind == "accept_then_hang" else {})
    control.fault("submit", kind, seconds=30)
    buy_in_doubt(hub)
    hub.account.options.pop("read_seconds", None)
    hub.account.save(update_fields=["options"])
    settle(hub)
    assert_one_filled(hub, control)
    (post,) = control.posts()
    assert post.taken
    assert control.asked("order", KEY), "found by asking"


# ---- case 14: not taken, and the answer never came ----


@pytest.mark.parametrize("kind", ["close_before", "reset_before", "refuse_500", "refuse_504"])
@pytest.mark.parametrize("policy", [{}, WHILE_OPEN], ids=["unique-forever", "while-open"])
def test_case_14_it_is_sent_again_with_its_id_when_it_is_proven_absent(
    make_hub: MakeHub, control: Control, kind: str, policy: dict[str, Any]
) -> None:
    hub = make_hub(**policy)
    control.fault("submit", kind)
    buy_in_doubt(hub)
    settle(hub)
    assert_one_filled(hub, control)
    first, second = control.posts()
    assert (first.taken, second.taken) == (False, True)
    assert first.body == second.body, "the very same, its id included"
    looks = looks_between(control, first, second)
    assert len(looks) >= LOOKS
    sent = {each.event: each.at for each in hub.orders()[0].events.all()}
    assert sent["resend"] - sent["lose"] >= PROOF_TAKES
    assert all(each.status == 404 for each in looks)
    lists = {"open_orders", "closed_orders", "fills"}
    asked = {each.operation for each in control.ledger() if first.n < each.n < second.n}
    assert lists <= asked, "an id alone proves nothing"


def test_case_14_looks_without_an_answer_prove_nothing(make_hub: MakeHub, control: Control) -> None:
    hub = make_hub()
    control.fault("submit", "close_before")
    control.fault("order", "refuse_504", times=LOOKS)
    buy_in_doubt(hub)
    for _ in range(15):
        if not control.faults_left():
            break
        hub.sweep(2)
    assert len(control.asked("order", KEY)) == LOOKS
    assert len(control.posts()) == 1
    settle(hub)
    first, second = control.posts()
    answered = [each for each in looks_between(control, first, second) if each.status == 404]
    assert len(answered) >= LOOKS
    assert_one_filled(hub, control)


def test_case_14_it_ends_as_not_placed_where_trading_was_halted_meanwhile(
    make_hub: MakeHub, control: Control
) -> None:
    hub = make_hub()
    control.fault("submit", "close_before")
    order = buy_in_doubt(hub)
    halt_trading(
        scope=Scope.ACCOUNT,
        scope_id=hub.account.pk,
        reason="lunch",
        owner=hub.owner,
        actor=hub.owner,
        now=hub.clock(),
    )
    settle(hub)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("denied", "TRADING_HALTED")
    assert len(control.posts()) == 1
    assert control.books(KEY).orders == []


# ---- case 15: taken, and not seen for a while ----


@pytest.mark.parametrize(("lag", "settle_seconds"), [(8, 10), (20, 22)])
@pytest.mark.parametrize("policy", [{}, WHILE_OPEN], ids=["unique-forever", "while-open"])
def test_case_15_a_venue_that_shows_late_is_not_sent_again(
    make_hub: MakeHub, control: Control, policy: dict[str, Any], lag: int, settle_seconds: int
) -> None:
    """Nothing lists it for so long, as the adapter knows of its venue."""
    rules = {"order_lag": lag, "fill_lag": lag, **policy.get("rules", {})}
    options = {"settle_seconds": settle_seconds, **policy.get("options", {})}
    hub = make_hub(rules=rules, options=options)
    control.fault("submit", "accept_then_close")
    buy_in_doubt(hub)
    settle(hub)
    assert len(control.posts()) == 1
    assert_one_filled(hub, control)
    unseen = [each for each in control.asked("order", KEY) if each.status == 404]
    assert len(unseen) >= (LOOKS if lag > 10 else 1), "it was denied, and often enough"


def test_case_15_a_later_venue_than_believed_refuses_the_id(
    make_hub: MakeHub, control: Control
) -> None:
    """An id that is unique for ever makes even an early resend harmless."""
    hub = make_hub(rules={"order_lag": 8, "fill_lag": 8})
    control.fault("submit", "accept_then_close")
    buy_in_doubt(hub)
    settle(hub)
    assert sum(bool(each.taken) for each in control.posts()) == 1
    assert_one_filled(hub, control)


# ---- case 16: taken, and the answer says otherwise ----


@pytest.mark.parametrize("status", ["500", "504", "429", "400"])
@pytest.mark.parametrize("policy", [{}, WHILE_OPEN], ids=["unique-forever", "while-open"])
def test_case_16_a_status_that_lies_makes_no_second_request(
    make_hub: MakeHub, control: Control, status: str, policy: dict[str, Any]
) -> None:
    hub = make_hub(**policy)
    control.fault("submit", f"accept_then_{status}")
    buy_in_doubt(hub)
    settle(hub)
    assert len(control.posts()) == 1
    assert_one_filled(hub, control)


# ---- case 17: an id that is free again ----


@pytest.mark.parametrize("disorder", [False, True])
def test_case_17_an_id_that_a_fill_has_freed_is_not_used_again(
    make_hub: MakeHub, control: Control, disorder: bool
) -> None:
    rules = {"id_policy": "unique_while_open", "duplicates": disorder, "shuffled": disorder}
    hub = make_hub(rules=rules, options={"client_ids": "unique_while_open"})
    control.fault("submit", "accept_then_close")
    buy_in_doubt(hub)
    settle(hub)
    assert len(control.posts()) == 1
    assert_one_filled(hub, control)


@pytest.mark.parametrize("known", ["closed_orders", "fills"])
def test_case_17_one_list_that_knows_it_is_enough(
    make_hub: MakeHub, control: Control, known: str
) -> None:
    """The look-up by id fails to see what has ended, as at venues that list by id what is open."""
    hub = make_hub(**WHILE_OPEN)
    control.fault("submit", "accept_then_close")
    buy_in_doubt(hub)
    control.fault("order", "reject", times=50, code="UNKNOWN_ORDER")
    for name in {"open_orders", "closed_orders", "fills"} - {known}:
        control.fault(name, "empty_list", times=50)
    settle(hub)
    assert len(control.posts()) == 1
    (order,) = hub.orders()
    assert order.filled_quantity == 4
    assert control.books(KEY).positions == {"AAPL": 4}


# ---- case 18: a venue that ignores our ids ----


@pytest.mark.parametrize("kind", ["accept_then_close", "close_before"])
def test_case_18_without_ids_its_owner_decides(
    make_hub: MakeHub, control: Control, kind: str
) -> None:
    hub = make_hub(**NO_IDS)
    twin = control.place_by_hand(
        KEY, symbol="AAPL", side="buy", quantity="4", type="limit", limit_price="90"
    )
    control.fault("submit", kind)
    with capture_logs() as logs:
        order = buy_in_doubt(hub)
        for _ in range(30):
            hub.sweep(2)
    order.refresh_from_db()
    assert (order.status, order.reason) == ("unconfirmed", "NEEDS_REVIEW")
    assert order.venue_order_id != twin, "a twin is not taken for it"
    told = [each for each in logs if each["event"] == "order_needs_review"]
    assert [(each["log_level"], each["order"]) for each in told] == [("error", order.pk)]
    assert order.events.filter(event="review").count() == 1
    assert len(control.posts()) == 1, "never a resend"
    assert hub.codes(action="buy", quantity="1") == ["SYMBOL_NOT_RECONCILED"]
    assert hub.codes(action="buy", quantity="1", symbol="MSFT") == []
    assert [each.body["symbol"] for each in control.posts()] == ["AAPL", "MSFT"]
