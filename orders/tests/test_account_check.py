"""An account that has not passed its check: entries are denied, at the decision and at the gate;
exits pass."""

from collections.abc import Callable

from brokers.models import BrokerAccount
from orders.gate import refusal_at_the_gate
from orders.models import Order
from tradehub.testing.hub import Hub

MakeHub = Callable[..., Hub]
TROUBLE = "The key may withdraw."


def test_entries_are_denied_with_the_reason_and_exits_pass(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10)
    BrokerAccount.objects.update(trouble=TROUBLE)
    denied = hub.send(action="buy", quantity=1, symbol="MSFT")
    assert denied.outcome == "denied"
    assert [each["code"] for each in denied.reasons] == ["ACCOUNT_CHECK_FAILED"]
    assert TROUBLE in denied.reasons[0]["message"]
    closed = hub.send(action="close")
    assert closed.outcome == "approved"
    assert "ACCOUNT_CHECK_FAILED" in [each["code"] for each in closed.checks if each["passed"]]
    assert hub.position().quantity == 0


def test_the_gate_denies_what_was_decided_before(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.send(action="buy", quantity=10, stop_loss=140)
    entry = Order.objects.get(role="entry")
    stop = Order.objects.get(role="stop_loss")
    assert refusal_at_the_gate(entry, now=entry.created_at) is None
    BrokerAccount.objects.update(trouble="x" * 240)
    refusal = refusal_at_the_gate(entry, now=entry.created_at)
    assert refusal is not None
    assert refusal[0] == "ACCOUNT_CHECK_FAILED"
    assert len(refusal[1]) <= 300
    assert refusal_at_the_gate(stop, now=stop.created_at) is None
