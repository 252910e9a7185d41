"""The scripted exchange: accounts, instruments, quotes, and every command that changes them.

Pure: a command is a name, plain JSON arguments and a time, so that the same commands replayed
after a kill make the same books. Reading is done by `views`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.venue.books import ZERO, Books, IdPolicy, Order, Quote, Refused, Rules
from tests.venue.matching import advance
from tests.venue.money import cannot_pay

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,29}")
_NEEDED = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("limit_price", "stop_price"),
    "trailing_stop": (),
}
TIMES = ("day", "gtc", "ioc", "fok")


@dataclass(frozen=True, slots=True)
class Instrument:
    symbol: str
    step: Decimal = Decimal(1)
    tick: Decimal | None = None
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO


class Exchange:
    def __init__(self) -> None:
        self.accounts: dict[str, Books] = {}
        self.instruments: dict[str, Instrument] = {}
        self.quotes: dict[str, Quote] = {}
        self.default_price: Decimal | None = None

    def apply(self, command: str, arguments: Mapping[str, Any], now: datetime) -> Any:
        """Raises Refused; then nothing that can be seen has changed."""
        return COMMANDS[command](self, now, **arguments)

    def books(self, key: str) -> Books:
        if key not in self.accounts:
            raise Refused("BAD_KEY", "There is no account of this key.", status=401)
        return self.accounts[key]

    def instrument(self, symbol: str) -> Instrument | None:
        known = self.instruments.get(symbol)
        if known is None and _SYMBOL.fullmatch(symbol):
            return Instrument(symbol)
        return known

    def quote(self, symbol: str) -> Quote | None:
        known = self.quotes.get(symbol)
        price = self.default_price
        if known is None and price is not None and self.instrument(symbol) is not None:
            return Quote(symbol, price, price, price)
        return known

    def quotes_for(self, books: Books, *more: str) -> dict[str, Quote]:
        symbols = {*books.holdings, *more}
        symbols |= {each.symbol for each in books.orders.values() if each.working}
        found = {symbol: self.quote(symbol) for symbol in symbols}
        return {symbol: quote for symbol, quote in found.items() if quote is not None}

    # Commands: what the world does

    def open_account(
        self, now: datetime, *, key: str, cash: str = "100000", rules: Mapping[str, Any]
    ) -> None:
        self.accounts[key] = Books(key, number(cash), changed_rules(Rules(), rules))

    def set_rules(self, now: datetime, *, key: str, rules: Mapping[str, Any]) -> None:
        books = self.books(key)
        books.rules = changed_rules(books.rules, rules)

    def set_instrument(self, now: datetime, *, symbol: str, **values: str | None) -> None:
        read = {name: None if text is None else number(text) for name, text in values.items()}
        self.instruments[symbol] = Instrument(symbol, **read)  # type: ignore[arg-type]  # JSON

    def set_quote(
        self, now: datetime, *, symbol: str, bid: str, ask: str, last: str, age: float | None = None
    ) -> None:
        """`age`: how old it claims to be from now on; None is always fresh."""
        at = None if age is None else now - timedelta(seconds=age)
        # Not `number`: a venue may well send NaN.
        self.quotes[symbol] = Quote(symbol, Decimal(bid), Decimal(ask), Decimal(last), at)
        for books in self.accounts.values():
            advance(books, self.quotes_for(books), now)

    def set_default_price(self, now: datetime, *, price: str | None) -> None:
        self.default_price = None if price is None else number(price)

    # Commands: orders

    def submit(self, now: datetime, *, key: str, order: Mapping[str, Any]) -> str:
        """The venue's id of the new order."""
        books = self.books(key)
        fresh = _read_order(books, order, now)
        self._check(books, fresh)
        books.orders[fresh.id] = fresh
        advance(books, self.quotes_for(books, fresh.symbol), now)
        if fresh.working and fresh.time_in_force in ("ioc", "fok"):
            fresh.end("canceled", fresh.time_in_force.upper(), "It could not fill at once.", now)
        return fresh.id

    def cancel(self, now: datetime, *, key: str, order_id: str) -> str:
        order = self.find(key, order_id)
        if order.working:
            order.end("canceled", "CANCELED", "Cancelled on request.", now)
        return order.id

    # Commands: what happens by hand

    def fill(
        self, now: datetime, *, key: str, order_id: str, quantity: str, price: str | None = None
    ) -> str:
        """Also late, after a cancel. The new fill's id."""
        order = self.find(key, order_id)
        amount = number(quantity)
        if not ZERO < amount <= order.remaining:
            raise Refused("BAD_QUANTITY", f"{amount} of {order.remaining} can't fill.")
        if price is not None:
            return self.books(key).fill(order, amount, number(price), now).id
        quote = self.quote(order.symbol)
        if quote is None or not quote.usable:
            raise Refused("PRICE_MISSING", f"{order.symbol} has no price.")
        return self.books(key).fill(order, amount, quote.last, now).id

    def end_order(self, now: datetime, *, key: str, order_id: str, status: str) -> None:
        """Cancelled, expired or rejected by the venue, as seen from outside."""
        order = self.find(key, order_id)
        order.end(status, status.upper(), f"The venue has {status} it.", now)

    def change_position(
        self, now: datetime, *, key: str, symbol: str, change: str, price: str, visible: bool
    ) -> str | None:
        """By hand, signed; `visible` leaves an order and a fill, else it just is so."""
        books, amount = self.books(key), number(change)
        if not visible:
            books.move(symbol, amount, number(price), now)
            return None
        side = "buy" if amount > 0 else "sell"
        order = _by_hand(books, {"symbol": symbol, "side": side, "quantity": abs(amount)}, now)
        books.fill(order, order.quantity, number(price), now)
        return order.id

    def place_by_hand(self, now: datetime, *, key: str, order: Mapping[str, Any]) -> str:
        """An order that somebody placed at the venue's own site: it has no client id."""
        books = self.books(key)
        placed = _by_hand(books, order, now)
        advance(books, self.quotes_for(books, placed.symbol), now)
        return placed.id

    def find(self, key: str, order_id: str) -> Order:
        order = self.books(key).find(order_id)
        if order is None:
            raise Refused("UNKNOWN_ORDER", f"There is no order {order_id}.", status=404)
        return order

    def _check(self, books: Books, order: Order) -> None:
        instrument = self.instrument(order.symbol)
        if instrument is None:
            raise Refused("UNKNOWN_SYMBOL", f"{order.symbol!r} is not traded here.")
        if order.quantity <= 0 or order.quantity % instrument.step:
            raise Refused("BAD_QUANTITY", f"{order.symbol} trades in steps of {instrument.step}.")
        if order.quantity < instrument.min_quantity:
            raise Refused("BAD_QUANTITY", f"The least is {instrument.min_quantity}.")
        if order.reduce_only:
            order.quantity = min(order.quantity, books.reducible(order))
            if order.quantity <= 0:
                raise Refused("NOTHING_TO_REDUCE", "There is nothing that it could reduce.")
        held = books.held(order.symbol)
        if not books.rules.shorts and order.side == "sell" and order.quantity > held:
            raise Refused("SHORT_NOT_ALLOWED", f"{held} {order.symbol} is held.")
        quotes = self.quotes_for(books, order.symbol)
        problem = cannot_pay(books, order, quotes)
        if problem is not None:
            raise problem


def _read_order(books: Books, given: Mapping[str, Any], now: datetime) -> Order:
    """Raises Refused, before the order has touched anything."""
    client_id = given.get("client_order_id")
    if books.rules.id_policy is IdPolicy.NONE:
        client_id = None
    elif not client_id or not re.fullmatch(r"[A-Za-z0-9_-]{1,36}", client_id):
        raise Refused("BAD_CLIENT_ID", "A client order id has 1 to 36 letters and digits.")
    elif _taken(books, client_id):
        raise Refused(
            "DUPLICATE_CLIENT_ID",
            f"There is an order with the id {client_id}.",
            status=409,
            client_order_id=client_id,
        )
    order = _order_of(books, given, now)
    order.client_order_id = client_id
    for name in ("limit_price", "stop_price"):
        price = getattr(order, name)
        if (price is not None) != (name in _NEEDED[order.type]) or (
            price is not None and price <= 0
        ):
            raise Refused("BAD_PRICE", f"The {name} does not fit a {order.type} order.")
    trails = [each for each in (order.trail_percent, order.trail_offset) if each is not None]
    if len(trails) != (order.type == "trailing_stop") or any(each <= 0 for each in trails):
        raise Refused("BAD_PRICE", "A trailing stop, and nothing else, has one trail.")
    return order


def _taken(books: Books, client_id: str) -> bool:
    same = books.find(client_id)
    if same is None:
        return False
    return books.rules.id_policy is IdPolicy.UNIQUE_FOREVER or same.working


def _order_of(books: Books, given: Mapping[str, Any], now: datetime) -> Order:
    kind, side = given.get("type", "market"), given.get("side")
    tif = given.get("time_in_force", "gtc")
    if kind not in _NEEDED or side not in ("buy", "sell") or tif not in TIMES:
        raise Refused("BAD_FIELD", "type, side or time_in_force is a word unknown here.")
    return Order(
        id=f"V{books.next_number()}",
        client_order_id=None,
        symbol=str(given.get("symbol", "")),
        side=side,
        type=kind,
        time_in_force=tif,
        quantity=number(given.get("quantity", "")),
        created_at=now,
        updated_at=now,
        reduce_only=bool(given.get("reduce_only", False)),
        link=given.get("link"),
        limit_price=_optional(given, "limit_price"),
        stop_price=_optional(given, "stop_price"),
        trail_percent=_optional(given, "trail_percent"),
        trail_offset=_optional(given, "trail_offset"),
    )


def _optional(given: Mapping[str, Any], name: str) -> Decimal | None:
    return None if given.get(name) is None else number(given[name])


def _by_hand(books: Books, given: Mapping[str, Any], now: datetime) -> Order:
    order = _order_of(books, given, now)
    books.orders[order.id] = order
    return order


def number(text: Any) -> Decimal:
    try:
        read = Decimal(str(text))
    except InvalidOperation as error:
        raise Refused("BAD_FIELD", f"{str(text)[:40]!r} is no number.") from error
    if not read.is_finite():
        raise Refused("BAD_FIELD", f"{str(text)[:40]!r} is no finite number.")
    return read


_RULE_NAMES = tuple(each.name for each in fields(Rules))


def changed_rules(rules: Rules, changes: Mapping[str, Any]) -> Rules:
    values = {name: getattr(rules, name) for name in _RULE_NAMES}
    for name, value in changes.items():
        if name not in values:
            raise Refused("BAD_FIELD", f"There is no rule {name!r}.")
        values[name] = _RULE_READERS.get(name, lambda each: each)(value)
    return Rules(**values)


_RULE_READERS: dict[str, Callable[[Any], Any]] = {
    "id_policy": IdPolicy,
    "leverage": number,
    "fee_percent": number,
}

COMMANDS: dict[str, Callable[..., Any]] = {
    "open_account": Exchange.open_account,
    "set_rules": Exchange.set_rules,
    "set_instrument": Exchange.set_instrument,
    "set_quote": Exchange.set_quote,
    "set_default_price": Exchange.set_default_price,
    "submit": Exchange.submit,
    "cancel": Exchange.cancel,
    "fill": Exchange.fill,
    "end_order": Exchange.end_order,
    "change_position": Exchange.change_position,
    "place_by_hand": Exchange.place_by_hand,
}
"""What is written to the journal and replayed."""
