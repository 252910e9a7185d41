"""The scripted venue's side: how it is set up, and its books in the words of the verdict."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from tests.chaos.traffic import PRICES, STEP
from tests.chaos.verdict import TheirBooks, TheirOrder
from tests.venue.control import Control, Entry

CASH = "1000000000"
SHOWN = 8


def open_accounts(control: Control, accounts: Mapping[str, str]) -> None:
    """`accounts`: the id policy of each key. One of them tells its news twice and out of order."""
    for symbol, price in PRICES.items():
        control.set_instrument(symbol, step=STEP, tick="0.01")
        control.set_quote(symbol, price)
    for number, (key, policy) in enumerate(accounts.items()):
        disorder = number % 3 == 2
        control.open_account(
            key, cash=CASH, id_policy=policy, duplicates=disorder, shuffled=disorder
        )


def read_books(control: Control, keys: Iterable[str]) -> TheirBooks:
    orders: list[TheirOrder] = []
    fills: dict[tuple[str, str], Decimal] = {}
    positions: dict[tuple[str, str], Decimal] = {}
    for key in keys:
        books = control.books(key)
        orders += [_order(key, each) for each in books.orders]
        fills |= {(key, each["id"]): Decimal(each["quantity"]) for each in books.fills}
        positions |= {(key, symbol): held for symbol, held in books.positions.items() if held}
    return TheirBooks(tuple(orders), fills, positions)


def heard_of(ledger: Sequence[Entry], account: str, client_order_id: str) -> list[str]:
    """The requests about an order, a line each: the first and the last."""
    lines = [
        f"{each.at:%H:%M:%S.%f} #{each.n} {each.operation} fault {each.fault} taken {each.taken} "
        f"{each.order_id or ''} {each.code or ''}"
        for each in ledger
        if (each.account, each.client_order_id) == (account, client_order_id)
    ]
    return lines if len(lines) <= 2 * SHOWN else [*lines[:SHOWN], "…", *lines[-SHOWN:]]


def _order(key: str, row: Mapping[str, str]) -> TheirOrder:
    return TheirOrder(
        id=row["id"],
        account=key,
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        type=row["type"],
        quantity=Decimal(row["quantity"]),
        filled=Decimal(row["filled_quantity"]),
        status=row["status"],
        reduce_only=bool(row["reduce_only"]),
    )
