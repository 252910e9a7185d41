"""Cases 3 and 5: what comes again is one order, and what only looks the same is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import time_machine

from orders.work import drain_lane
from tests.cases.conftest import MakeHub
from tests.venue.control import Entry
from tests.venue.fixtures import KEY, ScriptedVenue
from tradehub.lib.clock import utc_now
from tradehub.testing.asgi import Answer
from tradehub.testing.hub import Hub
from tradehub.testing.webhook import Hook, process

__all__ = ["process"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("process")]

STATIC = b'{"symbol": "AAPL", "action": "buy", "quantity": "4"}'


@dataclass
class Sender:
    """Posts through the real webhook; the lane is worked after each alert."""

    hub: Hub
    hook: Hook
    wait: Callable[[float], None]
    venue: ScriptedVenue

    def post(self, body: bytes = STATIC) -> Answer:
        answer = self.hook.post(body, headers={"content-type": "text/plain"})
        drain_lane(self.hub.account.pk)
        return answer

    def posts(self) -> list[Entry]:
        return self.venue.control.posts(KEY)


@pytest.fixture
def sender(make_hub: MakeHub, scripted_venue: ScriptedVenue) -> Iterator[Sender]:
    hub = make_hub(max_adds=5)
    with time_machine.travel(utc_now()) as traveller:
        scripted_venue.follow(utc_now)
        yield Sender(hub, Hook(hub.strategy, hub.token), traveller.shift, scripted_venue)


def test_case_03_tradingview_s_resends_are_one_order(sender: Sender) -> None:
    """The same bytes at 0, 5, 10 and 15 s."""
    answers = []
    for _ in range(4):
        answers.append(sender.post())
        sender.wait(5)
    assert [each.status for each in answers] == [202, 200, 200, 200]
    assert {each.json["status"] for each in answers[1:]} == {"duplicate"}
    assert len({each.json["signal_id"] for each in answers}) == 1
    assert len(sender.posts()) == 1


def test_case_03_a_resend_whose_first_copy_was_the_last_of_27_seconds(sender: Sender) -> None:
    """Three resends, each 3 s of silence and 5 s of waiting later: the longest that they last."""
    first = sender.post()
    sender.wait(27)
    assert sender.post().json["signal_id"] == first.json["signal_id"]
    assert len(sender.posts()) == 1


def test_case_05_a_static_body_a_minute_later_is_another_order(sender: Sender) -> None:
    first = sender.post()
    sender.wait(60)
    second = sender.post()
    assert (first.status, second.status) == (202, 202)
    assert [each.status for each in sender.hub.orders()] == ["filled", "filled"]
    assert len(sender.posts()) == 2


def test_case_05_two_ids_in_one_second_are_two_orders(sender: Sender) -> None:
    bodies = [STATIC[:-1] + b', "alert_id": "%d"}' % each for each in (1, 2)]
    assert [sender.post(each).status for each in bodies] == [202, 202]
    assert [sender.post(each).status for each in bodies] == [200, 200]
    posts = sender.posts()
    assert len({each.client_order_id for each in posts}) == len(posts) == 2


def test_case_05_exit_and_entry_of_one_bar_are_two_orders(sender: Sender) -> None:
    """They share TradingView's second and, often, its id."""
    said = b', "timenow": "2026-01-05T10:00:00Z", "alert_id": "2026-01-05T10:00:00Z"}'
    sender.post(STATIC[:-1] + b', "alert_id": "before"}')
    leave = sender.post(STATIC[:-1].replace(b"buy", b"close") + said)
    enter = sender.post(STATIC[:-1].replace(b"buy", b"sell") + said)
    assert (leave.status, enter.status) == (202, 202)
    assert [each.body["side"] for each in sender.posts()] == ["buy", "sell", "sell"]
