"""The account doctor: what stands between an account and a filled order, line by line.

Reads only. A line that is not ok says what to do; one that is ok may still say what to know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from brokers.base import Broker
from brokers.errors import BrokerError
from brokers.models import BrokerAccount
from brokers.options import read_paper_options
from brokers.registry import connect
from tradehub.core.money import plain
from tradehub.core.words import BrokerKind
from tradehub.lib.clock import utc_now


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    ok: bool
    text: str
    what_to_do: str = ""


def examine(account: BrokerAccount, *, now: Callable[[], datetime] = utc_now) -> tuple[Line, ...]:
    lines = [_switched_on(account)]
    try:
        broker = connect(account, now=now)
        lines += [_balance(broker), _open_orders(broker)]
    except BrokerError as error:
        fix = "Mend what the text names, then check again."
        lines.append(Line("connection", False, f"{error.text} ({error.code})", fix))
    if account.kind == BrokerKind.PAPER:
        lines += _paper_lines(account)
    return tuple(lines)


def _switched_on(account: BrokerAccount) -> Line:
    if account.enabled:
        return Line("enabled", True, "The account takes orders.")
    fix = "Enable the account when entries should pass again."
    return Line("enabled", False, "The account is disabled: entries are denied.", fix)


def _balance(broker: Broker) -> Line:
    state = broker.account()
    worth, power = plain(state.equity), plain(state.buying_power)
    text = f"Equity {worth} {state.currency}, buying power {power} {state.currency}."
    if state.buying_power > 0:
        return Line("balance", True, text)
    return Line("balance", False, text, "Close something: there is no buying power for entries.")


def _open_orders(broker: Broker) -> Line:
    orders, positions = len(broker.open_orders()), len(broker.positions())
    return Line("holdings", True, f"{positions} positions, {orders} working orders.")


def _paper_lines(account: BrokerAccount) -> list[Line]:
    options = read_paper_options(account.options)
    if options.price_source == "synthetic":
        text = "Prices are made up (a seeded walk). Good for a demo, worthless as a test of a plan."
    else:
        text = "Prices are those that your alerts name: an alert without price can't be priced."
    lines = [Line("prices", True, text)]
    if not options.fee_percent and not options.slippage_percent:
        fix = "Set fee_percent and slippage_percent to what your broker and market cost."
        text = "No fee and no slippage: results will look better than live ones."
        lines.append(Line("costs", True, text, fix))
    return lines
