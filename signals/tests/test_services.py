"""Strategies, subscriptions and webhook tokens: what is accepted, what is refused, what is left."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from brokers.models import BrokerAccount
from orders.models import LaneItem, Order, Position
from orders.terms import Terms
from orders.work import drain_lane
from risk.models import RiskProfile
from risk.selectors import paused_strategies
from signals import services
from signals.models import Signal, Strategy, WebhookToken
from signals.routes import read_version, routes
from signals.strategy_services import strategy_terms
from tradehub.core.errors import BadInput, Conflict, TradehubError
from tradehub.lib.tokens import digest_of
from tradehub.testing.builders import make_account, make_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User, now: datetime) -> BrokerAccount:
    return make_account(alice, now)


@pytest.fixture
def profile(alice: User, now: datetime) -> RiskProfile:
    return make_profile(alice, now)


@pytest.fixture
def strategy(alice: User, now: datetime) -> Strategy:
    return create(alice, now)[0]


def create(owner: User, now: datetime, **fields: Any) -> tuple[Strategy, str]:
    return services.create_strategy(owner=owner, fields={"name": "Breakout", **fields}, now=now)


def refusal(work: Any) -> tuple[str, str | None]:
    with pytest.raises(TradehubError) as caught:
        work()
    return caught.value.code, caught.value.pointer


# ---- strategies ----


def test_a_strategy_comes_with_a_webhook_that_leads_to_it(alice: User, now: datetime) -> None:
    strategy, secret = create(alice, now)
    route = routes.look_up(digest_of(secret))
    assert route is not None
    assert route.strategy is not None
    assert route.strategy.id == strategy.pk
    assert services.webhook_url("https://hub.example/", secret) == (
        f"https://hub.example/webhook/{secret}"
    )


def test_fields_are_stored_in_their_canonical_form(alice: User, now: datetime) -> None:
    strategy, _ = create(
        alice,
        now,
        symbols=["binance:btcusdt", "BTC/USDT", "aapl"],
        symbol_map={"cme:nq1!": "qqq"},
        default_stop_loss_percent="2.50",
        signal_overrides=["size", "order_type"],
    )
    strategy.refresh_from_db()
    assert strategy.symbols == ["BTCUSDT", "AAPL"]
    assert strategy.symbol_map == {"CME:NQ1!": "QQQ"}
    assert strategy.default_stop_loss_percent == Decimal("2.5")
    assert strategy.signal_overrides == ["order_type", "size"]


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"name": ""}, "INVALID_FIELD", "/name"),
        ({"direction": "up"}, "INVALID_FIELD", "/direction"),
        ({"on_opposite": "flip"}, "INVALID_FIELD", "/on_opposite"),
        ({"symbols": ["AAPL", "no symbol"]}, "INVALID_FIELD", "/symbols/1"),
        ({"symbol_map": {"NQ1!": "??"}}, "INVALID_FIELD", "/symbol_map/NQ1!"),
        ({"leverage": "0"}, "INVALID_FIELD", "/leverage"),
        ({"leverage": "-1"}, "INVALID_FIELD", "/leverage"),
        ({"max_adds": "1.5"}, "INVALID_FIELD", "/max_adds"),
        ({"default_stop_loss_percent": "101"}, "INVALID_FIELD", "/default_stop_loss_percent"),
        ({"default_order_type": "iceberg"}, "INVALID_FIELD", "/default_order_type"),
        ({"signal_overrides": ["symbol"]}, "INVALID_FIELD", "/signal_overrides/0"),
        ({"enabled": "yes"}, "INVALID_FIELD", "/enabled"),
        ({"colour": "red"}, "UNSUPPORTED_FIELD", "/colour"),
        ({"webhook": {"colour": "red"}}, "UNSUPPORTED_FIELD", "/webhook/colour"),
        ({"webhook": {"wait_seconds": "3"}}, "INVALID_FIELD", "/webhook/wait_seconds"),
        ({"webhook": {"allowed_ips": ["1.2.3"]}}, "INVALID_FIELD", "/webhook/allowed_ips/0"),
        ({"webhook": {"requests_per_minute": 0}}, "INVALID_FIELD", "/webhook/requests_per_minute"),
    ],
)
def test_a_wrong_field_is_named(
    alice: User, now: datetime, fields: dict[str, Any], code: str, pointer: str
) -> None:
    assert refusal(lambda: create(alice, now, **fields)) == (code, pointer)
    assert not Strategy.objects.exists()
    assert not WebhookToken.objects.exists()


def test_a_name_is_one_strategy_whatever_its_case(
    alice: User, bob: User, now: datetime, strategy: Strategy
) -> None:
    assert refusal(lambda: create(alice, now, name="BREAKOUT")) == ("CONFLICT", "/name")
    other, _ = create(bob, now)
    assert other.name == strategy.name


def test_every_change_reaches_the_webhook_and_the_audit_log(
    alice: User, now: datetime, strategy: Strategy
) -> None:
    before = read_version()
    services.update_strategy(
        strategy=strategy, fields={"max_adds": 2, "enabled": False}, now=now, actor=alice
    )
    assert read_version() > before
    assert strategy.pk in paused_strategies([strategy.pk])
    entry = AuditEntry.objects.get(action="strategy.changed")
    assert entry.data == {"from": {"max_adds": 0}, "to": {"max_adds": 2}}


def test_options_of_the_webhook_are_sealed_and_never_audited(alice: User, now: datetime) -> None:
    strategy, secret = create(alice, now, webhook={"passphrase": "open sesame"})
    token = WebhookToken.objects.get()
    assert "sesame" not in token.sealed_passphrase
    assert not [each for each in AuditEntry.objects.all() if "sesame" in str(each.data)]
    route = routes.look_up(digest_of(secret))
    assert route is not None
    assert route.passphrase == b"open sesame"
    services.update_strategy(
        strategy=strategy, fields={"webhook": {"passphrase": ""}}, now=now, actor=alice
    )
    route = routes.look_up(digest_of(secret))
    assert route is not None
    assert route.passphrase == b""


def test_a_strategy_that_holds_something_is_not_deleted(
    alice: User, now: datetime, strategy: Strategy, account: BrokerAccount
) -> None:
    held = Position.objects.create(
        owner=alice,
        account=account,
        strategy=strategy,
        symbol="AAPL",
        quantity="1",
        is_open=True,
        updated_at=now,
    )
    with pytest.raises(Conflict, match="1 open position"):
        services.delete_strategy(strategy=strategy, now=now, actor=alice)
    Position.objects.filter(pk=held.pk).update(is_open=False, quantity="0")
    services.delete_strategy(strategy=strategy, now=now, actor=alice)
    assert not Strategy.objects.exists()


def test_two_flat_strategies_of_one_symbol_can_both_be_deleted(
    alice: User, now: datetime, account: BrokerAccount
) -> None:
    for name in ("One", "Two"):
        strategy, _ = create(alice, now, name=name)
        Position.objects.create(
            owner=alice, account=account, strategy=strategy, symbol="AAPL", updated_at=now
        )
        services.delete_strategy(strategy=strategy, now=now, actor=alice)
    assert not Strategy.objects.exists()


# ---- subscriptions ----


def test_a_subscription_puts_alerts_into_the_accounts_lane(
    alice: User, now: datetime, account: BrokerAccount, profile: RiskProfile
) -> None:
    strategy, _ = create(alice, now, match="X", max_adds=3)
    subscription = services.subscribe(
        strategy=strategy,
        account=account,
        risk_profile=profile,
        multiplier="0.5",
        now=now,
        actor=alice,
    )
    assert Terms.from_json(terms_in_lane(strategy, now)).multiplier == Decimal("0.5")
    services.update_subscription(subscription=subscription, multiplier="2", now=now, actor=alice)
    terms = Terms.from_json(terms_in_lane(strategy, now))
    assert (terms.multiplier, terms.match, terms.max_adds) == (Decimal(2), "X", 3)
    now_there = strategy_terms(alice, strategy.pk, account.pk)
    assert now_there is not None
    assert now_there.to_json() == terms.to_json()
    services.unsubscribe(subscription=subscription, now=now, actor=alice)
    services.send_test_alert(strategy=strategy, now=now)
    assert LaneItem.objects.count() == 2
    assert strategy_terms(alice, strategy.pk, account.pk) is None


def terms_in_lane(strategy: Strategy, now: datetime) -> Any:
    signal_id = services.send_test_alert(strategy=strategy, now=now)
    return LaneItem.objects.get(signal_id=signal_id).terms


def test_what_a_subscription_refuses(
    alice: User,
    bob: User,
    now: datetime,
    strategy: Strategy,
    account: BrokerAccount,
    profile: RiskProfile,
) -> None:
    def subscribe(**more: Any) -> Any:
        given = {"account": account, "risk_profile": profile, **more}
        return lambda: services.subscribe(strategy=strategy, now=now, actor=alice, **given)

    assert refusal(subscribe(mode="approve")) == ("UNSUPPORTED_FIELD", "/mode")
    assert refusal(subscribe(mode="often")) == ("INVALID_FIELD", "/mode")
    assert refusal(subscribe(multiplier="0")) == ("INVALID_FIELD", "/multiplier")
    theirs = make_account(bob, now)
    assert refusal(subscribe(account=theirs)) == ("INVALID_FIELD", "/account")
    assert refusal(subscribe(risk_profile=make_profile(bob, now)))[1] == "/risk_profile"
    subscribe()()
    assert refusal(subscribe()) == ("CONFLICT", "/account")
    assert strategy_terms(bob, strategy.pk, account.pk) is None


# ---- webhook tokens ----


def test_a_rotation_overlaps_and_then_ends(alice: User, now: datetime) -> None:
    strategy, old = create(alice, now)
    token = strategy.webhook_tokens.get()
    real_now = datetime.now(now.tzinfo)  # the database's own clock ends the overlap
    new = services.rotate_webhook(token=token, now=real_now, actor=alice)
    assert routes.look_up(digest_of(old)) is not None
    assert routes.look_up(digest_of(new)) is not None
    newest = services.rotate_webhook(token=token, now=real_now - timedelta(hours=2), actor=alice)
    assert routes.look_up(digest_of(old)) is None
    assert routes.look_up(digest_of(new)) is None
    assert routes.look_up(digest_of(newest)) is not None


def test_a_revoked_token_leads_nowhere_and_stays_revoked(alice: User, now: datetime) -> None:
    strategy, secret = create(alice, now)
    token = strategy.webhook_tokens.get()
    services.revoke_webhook_token(token=token, now=now, actor=alice)
    assert routes.look_up(digest_of(secret)) is None
    with pytest.raises(Conflict):
        services.rotate_webhook(token=token, now=now, actor=alice)
    with pytest.raises(Conflict):
        services.update_webhook_token(token=token, fields={"label": "x"}, now=now, actor=alice)
    fresh = services.rotate_strategy_webhook(strategy=strategy, now=now, actor=alice)
    assert routes.look_up(digest_of(fresh)) is not None


def test_a_token_can_be_unbound_but_not_lead_to_somebody_else(
    alice: User, bob: User, now: datetime, strategy: Strategy
) -> None:
    theirs, _ = create(bob, now)
    for name in ("strategy", "default_strategy"):
        with pytest.raises(BadInput) as caught:
            services.create_webhook_token(owner=alice, fields={name: theirs}, now=now)
        assert caught.value.pointer == f"/{name}"
    token, secret = services.create_webhook_token(
        owner=alice, fields={"label": "all", "default_strategy": strategy}, now=now
    )
    route = routes.look_up(digest_of(secret))
    assert route is not None
    assert route.strategy is None
    assert route.strategy_for("breakOUT") == route.strategy_for("unknown")
    past = now - timedelta(days=1)
    with pytest.raises(BadInput):
        services.update_webhook_token(token=token, fields={"expires_at": past}, now=now, actor=bob)


# ---- starting ----


def test_one_step_from_nothing_to_a_filled_order(alice: User, now: datetime) -> None:
    kit = services.start_quickly(owner=alice, now=now)
    signal_id = services.send_test_alert(strategy=kit.strategy, now=now)
    drain_lane(kit.account.pk, clock=lambda: now)
    assert Signal.objects.get(pk=signal_id).status == "processed"
    order = Order.objects.get()
    assert (order.status, order.symbol) == ("filled", "BTCUSDT")
    assert kit.token_secret not in repr(kit)


def test_a_second_start_uses_what_is_there(alice: User, now: datetime) -> None:
    first = services.start_quickly(owner=alice, now=now)
    second = services.start_quickly(owner=alice, now=now)
    assert (second.account, second.risk_profile) == (first.account, first.risk_profile)
    assert second.strategy.name != first.strategy.name


def test_a_test_alert_passes_a_match_a_passphrase_and_a_symbol_list(
    alice: User, now: datetime, account: BrokerAccount, profile: RiskProfile
) -> None:
    strategy, _ = create(
        alice, now, match="Alpha", symbols=["AAPL"], webhook={"passphrase": "open sesame"}
    )
    services.subscribe(
        strategy=strategy, account=account, risk_profile=profile, now=now, actor=alice
    )
    services.send_test_alert(strategy=strategy, now=now)
    drain_lane(account.pk, clock=lambda: now)
    assert Order.objects.get().symbol == "AAPL"


def test_no_test_alert_for_real_money(
    alice: User, now: datetime, strategy: Strategy, account: BrokerAccount, profile: RiskProfile
) -> None:
    services.subscribe(
        strategy=strategy, account=account, risk_profile=profile, now=now, actor=alice
    )
    BrokerAccount.objects.update(environment="live")
    with pytest.raises(Conflict, match="live account"):
        services.send_test_alert(strategy=strategy, now=now)
    assert not Signal.objects.exists()
