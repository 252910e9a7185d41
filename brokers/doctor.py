"""The account doctor: what stands between an account and a filled order, line by line.

Asks the venue and changes nothing, here or there; `brokers.examining` keeps what was found. A line
that is not ok says what to do; one that is ok may still say what to know. The venue's own lines
come from the module `doctor` beside its adapter (`brokers.registry.venue_lines`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError

from brokers.base import Broker
from brokers.budget import ahead, at
from brokers.budgeting import Priority
from brokers.errors import (
    AnotherAccount,
    BadCredentials,
    BrokerError,
    RateLimited,
    Unsupported,
)
from brokers.kinds import KINDS
from brokers.models import BrokerAccount
from brokers.registry import begin_look, connect, learn_symbols, look_weight, venue_lines
from brokers.selectors import others_at_venue, symbols_of
from brokers.types import AccountState, Instrument, Line
from tradehub.core.money import plain
from tradehub.core.words import Environment
from tradehub.lib.clock import utc_now
from tradehub.lib.crypto import SealBroken

__all__ = ["Line", "Look", "examine", "look_at"]

MOST_SYMBOLS = 20
CHECK_AGAIN = "Mend what the text names, then check again."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    lines: tuple[Line, ...]
    complete: bool
    """False: the venue did not answer, so nothing was proven."""
    venue_account_id: str = ""
    held_for: float = 0.0
    """Seconds for which the venue's rate has no room for it."""

    @property
    def hindrances(self) -> list[Line]:
        """What keeps entries from being sent."""
        return [line for line in self.lines if _hinders(line)]


def examine(account: BrokerAccount, *, now: Callable[[], datetime] = utc_now) -> tuple[Line, ...]:
    return look_at(account, now=now).lines


def look_at(account: BrokerAccount, *, now: Callable[[], datetime] = utc_now) -> Look:
    """An account trades when it has passed, so its look goes before the comparisons of others. It
    begins only where the rate has room for all of it: half of it would prove nothing."""
    with at(Priority.NORMAL):
        return _look(account, now)


def _look(account: BrokerAccount, now: Callable[[], datetime]) -> Look:
    found = [_switched_on(account)]
    complete, identity, held_for = True, "", 0.0
    try:
        broker = connect(account, now=now)
        begin_look(account, broker)
        with ahead(look_weight(account, broker)):
            state = broker.account()
        identity = state.venue_account_id
        found += [*_identity(account, identity), _balance(state)]
        more = _of_symbols(account, broker)
        found += [_holdings(broker, hindered=any(map(_hinders, [*found, *more]))), *more]
    except SealBroken:
        found.append(_unopened())
    except AnotherAccount as error:
        found.append(_changed(error.text))
    except BrokerError as error:
        complete = isinstance(error, BadCredentials | Unsupported)
        held_for = error.retry_after if isinstance(error, RateLimited) else 0.0
        found.append(_connection(account, error, proven=complete))
    except DatabaseError:
        raise
    except Exception as error:  # an adapter that breaks is a finding too, and proves nothing
        log.exception("account_check_broke", account=account.pk, error=type(error).__name__)
        complete = False
        text = "The check broke inside TradeHub; its log says more."
        found.append(Line("connection", False, text, "Tell the operator.", code="INTERNAL_ERROR"))
    return Look(tuple(found), complete, identity, held_for)


def _connection(account: BrokerAccount, error: BrokerError, *, proven: bool) -> Line:
    """`proven`: asking again changes nothing. The venue's own words end as they like."""
    said = error.text if error.text.endswith((".", "!", "?")) else f"{error.text}."
    if isinstance(error, Unsupported):
        text, fix = said, CHECK_AGAIN
    elif isinstance(error, RateLimited):
        text, fix = said, "Nothing is wrong with the key. It is checked again by itself."
    elif isinstance(error, BadCredentials):
        text, fix = _refused_key(account, said)
    else:
        text, fix = _unreached(account, said)
    return Line("connection", False, text, fix, hard=proven, code=error.code)


def _refused_key(account: BrokerAccount, said: str) -> tuple[str, str]:
    kind, where = KINDS[account.kind], _where(account)
    fix = (
        f"Press New key and enter key and secret as {kind.venue} made them for {where}, of an "
        "account of this kind. A key of the other environment is refused in the same words, as "
        "is one that is bound to another address."
    )
    return f"{kind.title} ({where}) can't be used with this key: {said}", fix


def _unreached(account: BrokerAccount, said: str) -> tuple[str, str]:
    kind = KINDS[account.kind]
    fix = (
        "Nothing is known to be wrong with the key, and it is checked again by itself. If it stays "
        f"so, look whether this server reaches {kind.venue}, and whether {kind.venue} is at work."
    )
    return f"{kind.title} ({_where(account)}) did not tell what was asked: {said}", fix


def _where(account: BrokerAccount) -> str:
    if account.environment == Environment.LIVE:
        return "live"
    return KINDS[account.kind].test_words or "test"


def taken(identity: str) -> Line:
    """The same account at the venue, opened here a second time."""
    return Line(
        "identity",
        False,
        f"The venue's account {identity} is connected to this hub already, by another account "
        "here. Each of the two would count what the other trades as its own.",
        "Trade on the other account here, or delete it if it never had an order; check again then.",
        hard=True,
        code="VENUE_ACCOUNT_TAKEN",
    )


def _switched_on(account: BrokerAccount) -> Line:
    if account.enabled:
        return Line("enabled", True, "The account takes orders.")
    fix = "Enable the account when entries should pass again."
    return Line("enabled", False, "The account is disabled: entries are denied.", fix)


def _identity(account: BrokerAccount, identity: str) -> list[Line]:
    if not identity:
        return []
    if account.venue_account_id and account.venue_account_id != identity:
        text = (
            f"This key belongs to the venue's account {identity}; the row was opened for "
            f"{account.venue_account_id}. What both hold would be mixed."
        )
        return [_changed(text)]
    if others_at_venue(account, identity).exists():
        return [taken(identity)]
    return [Line("identity", True, f"The venue's account {identity}, connected once.")]


def _changed(text: str) -> Line:
    fix = "Enter a key of the first one, or open another account here for this key."
    return Line("identity", False, text, fix, hard=True, code=AnotherAccount.code)


def _balance(state: AccountState) -> Line:
    worth, power = plain(state.equity), plain(state.buying_power)
    text = f"Equity {worth} {state.currency}, buying power {power} {state.currency}."
    if state.buying_power > 0:
        return Line("balance", True, text)
    return Line("balance", False, text, "Close something: there is no buying power for entries.")


def _holdings(broker: Broker, *, hindered: bool) -> Line:
    """What hinders the account may hinder this too, and is proven whatever is told of this."""
    try:
        orders, positions = len(broker.open_orders()), len(broker.positions())
    except BrokerError as error:
        if not hindered:
            raise
        text = f"What it holds and what works there could not be read: {error.text}"
        return Line("holdings", False, text, CHECK_AGAIN, code=error.code)
    return Line("holdings", True, f"{positions} positions, {orders} working orders.")


def _hinders(line: Line) -> bool:
    return line.hard and not line.ok


def _of_symbols(account: BrokerAccount, broker: Broker) -> list[Line]:
    """Of those that its strategies name, and with the account what the venue's own part finds."""
    every = sorted(symbols_of(account))
    named = every[:MOST_SYMBOLS]
    learn_symbols(account, broker, named)
    found = {each: broker.instrument(each) for each in named}
    lines = _not_traded(found)
    if len(every) > len(named):
        text = f"Of {len(every)} symbols that strategies name {len(named)} were looked at."
        lines.append(Line("symbols", True, text))
    traded = {name: each for name, each in found.items() if each and each.tradable}
    return lines + venue_lines(account, broker, traded)


def _not_traded(found: Mapping[str, Instrument | None]) -> list[Line]:
    """`venue_lines` tells of the others."""
    unknown = [symbol for symbol, each in found.items() if each is None]
    locked = {each.symbol: each.locked_as for each in found.values() if each and not each.tradable}
    lines = []
    if unknown:
        text = f"The venue does not trade {', '.join(unknown)}, which a strategy names."
        fix = "Correct the strategy's symbols, or map them to the venue's in its symbol_map."
        lines.append(Line("symbols", False, text, fix, code="SYMBOL_UNKNOWN"))
    if locked:
        lines.append(_locked(locked))
    return lines


def _locked(symbols: Mapping[str, str]) -> Line:
    """The venue knows them and takes no orders of them."""
    named = [f"{symbol} ({word})" if word else symbol for symbol, word in symbols.items()]
    text = f"The venue takes no orders now of {', '.join(named)}, which a strategy names."
    fix = (
        "Entries of it are denied, and the venue may refuse exits too, until it trades again. Ask "
        "the venue why; if it stays so, take the symbol from the strategy."
    )
    return Line("locked_symbols", False, text, fix, code="MARKET_CLOSED")


def _unopened() -> Line:
    text = "The stored credentials can't be opened: their key is not in FIELD_ENCRYPTION_KEYS."
    fix = "Restore that key and run `manage.py rotate_keys`, or enter the credentials again."
    return Line("credentials", False, text, fix, hard=True)
