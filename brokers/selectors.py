"""Which broker accounts a user may see: their own."""

from django.db.models import QuerySet

from accounts.models import User
from brokers.models import BrokerAccount, Examination
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


def others_at_venue(account: BrokerAccount, venue_account_id: str) -> QuerySet[BrokerAccount]:
    """Rows of anybody that stand for the same account at the venue."""
    rows = BrokerAccount.objects.filter(
        kind=account.kind, environment=account.environment, venue_account_id=venue_account_id
    )
    return rows.exclude(pk=account.pk)


def symbols_of(account: BrokerAccount) -> set[str]:
    """Canonical names that its strategies name: their allow-lists, as far as they are mapped."""
    rows = BrokerAccount.objects.filter(pk=account.pk, subscriptions__isnull=False)
    names = "subscriptions__strategy__symbols", "subscriptions__strategy__symbol_map"
    return {
        mapping.get(symbol, symbol)
        for symbols, mapping in rows.values_list(*names)
        for symbol in symbols
    }


def passed_accounts() -> QuerySet[BrokerAccount]:
    """Enabled ones whose key has passed the account doctor: what they tell is of the account."""
    return BrokerAccount.objects.filter(enabled=True, examination__passed=True)


def still_passes(account: BrokerAccount) -> bool:
    """With the key that it was loaded with, which may have been replaced since. Before what was
    told with it is kept."""
    rows = passed_accounts().filter(pk=account.pk, sealed_credentials=account.sealed_credentials)
    return rows.exists()


def examination_of(account: BrokerAccount) -> Examination | None:
    return Examination.objects.filter(pk=account.pk).first()
