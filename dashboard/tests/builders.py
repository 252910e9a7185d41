"""One owner's made-up trading: every kind of row that a page shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from accounts.models import User
from brokers import services as brokers_services
from brokers.models import BrokerAccount
from orders.models import Decision, Fill, LaneItem, Order, OrderEvent, Position
from risk import services as risk_services
from risk.models import RiskProfile
from signals.models import Signal, Strategy, Subscription, WebhookToken
from tradehub.core.intent import Intent, Size, StopLoss
from tradehub.core.words import OrderStatus, Outcome, PositionSide, SignalStatus, SizeMode, Verb

SECRET = "hunter2-of-the-body"


@dataclass
class World:
    owner: User
    account: BrokerAccount
    profile: RiskProfile
    strategy: Strategy
    subscription: Subscription
    token: WebhookToken
    signal: Signal
    order: Order
    position: Position


def make_world(owner: User, now: datetime, name: str = "Breakout") -> World:
    account = brokers_services.create_account(
        owner=owner, kind="paper", environment="paper", label=f"Paper of {name}", now=now
    )
    profile = risk_services.create_profile(owner=owner, values={"name": f"Careful {name}"}, now=now)
    strategy = Strategy.objects.create(owner=owner, name=name)
    subscription = Subscription.objects.create(
        strategy=strategy, account=account, risk_profile=profile
    )
    token = make_token(strategy)
    signal = make_signal(strategy, token, now)
    decision = make_decision(signal, account, now)
    order = make_order(decision, now)
    return World(
        owner=owner,
        account=account,
        profile=profile,
        strategy=strategy,
        subscription=subscription,
        token=token,
        signal=signal,
        order=order,
        position=make_position(order, now),
    )


def make_token(strategy: Strategy) -> WebhookToken:
    return WebhookToken.objects.create(
        owner=strategy.owner,
        strategy=strategy,
        prefix="thw_ab12",
        last_four="zz99",
        digest=sha256(strategy.pk.encode()).digest(),
    )


def make_signal(
    strategy: Strategy,
    token: WebhookToken | None,
    now: datetime,
    *,
    symbol: str = "AAPL",
    status: SignalStatus = SignalStatus.PROCESSED,
) -> Signal:
    intent = Intent(
        symbol=symbol,
        verb=Verb.ENTER,
        side=PositionSide.LONG,
        size=Size(SizeMode.QUANTITY, Decimal(10)),
        stop_loss=StopLoss(price=Decimal("145.5")),
    )
    return Signal.objects.create(
        owner=strategy.owner,
        strategy=strategy,
        token=token,
        status=status.value,
        received_at=now,
        source_ip="192.0.2.7",
        raw=f'{{"ticker":"{symbol}","action":"buy","passphrase":"{SECRET}"}}'.encode(),
        dialect="plain",
        intents=[intent.to_json()],
        ack_ms=1.5,
    )


def make_invalid_signal(strategy: Strategy, now: datetime) -> Signal:
    field = {"pointer": "/ticker", "code": "MISSING_FIELD", "detail": "There is no ticker."}
    return Signal.objects.create(
        owner=strategy.owner,
        strategy=strategy,
        status=SignalStatus.INVALID.value,
        received_at=now,
        raw=b'{"action":"<b>buy</b>"}',
        error={"code": "MISSING_FIELD", "detail": "A field is missing.", "errors": [field]},
    )


def make_decision(
    signal: Signal,
    account: BrokerAccount,
    now: datetime,
    *,
    outcome: Outcome = Outcome.APPROVED,
    code: str = "ORDER_VALUE_ABOVE_MAX",
) -> Decision:
    passed = outcome is Outcome.APPROVED
    check = {
        "code": code,
        "passed": passed,
        "measured": "1505",
        "limit": "25000" if passed else "1000",
        "message": "The order is worth 1,505.00.",
    }
    reason = {name: check[name] for name in ("code", "message", "measured", "limit")}
    item = LaneItem.objects.create(
        account=account,
        kind=LaneItem.Kind.DECIDE.value,
        status=LaneItem.Status.DONE.value,
        signal=signal,
        due_at=now,
        created_at=now,
    )
    return Decision.objects.create(
        owner=signal.owner,
        account=account,
        item=item,
        signal=signal,
        outcome=outcome.value,
        reasons=[] if passed else [reason],
        checks=[check],
        sizing={
            "method": "signal",
            "quantity": "10",
            "notional": "1505",
            "risk_amount": None,
            "risk_percent": None,
            "risk_reward": None,
            "steps": [{"label": "The alert asks for 10.", "value": "10"}],
        },
        decided_at=now + timedelta(milliseconds=7),
    )


def make_order(
    decision: Decision,
    now: datetime,
    *,
    leg: str = "0",
    status: OrderStatus = OrderStatus.FILLED,
    at: datetime | None = None,
) -> Order:
    filled = status is OrderStatus.FILLED
    at = at or now + timedelta(milliseconds=10)
    assert decision.signal is not None
    order = Order.objects.create(
        owner=decision.owner,
        account=decision.account,
        strategy=decision.signal.strategy,
        signal=decision.signal,
        decision=decision,
        leg=leg,
        client_order_id=f"{decision.pk}{leg}",
        symbol="AAPL",
        side="buy",
        order_type="market",
        time_in_force="day",
        quantity=Decimal(10),
        filled_quantity=Decimal(10 if filled else 0),
        average_fill_price=Decimal("150.5") if filled else None,
        role="entry",
        status=status.value,
        source="webhook",
        created_at=now,
        submitted_at=at,
    )
    OrderEvent.objects.create(order=order, event="send", status="sending", key="send", at=at)
    if filled:
        done = at + timedelta(milliseconds=5)
        OrderEvent.objects.create(order=order, event="fill", status="filled", key="fill", at=done)
        make_fill(order, done)
    return order


def make_fill(order: Order, at: datetime, *, pnl: str = "0", fee: str = "0") -> Fill:
    return Fill.objects.create(
        owner=order.owner,
        account=order.account,
        order=order,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        price=Decimal("150.5"),
        fee=Decimal(fee),
        fee_value=Decimal(fee),
        fee_currency="USD",
        realized_pnl=Decimal(pnl),
        at=at,
        venue_fill_id=f"{order.pk}{at.timestamp()}",
    )


def make_position(order: Order, now: datetime, *, protected: bool | None = None) -> Position:
    return Position.objects.create(
        owner=order.owner,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        quantity=Decimal(10),
        average_entry_price=Decimal("150.5"),
        is_open=True,
        protected=protected,
        opened_at=now,
        updated_at=now,
    )
