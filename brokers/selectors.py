"""Which broker accounts a user may see: their own."""

from django.db.models import QuerySet

from accounts.models import User
from brokers.models import BrokerAccount
from tradehub.core.errors import NotFound


def accounts_for(user: User) -> QuerySet[BrokerAccount]:
    """Disabled ones too."""
    return BrokerAccount.objects.filter(owner=user).order_by("-id")


def account_for(user: User, account_id: str) -> BrokerAccount:
    """Raises NotFound, also for somebody else's."""
    found = accounts_for(user).filter(pk=account_id).first()
    if found is None:
        raise NotFound
    return found
