"""REST: `orders/`, `fills/` and `positions/`.

What makes an order is queued in the account's lane, which a worker drains; the answer waits a few
seconds for it. 201 is the order, 422 the rule that denied it, 202 "not decided yet" with where to
look. The Idempotency-Key covers the queuing, so a repeated request finds the same order.
"""

import time
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import respond_once
from accounts.models import User
from accounts.requests import ip_of, user_of
from brokers.models import BrokerAccount
from brokers.selectors import accounts_for
from orders import services
from orders.filters import FillFilter, OrderFilter, PositionFilter
from orders.lifecycle import ENDED
from orders.models import Fill, LaneItem, Order, Position
from orders.remaining import NOT_REPLACEABLE
from orders.reviewing import say_not_placed, say_placed
from orders.selectors import (
    PositionView,
    RequestResult,
    fills_for,
    order_for,
    orders_for,
    positions_for,
    request_result,
    with_marks,
)
from orders.serializers import (
    FillSerializer,
    ManualOrderSerializer,
    OrderSerializer,
    PositionSerializer,
    ReplaceSerializer,
    ReviewSerializer,
    UndecidedSerializer,
)
from tradehub.core.errors import BadInput, Conflict
from tradehub.core.words import OrderSource, OrderStatus, Outcome
from tradehub.lib.api import OwnedViewSet, refuse_fields
from tradehub.lib.clock import utc_now
from tradehub.lib.problems import CONTENT_TYPE, FieldError, problem_body
from tradehub.lib.request_id import request_id_of

WAIT_SECONDS = 3.0
"""How long an answer waits for the worker."""

_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same request with the same key is one order.",
)
_MADE = {201: OrderSerializer, 202: UndecidedSerializer}


class Orders(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Orders of alerts and of people, with their events and fills."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    required_scopes = {
        "create": "trade",
        "cancel": "trade",
        "replace": "trade",
        "refresh": "trade",
        "review": "trade",
    }

    def get_queryset(self) -> QuerySet[Order]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return orders_for(user_of(self.request))

    @extend_schema(request=ManualOrderSerializer, responses=_MADE, parameters=[_KEY])
    def create(self, request: Request) -> Response:
        """A manual order. It passes the same risk rules as an alert."""
        given = ManualOrderSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        fields = dict(given.validated_data)
        account = fields.pop("account", None) or _only_account(user_of(request))
        return _queue(
            request,
            lambda: services.place_manual_order(
                owner=user_of(request),
                account=account,
                fields=fields,
                now=utc_now(),
                actor=user_of(request),
                source=OrderSource.API if request.auth else OrderSource.MANUAL,
                ip=ip_of(request),
            ),
        )

    @extend_schema(
        responses={200: OrderSerializer, 202: UndecidedSerializer},
        parameters=[OpenApiParameter("item", OpenApiTypes.INT64, OpenApiParameter.PATH)],
    )
    @action(detail=False, url_path=r"requests/(?P<item>[0-9]{1,15})")
    def requests(self, request: Request, item: str) -> Response:
        """What became of a manual order or a close that was answered with 202."""
        return _result(request, request_result(user_of(request), int(item)), made=200)

    @extend_schema(request=None, responses={200: OrderSerializer, 202: OrderSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """200: it has ended, and may have filled meanwhile. 202: it is being cancelled."""
        user = user_of(request)
        order = order_for(user, pk)
        refuse_fields(request)
        services.cancel_order(order=order, actor=user, now=utc_now(), ip=ip_of(request))
        order = _until(lambda: order_for(user, pk), lambda each: each.status in ENDED)
        ended = order.status in ENDED
        return Response(OrderSerializer(order).data, status=200 if ended else 202)

    @extend_schema(
        request=ReplaceSerializer, responses=_MADE | {200: OrderSerializer}, parameters=[_KEY]
    )
    @action(detail=True, methods=["post"])
    def replace(self, request: Request, pk: str) -> Response:
        """Another price or quantity for a working order. 201: the order that takes its place; it
        asks for what is left. 200: it had filled as much, and its rest was cancelled. 409: it has
        ended, or can't be replaced."""
        user = user_of(request)
        order = order_for(user, pk)
        asked = ReplaceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return _queue(
            request,
            lambda: services.replace_order(
                order=order,
                fields=asked.validated_data,
                now=utc_now(),
                actor=user,
                source=OrderSource.API if request.auth else OrderSource.MANUAL,
                ip=ip_of(request),
            ),
        )

    @extend_schema(request=None, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, pk: str) -> Response:
        """Ask the venue about it now."""
        order = order_for(user_of(request), pk)
        refuse_fields(request)
        services.refresh_order(order=order)
        return Response(OrderSerializer(order_for(user_of(request), pk)).data)

    @extend_schema(request=ReviewSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: str) -> Response:
        """What became of an order with the reason NEEDS_REVIEW, by the word of its owner, who has
        looked at the venue. The venue is asked first: what it tells counts more (409)."""
        user = user_of(request)
        order = order_for(user, pk)
        said = ReviewSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        number, now, ip = said.validated_data["venue_order_id"], utc_now(), ip_of(request)
        if said.validated_data["placed"]:
            say_placed(order=order, venue_order_id=number, actor=user, now=now, ip=ip)
        elif number:
            text = "An order that is not there has no number there."
            raise BadInput(text, code="CONTRADICTORY_FIELDS", pointer="/venue_order_id")
        else:
            say_not_placed(order=order, actor=user, now=now, ip=ip)
        return Response(OrderSerializer(order_for(user, pk)).data)


class Fills(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Executions."""

    queryset = Fill.objects.all()
    serializer_class = FillSerializer
    filterset_class = FillFilter

    def get_queryset(self) -> QuerySet[Fill]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return fills_for(user_of(self.request))


class Positions(OwnedViewSet):
    """What is held; marks and unrealized P&L are null when no price is known."""

    queryset = Position.objects.all()
    serializer_class = PositionSerializer
    filterset_class = PositionFilter
    required_scopes = {"close": "trade"}

    def get_queryset(self) -> QuerySet[Position]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return positions_for(user_of(self.request)).select_related("account")

    @extend_schema(
        operation_id="positions_list",
        parameters=[OpenApiParameter("all", OpenApiTypes.BOOL, description="flat ones too")],
        responses=PositionSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        rows = self.filter_queryset(self.get_queryset())
        if request.query_params.get("all", "").lower() not in ("1", "true", "yes"):
            rows = rows.filter(is_open=True)
        page = self.paginate_queryset(rows)
        assert page is not None
        return self.get_paginated_response([_shown(each) for each in with_marks(list(page))])

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(_shown(with_marks([self.get_object()])[0]))

    @extend_schema(request=None, responses=_MADE, parameters=[_KEY])
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """An exit of all of it, at the market. For a part of it, place an order."""
        position = self.get_object()
        refuse_fields(request)
        return _queue(
            request,
            lambda: services.close_position(
                position=position, actor=user_of(request), now=utc_now(), ip=ip_of(request)
            ),
        )


def _shown(view: PositionView) -> Any:
    return PositionSerializer(view).data


# ---- what was asked, and what became of it ----


def _queue(request: Request, ask: Callable[[], LaneItem]) -> Response:
    """Queue it once, whatever is sent twice, and answer what became of it."""

    def work() -> Response:
        return Response({"item": str(ask().pk)}, status=status.HTTP_202_ACCEPTED)

    queued = respond_once(request, now=utc_now(), work=work)
    user, item = user_of(request), int(queued.data["item"])
    result = _until(
        lambda: request_result(user, item),
        _is_settled,
    )
    response = _result(request, result, made=201)
    for name, value in queued.items():
        response[name] = value
    return response


def _is_settled(result: RequestResult) -> bool:
    """A replacement waits for the order that it replaces."""
    if result.item.status == LaneItem.Status.QUEUED:
        return False
    order = result.order
    return order is None or order.replaces_id is None or order.status != OrderStatus.QUEUED


def _result(request: Request, result: RequestResult, *, made: int) -> Response:
    if result.item.kind == LaneItem.Kind.REPLACE:
        made = _replaced(result, made)
    if result.order is not None and _is_settled(result):
        return Response(OrderSerializer(result.order).data, status=made)
    if result.item.status == LaneItem.Status.PARKED:
        return _problem(request, "INTERNAL_ERROR", [])
    if not _is_settled(result) or result.decision is None:
        item = str(result.item.pk)
        url = request.build_absolute_uri(f"/api/v1/orders/requests/{item}/")
        return Response({"status": "queued", "item": item, "url": url}, status=202)
    if result.decision.outcome == Outcome.APPROVED:
        raise Conflict("The strategy runs dry on that account: it was approved, nothing was sent.")
    reasons = result.decision.reasons
    errors = [FieldError("", each["code"], each["message"]) for each in reasons]
    return _problem(request, reasons[0]["code"] if reasons else "CONFLICT", errors)


def _replaced(result: RequestResult, made: int) -> int:
    """The status of the answer. Raises Conflict where nothing was replaced."""
    decision, order = result.decision, result.order
    if decision is not None and decision.outcome == Outcome.NOTHING_TO_DO:
        (reason,) = decision.reasons
        raise Conflict(f"The order can't be replaced. {reason['message']}", code=reason["code"])
    if order is None:
        return made
    if order.reason == NOT_REPLACEABLE:
        raise Conflict(order.reason_text, code=order.reason)
    return status.HTTP_200_OK if order.replaces_id is None else made


def _problem(request: Request, code: str, errors: list[FieldError]) -> Response:
    """A rule's refusal: the first reason, with all of them in `errors`."""
    body = problem_body(
        code,
        request_id=request_id_of(request._request),
        detail=errors[0].detail if errors else "",
        status=422 if errors else None,
        errors=errors,
    )
    return Response(body, status=body["status"], content_type=CONTENT_TYPE)


def _until(look: Callable[[], Any], settled: Callable[[Any], bool]) -> Any:
    """Look again until it is settled or the time is over; what was seen last."""
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.01
    while not settled(found := look()) and time.monotonic() + pause < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return found


def _only_account(user: User) -> BrokerAccount:
    accounts = list(accounts_for(user)[:2])
    if len(accounts) != 1:
        raise BadInput("Say which account.", code="MISSING_FIELD", pointer="/account")
    return accounts[0]
