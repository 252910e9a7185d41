"""REST: an account's `summary/` and `sync/`: what its venue says of it now, and a comparison."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.requests import ip_of, user_of
from brokers.models import BrokerAccount
from brokers.selectors import account_for
from orders.drifts import adopt_drifts
from orders.reconciliation import OrderNews
from orders.reconciling import reconcile_now
from orders.selectors import account_summary, positions_for, reconciliation_of, with_marks
from orders.serializers import SummarySerializer, SyncAskedSerializer, SyncSerializer
from orders.syncing import sync_account
from tradehub.lib.clock import utc_now


class AccountSummaryView(APIView):
    """What the venue says of an account now, and what is held there."""

    @extend_schema(operation_id="broker_accounts_summary", responses=SummarySerializer)
    def get(self, request: Request, pk: str) -> Response:
        user = user_of(request)
        return Response(_summary(user, account_for(user, pk)))


class AccountSync(APIView):
    """Compare an account with its venue now; if asked, take the venue's numbers over."""

    action = "sync"
    required_scopes = {"sync": "trade"}

    @extend_schema(
        operation_id="broker_accounts_sync", request=SyncAskedSerializer, responses=SyncSerializer
    )
    def post(self, request: Request, pk: str) -> Response:
        user = user_of(request)
        account = account_for(user, pk)
        asked = SyncAskedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        moved = sync_account(account)
        found = reconcile_now(account)
        moved += sum(isinstance(each, OrderNews) for each in found.findings)
        symbols = asked.validated_data["adopt"]
        if symbols:
            adopt_drifts(
                account=account, symbols=symbols, actor=user, now=utc_now(), ip=ip_of(request)
            )
        return Response({"orders_moved": moved, "summary": _summary(user, account)})


def _summary(user: User, account: BrokerAccount) -> Any:
    rows = positions_for(user).filter(account=account, is_open=True).select_related("account")
    context = {
        "positions": with_marks(list(rows)),
        "reconciliation": reconciliation_of(account),
    }
    return SummarySerializer(account_summary(account), context=context).data
