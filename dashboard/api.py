"""REST that needs several apps: `trading-state/` and `status/`. The caller's own things only."""

import platform
from datetime import UTC, datetime
from typing import Any

import django
from drf_spectacular.utils import extend_schema
from redis import RedisError
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.api import ip_of
from accounts.idempotency import respond_once
from accounts.models import User
from brokers.models import BrokerAccount
from brokers.selectors import account_for
from dashboard.status import AccountStatus, account_statuses_for, queue_for
from orders import services as orders
from risk import services as risk
from risk.models import TradingState
from risk.selectors import states_for, trading_states_for
from signals.models import Strategy
from signals.selectors import strategy_for
from tradehub.core.errors import BadInput, NotFound
from tradehub.core.words import Scope, TradingStateName
from tradehub.lib import duties, heartbeat
from tradehub.lib.api import DecimalString, StrictSerializer
from tradehub.lib.clock import utc_now
from tradehub.lib.version import VERSION


class SwitchSerializer(StrictSerializer):
    scope = serializers.CharField(
        max_length=10, default=Scope.USER.value, help_text="site, user, account or strategy"
    )
    id = serializers.CharField(
        max_length=32, required=False, allow_null=True, help_text="the caller by default"
    )
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class StopSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class StateSerializer(serializers.Serializer[TradingState]):
    scope = serializers.CharField()
    id = serializers.CharField(source="scope_id")
    state = serializers.CharField()
    paused = serializers.BooleanField()
    reason = serializers.CharField()
    changed_at = serializers.DateTimeField()


class TradingStateSerializer(serializers.Serializer[Any]):
    """`state` is what counts for all of the caller's accounts; `scopes` holds every switch."""

    state = serializers.CharField()
    scopes = StateSerializer(many=True)


class StoppedSerializer(TradingStateSerializer):
    cancelling = serializers.ListField(child=serializers.CharField(), help_text="order ids")
    closing = serializers.ListField(child=serializers.CharField(), help_text="position ids")


class TradingStates(ViewSet):
    """The switches: active, reducing (no entries), halted (working entries cancelled too). Exits
    pass in all three; the strictest wins."""

    required_scopes = {
        "halt": "halt",
        "reduce": "halt",
        "resume": "halt",
        "emergency_stop": "halt",
    }

    @extend_schema(operation_id="trading_state_retrieve", responses=TradingStateSerializer)
    def list(self, request: Request) -> Response:
        return Response(_states(_user(request)))

    @extend_schema(request=SwitchSerializer, responses=TradingStateSerializer)
    @action(detail=False, methods=["post"])
    def halt(self, request: Request) -> Response:
        """No entries, and working entries are cancelled; exits pass."""
        orders.halt_trading(**_switch(request))
        return Response(_states(_user(request)))

    @extend_schema(request=SwitchSerializer, responses=TradingStateSerializer)
    @action(detail=False, methods=["post"])
    def reduce(self, request: Request) -> Response:
        """No entries; exits pass."""
        risk.reduce(**_switch(request))
        return Response(_states(_user(request)))

    @extend_schema(request=SwitchSerializer, responses=TradingStateSerializer)
    @action(detail=False, methods=["post"])
    def resume(self, request: Request) -> Response:
        """Entries are taken again. Needs a reason. What was cancelled stays cancelled."""
        risk.resume(**_switch(request))
        return Response(_states(_user(request)))

    @extend_schema(request=StopSerializer, responses=StoppedSerializer)
    @action(detail=False, methods=["post"], url_path="emergency-stop")
    def emergency_stop(self, request: Request) -> Response:
        """Halt, cancel all that works, close all that is held."""
        given = StopSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = _user(request)

        def work() -> Response:
            asked = orders.emergency_stop(
                owner=user,
                reason=given.validated_data["reason"] or "Emergency stop",
                actor=user,
                now=utc_now(),
                ip=ip_of(request),
            )
            return Response(_states(user) | asked)

        return respond_once(request, now=utc_now(), work=work)


def _switch(request: Request) -> risk.Switch:
    given = SwitchSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    user, said = _user(request), given.validated_data
    try:
        scope = Scope(said["scope"])
    except ValueError as error:
        raise BadInput(f"The scope is one of: {', '.join(Scope)}.", pointer="/scope") from error
    return risk.Switch(
        scope=scope,
        scope_id=_scope_id(user, scope, said.get("id")),
        reason=said["reason"],
        owner=None if scope is Scope.SITE else user,
        actor=user,
        now=utc_now(),
        ip=ip_of(request),
    )


def _scope_id(user: User, scope: Scope, named: str | None) -> str:
    """Of something that is the caller's; anything else is a 404."""
    if scope is Scope.SITE:
        return ""
    if scope is Scope.USER:
        if named and named != str(user.pk):
            raise NotFound
        return str(user.pk)
    if not named:
        raise BadInput(f"Say which {scope}.", code="MISSING_FIELD", pointer="/id")
    if scope is Scope.ACCOUNT:
        return str(account_for(user, named).pk)
    return str(strategy_for(user, named).pk)


def _states(user: User) -> dict[str, Any]:
    accounts = BrokerAccount.objects.filter(owner=user).values_list("pk", flat=True)
    strategies = Strategy.objects.filter(owner=user).values_list("pk", flat=True)
    rows = trading_states_for(user, account_ids=list(accounts), strategy_ids=list(strategies))
    return {
        "state": states_for(owner_id=user.pk).strictest.value,
        "scopes": [StateSerializer(each).data for each in rows.order_by("scope", "scope_id")],
    }


# ---- status ----


class LimitUseSerializer(serializers.Serializer[Any]):
    risk_profile = serializers.CharField()
    name = serializers.CharField()
    used = DecimalString(allow_null=True)
    limit = DecimalString()
    reached = serializers.BooleanField()


class StreamSerializer(serializers.Serializer[Any]):
    """The venue's stream of the account's orders."""

    connected = serializers.BooleanField()
    connected_at = serializers.DateTimeField(allow_null=True)
    heard_at = serializers.DateTimeField(
        allow_null=True, help_text="when it last told something of an order"
    )
    last_error = serializers.CharField(help_text="why it was last lost; empty: never")
    lost_at = serializers.DateTimeField(allow_null=True)


class CashReadingSerializer(serializers.Serializer[Any]):
    """How far the venue's own records (`cash-entries/`) are read."""

    begins_at = serializers.DateTimeField(
        allow_null=True, help_text="since when nothing is missing; null: nothing was read yet"
    )
    read_until = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="why the last reading was postponed; empty: it was not")


class AccountStatusSerializer(serializers.Serializer[AccountStatus]):
    account = serializers.CharField(source="summary.account.pk")
    # The stubs know `label` as an attribute of a field; here it is one.
    label = serializers.CharField(source="summary.account.label")  # type: ignore[assignment]  # see above
    state = serializers.CharField()
    active_positions = serializers.IntegerField()
    trades_today = serializers.IntegerField()
    daily_pnl = DecimalString(source="summary.todays_pnl", allow_null=True)
    equity = DecimalString(source="summary.equity", allow_null=True)
    can_trade_more = serializers.BooleanField()
    limits = LimitUseSerializer(many=True)
    stream = StreamSerializer(allow_null=True, help_text="null: nobody follows one")
    cash = CashReadingSerializer(allow_null=True, help_text="null: the venue keeps no records")
    error = serializers.CharField(source="summary.error", help_text="of the venue; empty: none")


class QueueSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField()
    held = serializers.IntegerField()
    parked = serializers.IntegerField()
    lag_seconds = serializers.FloatField(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    state = serializers.CharField()
    versions = serializers.DictField(child=serializers.CharField())
    heard_from = serializers.DictField(
        child=serializers.DateTimeField(allow_null=True),
        help_text="beat, and the worker of each queue; null: not within a minute",
    )
    duties = serializers.DictField(
        child=serializers.DateTimeField(allow_null=True),
        help_text="when each background duty was last done; null: not known",
    )
    duties_late = serializers.ListField(child=serializers.CharField())
    queue = QueueSerializer()
    accounts = AccountStatusSerializer(many=True)


class Status(APIView):
    """What the hub sees of itself and of the caller's accounts."""

    @extend_schema(responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        user, now = _user(request), utc_now()
        versions = {"tradehub": VERSION, "django": django.__version__}
        found: dict[str, Any] = {
            "at": now,
            "state": TradingStateName(states_for(owner_id=user.pk).strictest).value,
            "versions": versions | {"python": platform.python_version()},
            "heard_from": _heard_from(),
            **_duties(now),
            "queue": queue_for(user, now=now),
            "accounts": account_statuses_for(user, now=now),
        }
        return Response(StatusSerializer(found).data)


def _heard_from() -> dict[str, datetime | None]:
    try:
        heard = heartbeat.read()
    except RedisError:
        return dict.fromkeys(["beat", *heartbeat.QUEUES])
    return {
        name: None if moment is None else datetime.fromtimestamp(moment, UTC)
        for name, moment in {"beat": heard.beat, **heard.canaries}.items()
    }


def _duties(now: datetime) -> dict[str, Any]:
    try:
        done = duties.last_successes()
    except RedisError:
        done = dict.fromkeys(duties.LATE_AFTER)
    known = {duty: at for duty, at in done.items() if at is not None}
    late = duties.late(done, now=now, since=now)
    return {
        "duties": {
            duty: datetime.fromtimestamp(known[duty], UTC) if duty in known else None
            for duty in done
        },
        "duties_late": list(late),
    }


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # the permission lets nobody else in
    return request.user
