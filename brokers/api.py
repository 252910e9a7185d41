"""REST: `broker-accounts/` and `quotes/`. Thin doors to services; the caller's accounts only."""

import re

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.recent import require_password
from accounts.requests import ip_of, user_of
from brokers import services
from brokers.errors import BrokerError
from brokers.examining import examine_for_page
from brokers.models import BrokerAccount
from brokers.registry import connect
from brokers.selectors import account_for, accounts_for
from brokers.serializers import (
    AccountChangeSerializer,
    BrokerAccountSerializer,
    CheckSerializer,
    NewAccountSerializer,
    QuoteSerializer,
)
from tradehub.core.errors import BadInput, Conflict, NotFound
from tradehub.core.symbols import BadSymbol, parse_symbol
from tradehub.lib.api import ID_PATTERN, OwnedViewSet, refuse_fields
from tradehub.lib.clock import utc_now


class BrokerAccounts(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """Accounts at brokers. Credentials can be written, never read."""

    queryset = BrokerAccount.objects.select_related("examination")
    serializer_class = BrokerAccountSerializer
    required_scopes = {"check": "read"}

    @extend_schema(request=NewAccountSerializer, responses={201: BrokerAccountSerializer})
    def create(self, request: Request) -> Response:
        given = NewAccountSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if services.is_going_live(**given.validated_data):
            require_password(request, now=utc_now())
        account = services.create_account(
            owner=user_of(request), now=utc_now(), ip=ip_of(request), **given.validated_data
        )
        shown = BrokerAccountSerializer(account).data
        return Response(shown, status=status.HTTP_201_CREATED)

    @extend_schema(request=AccountChangeSerializer, responses=BrokerAccountSerializer)
    def update(self, request: Request, pk: str, partial: bool = False) -> Response:
        account = self.get_object()
        given = AccountChangeSerializer(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        changes = dict(given.validated_data)
        for name in ("kind", "environment"):
            if changes.pop(name, getattr(account, name)) != getattr(account, name):
                raise BadInput(
                    f"The {name} of an account is fixed. Open another account.", pointer=f"/{name}"
                )
        if services.is_delicate(account, **changes):
            require_password(request, now=utc_now())
        services.update_account(
            account=account, now=utc_now(), actor=user_of(request), ip=ip_of(request), **changes
        )
        return Response(BrokerAccountSerializer(account).data)

    @extend_schema(request=AccountChangeSerializer, responses=BrokerAccountSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        return self.update(request, pk, partial=True)

    def destroy(self, request: Request, pk: str) -> Response:
        services.delete_account(
            account=self.get_object(), actor=user_of(request), now=utc_now(), ip=ip_of(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=CheckSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        """The account doctor: what works, what doesn't, what to do."""
        account = self.get_object()
        refuse_fields(request)
        return Response(CheckSerializer(examine_for_page(account)).data)


class Quotes(APIView):
    """The price of a symbol as one account's venue has it now."""

    @extend_schema(
        parameters=[
            OpenApiParameter("symbol", required=True),
            OpenApiParameter("account", description="May be left out by a user of one account."),
        ],
        responses=QuoteSerializer,
    )
    def get(self, request: Request) -> Response:
        symbol = _symbol(request.query_params.get("symbol", ""))
        account = _account(request, request.query_params.get("account", ""))
        try:
            quote = connect(account).quote(symbol)
        except BrokerError as error:
            raise Conflict(error.text, code=error.code) from error
        if quote is None:
            raise NotFound(f"No price of {symbol} is known at the account {account.label!r}.")
        return Response(QuoteSerializer(quote).data)


def _symbol(text: str) -> str:
    if not text:
        raise BadInput("Say which symbol.", code="MISSING_FIELD", pointer="/symbol")
    try:
        return parse_symbol(text).name
    except BadSymbol as error:
        raise BadInput(f"This is {error}.", pointer="/symbol") from error


def _account(request: Request, account_id: str) -> BrokerAccount:
    if account_id:
        if not re.fullmatch(ID_PATTERN, account_id):
            raise NotFound
        return account_for(user_of(request), account_id)
    only = list(accounts_for(user_of(request))[:2])
    if len(only) != 1:
        raise BadInput("Say which account.", code="MISSING_FIELD", pointer="/account")
    return only[0]
