"""One account's books at the scripted venue: orders, fills, holdings, cash.

Pure: time and prices come in. Written apart from the paper venue, so that a mistake of ours is
never its own judge. What hides an order for a while (`Rules`) is applied in `views`, not here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Refused(Exception):
    """The venue's certain no, as its error body says it."""

    def __init__(self, code: str, text: str, *, status: int = 400, **more: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.more = more


class IdPolicy(StrEnum):
    """What a client order id is good for here; the words of `brokers.types.ClientIds`."""

    UNIQUE_FOREVER = "unique_forever"
    UNIQUE_WHILE_OPEN = "unique_while_open"
    NONE = "none"


@dataclass(slots=True)
class Rules:
    """How the venue treats one account. Lags are seconds during which something stays unseen."""

    id_policy: IdPolicy = IdPolicy.UNIQUE_FOREVER
    shorts: bool = True
    leverage: Decimal = Decimal(1)
    fee_percent: Decimal = ZERO
    fills_by_hand: bool = False
    """Nothing fills by itself, market orders neither."""
    order_lag: float = 0
    fill_lag: float = 0
    position_lag: float = 0
    duplicates: bool = False
    """Lists carry everything twice, an order's second copy as it was accepted."""
    shuffled: bool = False
    """Lists come newest first, so that news is out of order."""
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Quote:
    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime | None = None
    """None: always fresh."""

    @property
    def usable(self) -> bool:
        return all(each.is_finite() and each > 0 for each in (self.bid, self.ask, self.last))


@dataclass(frozen=True, slots=True)
class Fill:
    id: str
    order_id: str
    client_order_id: str | None
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime


@dataclass(slots=True)
class Order:
    id: str
    client_order_id: str | None
    symbol: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    created_at: datetime
    updated_at: datetime
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    trail_offset: Decimal | None = None
    reduce_only: bool = False
    link: str | None = None
    status: str = "open"
    filled: Decimal = ZERO
    triggered: bool = False
    best: Decimal | None = None
    code: str | None = None
    text: str | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def working(self) -> bool:
        return self.status in ("open", "partially_filled")

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def ladder(self) -> tuple[str, bool]:
        """Orders of one link, side and kind add up; the others are alternatives."""
        return self.side, self.type == "limit"

    def end(self, status: str, code: str, text: str, now: datetime) -> None:
        self.status, self.code, self.text, self.updated_at = status, code, text, now


@dataclass(frozen=True, slots=True)
class Holding:
    quantity: Decimal
    average: Decimal

    def after(self, change: Decimal, price: Decimal) -> "Holding":
        total = self.quantity + change
        if not self.quantity or self.quantity * change > 0:
            cost = self.quantity * self.average + change * price
            return Holding(total, cost / total if total else price)
        if total * self.quantity >= 0:
            return Holding(total, self.average)
        return Holding(total, price)


@dataclass(slots=True)
class Books:
    key: str
    cash: Decimal
    rules: Rules
    orders: dict[str, Order] = field(default_factory=dict)
    """By the venue's own id, oldest first."""
    fills: list[Fill] = field(default_factory=list)
    holdings: dict[str, Holding] = field(default_factory=dict)
    moves: list[tuple[datetime, str, Decimal]] = field(default_factory=list)
    numbers: int = 0

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def held(self, symbol: str) -> Decimal:
        holding = self.holdings.get(symbol)
        return holding.quantity if holding else ZERO

    def find(self, order_id: str) -> Order | None:
        """By the venue's id, else the newest with that client id."""
        if order_id in self.orders:
            return self.orders[order_id]
        mine = [each for each in self.orders.values() if each.client_order_id == order_id]
        return mine[-1] if mine else None

    def reducible(self, order: Order) -> Decimal:
        """How much of it would only bring the holding nearer to zero."""
        held = self.held(order.symbol)
        return abs(held) if held * order.sign < 0 else ZERO

    def fill(self, order: Order, quantity: Decimal, price: Decimal, now: datetime) -> Fill:
        """Books a fill, on an ended order too: a late one changes what is held, not its status."""
        fee = quantity * price * self.rules.fee_percent / 100
        fill = Fill(
            f"F{self.next_number()}", order.id, order.client_order_id, order.symbol, order.side,
            quantity, price, fee, now,
        )  # fmt: skip
        order.filled += quantity
        order.fills.append(fill)
        order.updated_at = now
        if order.working:
            order.status = "filled" if order.remaining <= 0 else "partially_filled"
        self.fills.append(fill)
        self.move(order.symbol, quantity * order.sign, price, now)
        self.cash -= fee
        self._shrink_siblings(order, quantity, now)
        return fill

    def move(self, symbol: str, change: Decimal, price: Decimal, now: datetime) -> None:
        after = self.holdings.get(symbol, Holding(ZERO, ZERO)).after(change, price)
        self.holdings[symbol] = after
        if not after.quantity:
            del self.holdings[symbol]
        self.cash -= change * price
        self.moves.append((now, symbol, change))

    def _shrink_siblings(self, filled: Order, quantity: Decimal, now: datetime) -> None:
        """One cancels the other: what one ladder of a link fills, the others lose."""
        if filled.link is None:
            return
        ladders: dict[tuple[str, bool], list[Order]] = {}
        for each in self.orders.values():
            if each.link == filled.link and each.working and each.ladder != filled.ladder:
                ladders.setdefault(each.ladder, []).append(each)
        for ladder in ladders.values():
            excess = sum((each.remaining for each in ladder), ZERO) - self._left(filled)
            excess = min(excess, quantity)
            for order in reversed(ladder):
                taken = min(max(excess, ZERO), order.remaining)
                excess -= taken
                if taken and taken == order.remaining:
                    order.end("canceled", "LINKED_FILLED", "What it is linked with filled.", now)
                elif taken:
                    order.quantity -= taken
                    order.updated_at = now

    def _left(self, filled: Order) -> Decimal:
        same = [
            each
            for each in self.orders.values()
            if each.link == filled.link and each.ladder == filled.ladder and each.working
        ]
        return sum((each.remaining for each in same), ZERO)
