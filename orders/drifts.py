"""Drift: symbols of which the venue holds another quantity than we know of.

Written by `orders.reconciling`, under the account's lock. One difference may be news that is on its
way; only one that is seen again, unchanged and with nothing moving, is confirmed: it holds entries
of the symbol and tells the owner. It heals by itself once the books agree, or when the owner takes
the venue's number over.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from accounts import audit
from accounts.models import User
from brokers.models import BrokerAccount
from orders.models import Drift, Position
from orders.positions import adopt_quantity
from orders.reconciliation import Agreed, PositionDrift
from orders.recording import lock_account
from tradehub.core.errors import Conflict
from tradehub.core.money import EXACT, ZERO, plain
from tradehub.lib import live
from tradehub.lib.db import in_write_transaction
from tradehub.lib.prepared import Prepared

log = structlog.get_logger(__name__)

CONFIRM_AFTER = timedelta(seconds=2)
CODE = "SYMBOL_NOT_RECONCILED"


def drifting_symbols(account: BrokerAccount) -> set[str]:
    """Symbols whose entries wait: of these the venue holds something else than we know of."""
    return {symbol for (symbol,) in _CONFIRMED.rows(account=account.pk)}


_CONFIRMED = Prepared(
    lambda account: Drift.objects.filter(
        account_id=account, healed_at__isnull=True, confirmed_at__isnull=False
    ).values_list("symbol"),
    texts=["account"],
)


def note_drift(
    account: BrokerAccount, found: PositionDrift, *, looked_at: datetime, now: datetime
) -> Drift:
    """Inside the comparison's transaction. `looked_at`: when the venue began to be read."""
    drift = Drift.objects.filter(
        account=account, symbol=found.symbol, healed_at__isnull=True
    ).first()
    if drift is None:
        return Drift.objects.create(
            account=account,
            symbol=found.symbol,
            ours=found.ours,
            theirs=found.theirs,
            average_price=found.average_price,
            seen_at=now,
        )
    same = (drift.ours, drift.theirs) == (found.ours, found.theirs)
    if drift.confirmed_at is None:
        if not same or _moved_since(account, found.symbol, drift.seen_at):
            drift.seen_at = now
        elif looked_at - drift.seen_at >= CONFIRM_AFTER:
            drift.confirmed_at = now
            _shout(drift)
    drift.ours, drift.theirs = found.ours, found.theirs
    drift.average_price = found.average_price
    drift.save(update_fields=["ours", "theirs", "average_price", "seen_at", "confirmed_at"])
    return drift


def heal_drift(account: BrokerAccount, found: Agreed, *, now: datetime) -> None:
    """The books agree again."""
    rows = Drift.objects.filter(account=account, symbol=found.symbol, healed_at__isnull=True)
    confirmed = rows.filter(confirmed_at__isnull=False).exists()
    if rows.update(healed_at=now) and confirmed:
        log.info("drift_healed", account=account.pk, symbol=found.symbol)
        _tell(account, found.symbol)


def adopt_drifts(
    *,
    account: BrokerAccount,
    symbols: Iterable[str],
    actor: User,
    now: datetime,
    ip: str = "",
) -> list[Drift]:
    """The owner takes the venue's numbers over; entries of these symbols pass again.

    Raises Conflict for a symbol that does not differ (any more), or whose position here moved
    since it was compared: then the difference is not known."""
    wanted = sorted(set(symbols))

    def work() -> list[Drift]:
        lock_account(account.pk)
        rows = Drift.objects.filter(account=account, healed_at__isnull=True, symbol__in=wanted)
        found = {each.symbol: each for each in rows.filter(confirmed_at__isnull=False)}
        for symbol in wanted:
            if symbol not in found:
                text = f"{symbol} does not differ from the venue: there is nothing to take over."
                raise Conflict(text)
            _adopt(account, found[symbol], actor, now, ip)
        return [found[symbol] for symbol in wanted]

    return in_write_transaction(work)


def adopt_first(account: BrokerAccount, found: PositionDrift, *, now: datetime) -> None:
    """What an account held before TradeHub knew it."""
    change = EXACT.subtract(found.theirs, found.ours)
    price = found.average_price or ZERO
    adopt_quantity(account=account, symbol=found.symbol, change=change, price=price, now=now)
    log.info("position_adopted", account=account.pk, symbol=found.symbol)


def _adopt(account: BrokerAccount, drift: Drift, actor: User, now: datetime, ip: str) -> None:
    held = Position.objects.filter(account=account, symbol=drift.symbol)
    ours = sum(held.values_list("quantity", flat=True), ZERO)
    if ours != drift.ours:
        raise Conflict(
            f"The position in {drift.symbol} moved since it was compared: we held "
            f"{plain(drift.ours)} then and {plain(ours)} now. Sync the account and look again."
        )
    change = EXACT.subtract(drift.theirs, drift.ours)
    price = drift.average_price or ZERO
    adopt_quantity(account=account, symbol=drift.symbol, change=change, price=price, now=now)
    Drift.objects.filter(pk=drift.pk).update(healed_at=now)
    said: dict[str, Any] = {"symbol": drift.symbol, "ours": drift.ours, "theirs": drift.theirs}
    audit.record(
        owner=account.owner,
        actor=actor,
        action="position.adopted",
        target=account,
        data=said,
        now=now,
        ip=ip,
    )
    _tell(account, drift.symbol)


def _moved_since(account: BrokerAccount, symbol: str, since: datetime) -> bool:
    return Position.objects.filter(account=account, symbol=symbol, updated_at__gt=since).exists()


def _shout(drift: Drift) -> None:
    log.error(
        "position_differs",
        code=CODE,
        account=drift.account_id,
        symbol=drift.symbol,
        ours=plain(drift.ours),
        theirs=plain(drift.theirs),
    )
    _tell(drift.account, drift.symbol)


def _tell(account: BrokerAccount, symbol: str) -> None:
    """Open pages fetch their alarms anew."""
    live.notify(account.owner_id, "drift", account.pk, symbol=symbol)
