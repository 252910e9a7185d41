"""REST: `strategies/` with its accounts, `webhook-tokens/`, `signals/`. Thin doors to services."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ip_of
from accounts.models import User
from risk.selectors import paused_strategies
from signals import services
from signals.filters import SignalFilter
from signals.models import Signal, Strategy, Subscription, WebhookToken
from signals.parsing import ParseProblem
from signals.preview import preview_alert
from signals.selectors import (
    signals_for,
    strategies_for,
    strategy_for,
    subscriptions_for,
    webhook_tokens_for,
    webhooks_of,
)
from signals.serializers import (
    PreviewSerializer,
    RotatedSerializer,
    SignalSerializer,
    StrategyMadeSerializer,
    StrategySerializer,
    SubscriptionSerializer,
    WebhookTokenMadeSerializer,
    WebhookTokenSerializer,
)
from tradehub.core.errors import BadInput
from tradehub.lib.api import OwnedViewSet, refuse_fields
from tradehub.lib.clock import utc_now
from tradehub.lib.problems import CONTENT_TYPE, FieldError, problem_body
from tradehub.lib.request_id import request_id_of
from tradehub.lib.site import public_url


class Strategies(OwnedViewSet):
    """Strategies. Its webhook's URL is in the answers to creation and rotation, nowhere else."""

    queryset = Strategy.objects.all()
    serializer_class = StrategySerializer

    def get_queryset(self) -> QuerySet[Strategy]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return strategies_for(_user(self.request))

    @extend_schema(operation_id="strategies_list", responses=StrategySerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        assert page is not None
        shown = StrategySerializer(page, many=True, context=_context(page)).data
        return self.get_paginated_response(shown)

    def retrieve(self, request: Request, pk: str) -> Response:
        return _strategy_response(self.get_object())

    @extend_schema(request=StrategySerializer, responses={201: StrategyMadeSerializer})
    def create(self, request: Request) -> Response:
        given = StrategySerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        strategy, secret = services.create_strategy(
            owner=_user(request),
            fields=given.validated_data,
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
        )
        context = _context([strategy]) | _once(secret)
        return _private(StrategyMadeSerializer(strategy, context=context).data, 201)

    @extend_schema(request=StrategySerializer, responses=StrategySerializer)
    def update(self, request: Request, pk: str, partial: bool = False) -> Response:
        strategy = self.get_object()
        context = {"request": request}
        given = StrategySerializer(data=request.data, partial=partial, context=context)
        given.is_valid(raise_exception=True)
        services.update_strategy(
            strategy=strategy,
            fields=given.validated_data,
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
        )
        return _strategy_response(strategy)

    @extend_schema(request=StrategySerializer, responses=StrategySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk, partial=True)

    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_strategy(
            strategy=self.get_object(), now=utc_now(), actor=_user(request), ip=ip_of(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=RotatedSerializer)
    @action(detail=True, methods=["post"], url_path="webhook/rotate")
    def rotate(self, request: Request, pk: str) -> Response:
        """A new URL; the old one works on for an hour."""
        strategy = self.get_object()
        refuse_fields(request)
        secret = services.rotate_strategy_webhook(
            strategy=strategy, now=utc_now(), actor=_user(request), ip=ip_of(request)
        )
        url = services.webhook_url(public_url(), secret)
        return _private({"webhook_token": secret, "webhook_url": url}, 200)

    @extend_schema(request=None, responses=StrategySerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Alerts are taken, entries are denied, exits pass."""
        return self._switch(request, enabled=False)

    @extend_schema(request=None, responses=StrategySerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._switch(request, enabled=True)

    def _switch(self, request: Request, *, enabled: bool) -> Response:
        strategy = self.get_object()
        refuse_fields(request)
        services.set_strategy_enabled(
            strategy=strategy,
            enabled=enabled,
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
        )
        return _strategy_response(strategy)


class Subscriptions(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """The accounts that a strategy trades on, each under a risk profile."""

    queryset = Subscription.objects.all()
    serializer_class = SubscriptionSerializer

    def get_queryset(self) -> QuerySet[Subscription]:
        if getattr(self, "swagger_fake_view", False):
            return Subscription.objects.none()
        strategy = strategy_for(_user(self.request), self.kwargs["strategy_pk"])
        return subscriptions_for(_user(self.request)).filter(strategy=strategy)

    @extend_schema(request=SubscriptionSerializer, responses={201: SubscriptionSerializer})
    def create(self, request: Request, strategy_pk: str) -> Response:
        strategy = strategy_for(_user(request), strategy_pk)
        given = SubscriptionSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        subscription = services.subscribe(
            strategy=strategy,
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
            **given.validated_data,
        )
        return Response(SubscriptionSerializer(subscription).data, status=201)

    @extend_schema(request=SubscriptionSerializer, responses=SubscriptionSerializer)
    def partial_update(self, request: Request, strategy_pk: str, pk: str) -> Response:
        subscription = self.get_object()
        context = {"request": request}
        given = SubscriptionSerializer(data=request.data, partial=True, context=context)
        given.is_valid(raise_exception=True)
        changes = dict(given.validated_data)
        if changes.pop("account", subscription.account) != subscription.account:
            text = "The account of a subscription is fixed. Subscribe the other account instead."
            raise BadInput(text, pointer="/account")
        services.update_subscription(
            subscription=subscription,
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
            **changes,
        )
        return Response(SubscriptionSerializer(subscription).data)

    def destroy(self, request: Request, strategy_pk: str, pk: str) -> Response:
        services.unsubscribe(
            subscription=self.get_object(), now=utc_now(), actor=_user(request), ip=ip_of(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookTokens(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Webhook URLs. One that is bound to no strategy goes by the alert's `strategy` field."""

    queryset = WebhookToken.objects.all()
    serializer_class = WebhookTokenSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def get_queryset(self) -> QuerySet[WebhookToken]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return webhook_tokens_for(_user(self.request))

    @extend_schema(request=WebhookTokenSerializer, responses={201: WebhookTokenMadeSerializer})
    def create(self, request: Request) -> Response:
        token, secret = services.create_webhook_token(
            owner=_user(request),
            fields=_token_fields(request, partial=False),
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
        )
        return _private(WebhookTokenMadeSerializer(token, context=_once(secret)).data, 201)

    @extend_schema(request=WebhookTokenSerializer, responses=WebhookTokenSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        token = self.get_object()
        services.update_webhook_token(
            token=token,
            fields=_token_fields(request, partial=True),
            now=utc_now(),
            actor=_user(request),
            ip=ip_of(request),
        )
        return Response(WebhookTokenSerializer(token).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Revokes it: alerts to it are refused from now on."""
        services.revoke_webhook_token(
            token=self.get_object(), now=utc_now(), actor=_user(request), ip=ip_of(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=WebhookTokenMadeSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """A new URL; the old one works on for an hour."""
        token = self.get_object()
        refuse_fields(request)
        secret = services.rotate_webhook(
            token=token, now=utc_now(), actor=_user(request), ip=ip_of(request)
        )
        return _private(WebhookTokenMadeSerializer(token, context=_once(secret)).data, 200)


class Signals(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Every alert that arrived, with what became of it and why."""

    queryset = Signal.objects.all()
    serializer_class = SignalSerializer
    filterset_class = SignalFilter
    required_scopes = {"preview": "read"}

    def get_queryset(self) -> QuerySet[Signal]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return signals_for(_user(self.request))

    @extend_schema(
        parameters=[OpenApiParameter("strategy", OpenApiTypes.STR, required=True)],
        request={"application/json": OpenApiTypes.OBJECT, "text/plain": OpenApiTypes.STR},
        responses=PreviewSerializer,
        filters=False,
    )
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What an alert would become now. The body is the alert itself, byte for byte, whatever
        its content type. Nothing is stored, nothing is sent."""
        body = request._request.body
        strategy = _strategy_named(request)
        try:
            found = preview_alert(
                strategy=strategy,
                body=body,
                content_type=request.META.get("CONTENT_TYPE", ""),
                now=utc_now(),
            )
        except ParseProblem as problem:
            return _parse_problem(request, problem)
        return Response(found.to_json())


def _strategy_named(request: Request) -> Strategy:
    strategy_id = request.query_params.get("strategy", "")
    if not strategy_id or "\x00" in strategy_id:
        text = "Say under which strategy: ?strategy=ID."
        raise BadInput(text, code="MISSING_FIELD", pointer="/strategy")
    return strategy_for(_user(request), strategy_id)


def _parse_problem(request: Request, problem: ParseProblem) -> Response:
    body = problem_body(
        problem.code,
        request_id=request_id_of(request._request),
        detail=problem.detail,
        status=problem.http_status,
        errors=[FieldError(each.pointer, each.code, each.detail) for each in problem.errors],
    )
    return Response(body, status=body["status"], content_type=CONTENT_TYPE)


def _token_fields(request: Request, *, partial: bool) -> dict[str, Any]:
    context = {"request": request}
    given = WebhookTokenSerializer(data=request.data, partial=partial, context=context)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _strategy_response(strategy: Strategy) -> Response:
    return Response(StrategySerializer(strategy, context=_context([strategy])).data)


def _context(strategies: Iterable[Strategy]) -> dict[str, Any]:
    ids = [each.pk for each in strategies]
    return {"paused": paused_strategies(ids), "webhooks": webhooks_of(ids)}


def _once(secret: str) -> dict[str, str]:
    return {"secret": secret, "url": services.webhook_url(public_url(), secret)}


def _private(data: Mapping[str, Any], code: int) -> Response:
    """An answer with a secret in it: kept nowhere on its way."""
    response = Response(data, status=code)
    response["Cache-Control"] = "no-store"
    return response


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # the permission lets nobody else in
    return request.user
