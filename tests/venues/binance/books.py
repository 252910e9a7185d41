"""The books of the Binance fake: markets, balances with what is locked, orders, trades.

Pure: time and prices come in. Written apart from the adapter and from the paper venue, so that a
mistake of ours is never its own judge. Order and trade numbers are counted for each symbol, as
there; a fee of a buy is taken from what was bought.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.venues.binance import engine

ZERO = Decimal(0)
WORKING = engine.WORKING


class Refused(Exception):
    """The venue's certain no, as its error body says it."""

    def __init__(self, code: int, text: str, *, status: int = 400, data: Any = None) -> None:
        super().__init__(text)
        self.data = data
        self.code = code
        self.text = text
        self.status = status


@dataclass(slots=True)
class Market(engine.Market):
    types: tuple[str, ...] = (
        "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
        "TAKE_PROFIT_LIMIT",
    )  # fmt: skip
    oco: bool = True
    trails: bool = True
    lists: int = 0
    """Order lists so far."""
    permission_sets: tuple[tuple[str, ...], ...] = (("SPOT",),)
    """An account places orders with one of each."""
    average: Decimal | None = None
    """Of the past minutes; None for the last price."""
    reference: Decimal | None = None


@dataclass(slots=True)
class Balance:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True)
class Trade:
    id: int
    order_id: int
    symbol: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime
    buyer: bool
    maker: bool


@dataclass(slots=True)
class Order(engine.Order):
    stop_price: Decimal = ZERO
    delta: int = 0
    """Of one that trails: by how many hundredths of a percent."""
    best: Decimal = ZERO
    """And the best price since it was placed."""
    triggered: bool = False
    lock: tuple[str, Decimal] = ("", ZERO)
    list_id: int = -1
    other: "Order | None" = field(default=None, repr=False)
    """In one order list with it."""
    trades: list[Trade] = field(default_factory=list)

    @property
    def conditional(self) -> bool:
        return self.stop_price > 0 or self.delta > 0

    def follow(self, last: Decimal) -> None:
        better = last < self.best if self.buys else last > self.best
        if not self.best or better:
            self.best = last


@dataclass(slots=True)
class Account:
    key: str
    secret: str
    uid: int
    balances: dict[str, Balance] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    fee_percent: Decimal = Decimal("0.1")
    pays_in_bnb: bool = False
    can_trade: bool = True
    can_withdraw: bool = False
    ip_restricted: bool = True
    permissions: tuple[str, ...] = ("SPOT",)
    order_lag: float = 0
    """Seconds during which a new order is denied when it is asked for."""
    lean_answers: bool = False
    """FULL answers come without their trades."""

    def balance(self, asset: str) -> Balance:
        return self.balances.setdefault(asset, Balance())

    def find(
        self, symbol: str, *, order_id: int | None = None, client_id: str = ""
    ) -> Order | None:
        """The newest that fits."""
        return engine.newest(self.orders, symbol, order_id, client_id)

    def trades(self, symbol: str) -> list[Trade]:
        return engine.of_symbol((each for order in self.orders for each in order.trades), symbol)


class Books:
    def __init__(self) -> None:
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}

    def place(self, account: Account, order: Order, now: datetime) -> None:
        """`order` is checked already, but for what the engine itself checks. Raises Refused."""
        market = self.markets[order.symbol]
        same = account.find(order.symbol, client_id=order.client_id)
        if same is not None and same.working:
            raise Refused(-2010, "Duplicate order sent.")
        order.follow(market.last)
        if order.conditional and _reached(order, market.last):
            raise Refused(-2010, "Order would trigger immediately.")
        if order.type == "LIMIT_MAKER" and order.within(market):
            raise Refused(-2010, "Order would immediately match and take.")
        self._lock(account, order, market)
        order.id = market.orders = market.orders + 1
        account.orders.append(order)
        if not order.conditional:
            self._take(account, order, market, now)

    def place_list(self, account: Account, stop: Order, target: Order, now: datetime) -> None:
        """Both are checked already, but for what the engine itself checks; what they would sell is
        locked once. Raises Refused."""
        market = self.markets[stop.symbol]
        for order in (stop, target):
            same = account.find(order.symbol, client_id=order.client_id)
            if same is not None and same.working:
                raise Refused(-2010, "Duplicate order sent.")
        high, low = (stop, target) if stop.buys else (target, stop)
        if not (high.price or high.stop_price) > market.last > (low.price or low.stop_price):
            text = "The relationship of the prices for the orders is not correct."
            raise Refused(-2010, text)
        if target.within(market):
            raise Refused(-2010, "Order would immediately match and take.")
        self._lock(account, target, market)
        market.lists += 1
        for order, other in ((stop, target), (target, stop)):
            order.id = market.orders = market.orders + 1
            order.list_id, order.other = market.lists - 1, other
            account.orders.append(order)

    def cancel(self, account: Account, order: Order, now: datetime) -> None:
        """One of a list takes the other with it."""
        self.end(account, order, "CANCELED", now)
        if order.other is not None and order.other.working:
            self.end(account, order.other, "CANCELED", now)

    def end(self, account: Account, order: Order, status: str, now: datetime) -> None:
        order.status, order.updated_at = status, now
        self._unlock(account, order)

    def meet(self, symbol: str, now: datetime) -> None:
        """Every resting order of the symbol meets the present price once, oldest first."""
        market = self.markets[symbol]
        for account in self.accounts.values():
            for order in [each for each in account.orders if each.working]:
                if order.symbol == symbol and order.working:  # its list may have ended it
                    self._advance(account, order, market, now)

    def fill(
        self,
        account: Account,
        order: Order,
        quantity: Decimal,
        price: Decimal,
        now: datetime,
        *,
        maker: bool,
    ) -> None:
        market = self.markets[order.symbol]
        self._end_other(account, order, now)
        self._unlock(account, order)
        value = quantity * price
        got, paid = (market.base, market.quote) if order.buys else (market.quote, market.base)
        amount = quantity if order.buys else value
        account.balance(paid).free -= value if order.buys else quantity
        account.balance(got).free += amount
        fee, asset = self._fee(account, got, amount)
        account.balance(asset).free -= fee
        market.trades += 1
        order.trades.append(
            Trade(market.trades, order.id, order.symbol, price, quantity, fee, asset, now,
                  order.buys, maker)
        )  # fmt: skip
        order.note(quantity, value, now)
        if order.working:
            self._lock(account, order, market, checked=True)

    def needs(self, order: Order, market: Market) -> tuple[str, Decimal]:
        """What a resting order of this rest locks, and in which asset."""
        if not order.buys:
            return market.base, order.rest
        price = order.price or order.stop_price or market.ask
        return market.quote, order.rest * price

    def _advance(self, account: Account, order: Order, market: Market, now: datetime) -> None:
        if order.conditional and not order.triggered:
            order.follow(market.last)
            if not _reached(order, market.last):
                return
            order.triggered = True
            self._end_other(account, order, now)
            if not order.lock[0]:
                self._lock(account, order, market, checked=True)
            self._take(account, order, market, now)
            return
        if order.within(market):
            self.fill(account, order, order.rest, order.price, now, maker=True)

    def _end_other(self, account: Account, order: Order, now: datetime) -> None:
        """Of a list: the first part that fills of one, and a stop that triggers, end the other."""
        if order.other is not None and order.other.working:
            self.end(account, order.other, "EXPIRED", now)

    def _take(self, account: Account, order: Order, market: Market, now: datetime) -> None:
        """As it comes to the book: what is there at its price fills it at once."""
        there = order.at_once(market)
        if there > 0:
            price = market.ask if order.buys else market.bid
            self.fill(account, order, there, price, now, maker=False)
        if order.working and not order.stays:
            self.end(account, order, "EXPIRED", now)

    def _lock(
        self, account: Account, order: Order, market: Market, *, checked: bool = False
    ) -> None:
        asset, amount = self.needs(order, market)
        balance = account.balance(asset)
        if not checked and balance.free < amount:
            raise Refused(-2010, "Account has insufficient balance for requested action.")
        balance.free -= amount
        balance.locked += amount
        order.lock = asset, amount

    def _unlock(self, account: Account, order: Order) -> None:
        asset, amount = order.lock
        order.lock = "", ZERO
        if asset:
            account.balance(asset).locked -= amount
            account.balance(asset).free += amount

    def _fee(self, account: Account, got: str, amount: Decimal) -> tuple[Decimal, str]:
        share = account.fee_percent / 100
        if account.pays_in_bnb:
            price = self._in_bnb(got)
            fee = (amount * price * share * Decimal("0.75")).quantize(Decimal("1e-8"))
            if account.balance("BNB").free >= fee:
                return fee, "BNB"
        return amount * share, got

    def _in_bnb(self, asset: str) -> Decimal:
        """How much BNB one of it is worth, by way of USDT."""
        bnb = self.markets["BNBUSDT"].last
        if asset in ("BNB", "USDT"):
            return Decimal(1) if asset == "BNB" else 1 / bnb
        return self.markets[f"{asset}USDT"].last / bnb


def _reached(order: Order, last: Decimal) -> bool:
    if order.delta:
        away = Decimal(order.delta) / 10_000
        turn = order.best * (1 + away if order.buys else 1 - away)
        return last >= turn if order.buys else last <= turn
    above = order.buys == order.type.startswith("STOP_LOSS")
    return last >= order.stop_price if above else last <= order.stop_price


def working_orders(account: Account) -> Iterator[Order]:
    return engine.working(account.orders)
