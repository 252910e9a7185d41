"""Whose key a feed borrows, what a refusal of one means for others, and how long a feed is mute."""

from typing import Any

import pytest

from brokers.errors import BadCredentials
from brokers.models import BrokerAccount, Examination
from brokers.prices import wires
from brokers.prices.alpaca_frames import CONNECTION_TAKEN, DataDialect
from brokers.prices.asking import own_alpaca
from brokers.prices.places import COINS, SPOT_LIVE, STOCKS_IEX, Part, sip_of
from brokers.prices.wires import Keys, PriceStream, Wire, wires_of


def account(owner: Any, label: str, *, feed: str = "iex", passed: bool = True) -> BrokerAccount:
    made = BrokerAccount.objects.create(
        owner=owner, kind="alpaca", environment="test", label=label, options={"feed": feed}
    )
    Examination.objects.update_or_create(account=made, defaults={"passed": passed})
    return made


@pytest.mark.django_db
def test_what_an_owner_pays_for_borrows_no_other_key(alice: Any, bob: Any) -> None:
    mine, other = account(alice, "a", feed="sip"), account(bob, "b")
    keys = Keys()
    assert keys.lender(sip_of(alice.pk)) == mine
    assert keys.lender(sip_of(bob.pk)) is None, "his own does not name the feed"
    other.options = {"feed": "sip"}
    other.save()
    assert keys.lender(sip_of(bob.pk)) == other
    assert keys.lender(STOCKS_IEX) == mine, "which everybody lends, the oldest first"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "elsewhere"), [(406, "a"), (409, "a"), (402, "b")], ids=["taken", "plan", "wrong"]
)
def test_a_key_refused_at_one_feed_serves_the_others_unless_it_is_wrong(
    code: int, elsewhere: str, alice: Any, bob: Any
) -> None:
    first = account(alice, "a")
    account(bob, "b")
    keys = Keys()
    (wire,) = wires_of(COINS, keys)
    stream = PriceStream(wire, DataDialect("key", "secret"), first.pk)
    stream.hear(f'[{{"T":"error","code":{code},"msg":"no"}}]')
    lent = {feed: keys.lender(feed) for feed in (COINS, STOCKS_IEX)}
    assert {feed: each and each.label for feed, each in lent.items()} == {
        COINS: "b",
        STOCKS_IEX: elsewhere,
    }


@pytest.mark.django_db
def test_a_refused_key_is_tried_again_later(
    alice: Any, bob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, passed = account(alice, "a"), account(bob, "b"), [50.0]
    monkeypatch.setattr("brokers.prices.wires.time.monotonic", lambda: passed[0])
    keys = Keys()
    keys.refuse(COINS, first.pk, CONNECTION_TAKEN)
    keys.refuse(STOCKS_IEX, first.pk, BadCredentials.code)
    assert keys.lender(COINS) == second
    passed[0] += wires.REFUSED_SECONDS
    assert keys.lender(COINS) == first


@pytest.mark.django_db
def test_a_key_that_was_seen_to_be_good_asks_first(alice: Any) -> None:
    account(alice, "a", passed=False)
    good = account(alice, "b")
    assert own_alpaca(alice.pk) == good
    good.delete()
    found = own_alpaca(alice.pk)
    assert found is not None
    assert found.label == "a", "a key of one's own may ask at any time"


@pytest.mark.parametrize(
    ("mute", "waits"), [(60.0, [60, 120, 240, 480, 900, 900]), (900.0, [900, 900])]
)
def test_a_quiet_market_is_doubted_less_each_time(mute: float, waits: list[float]) -> None:
    wire = Wire(SPOT_LIVE, Part("all", 200, mute), Keys())
    found = []
    for _ in waits:
        found.append(wire.patience)
        wire.doubts += 1
    assert found == waits
