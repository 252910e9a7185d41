"""The books of the futures fake: contracts, wallets, positions, orders, and the algo book.

Pure: time and prices come in. Written apart from the adapter, so that a mistake of ours is never
its own judge. Order and trade numbers are counted for each symbol. Margin is checked when an order
comes to the ordinary book: of a conditional one, when it is triggered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tests.venues.binance import engine
from tests.venues.binance.books import Refused

ZERO = Decimal(0)
WORKING = engine.WORKING
TYPES = (
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)  # fmt: skip


@dataclass(slots=True)
class Market(engine.Market):
    types: tuple[str, ...] = TYPES
    mark: Decimal | None = None
    """For PERCENT_PRICE only; None for the last price."""


@dataclass(slots=True)
class Trade:
    id: int
    order_id: int
    symbol: str
    position_side: str
    price: Decimal
    quantity: Decimal
    realized: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime
    buyer: bool
    maker: bool


@dataclass(slots=True)
class Order(engine.Order):
    """Of the ordinary book."""

    position_side: str = "BOTH"
    reduce_only: bool = False
    trades: list[Trade] = field(default_factory=list)

    @property
    def closes(self) -> bool:
        """It can only make a position smaller."""
        return self.reduce_only or self.position_side == ("SHORT" if self.buys else "LONG")


@dataclass(slots=True)
class Algo:
    """Of the algo book."""

    id: int
    client_id: str
    symbol: str
    side: str
    type: str
    tif: str
    quantity: Decimal
    created_at: datetime
    updated_at: datetime
    trigger: Decimal = ZERO
    price: Decimal = ZERO
    callback: Decimal = ZERO
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    status: str = "NEW"
    order_id: int | None = None
    triggered_at: datetime | None = None
    best: Decimal = ZERO
    """Of a trailing one: the best price so far."""

    @property
    def buys(self) -> bool:
        return self.side == "BUY"

    @property
    def working(self) -> bool:
        return self.status == "NEW"

    def reached(self, last: Decimal) -> bool:
        if self.type == "TRAILING_STOP_MARKET":
            share = self.callback / 100
            away = self.best * (1 + share if self.buys else 1 - share)
            return last >= away if self.buys else last <= away
        above = self.buys == self.type.startswith("STOP")
        return last >= self.trigger if above else last <= self.trigger

    def follow(self, last: Decimal) -> None:
        better = last < self.best if self.buys else last > self.best
        if not self.best or better:
            self.best = last


@dataclass(slots=True)
class Position:
    amount: Decimal = ZERO
    """Signed."""
    entry: Decimal = ZERO


@dataclass(slots=True)
class Setting:
    leverage: int = 20
    margin: str = "CROSSED"


@dataclass(slots=True)
class Account:
    key: str
    secret: str
    alias: str
    wallets: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    algos: list[Algo] = field(default_factory=list)
    hedged: bool = False
    multi_assets: bool = False
    fee_percent: Decimal = Decimal("0.05")
    pays_in_bnb: bool = False
    can_trade: bool = True
    can_withdraw: bool = False
    ip_restricted: bool = True
    order_lag: float = 0
    """Seconds during which a new order is denied when it is asked for."""
    trades_lag: bool = False
    """Trades are not told yet."""
    algo_reduces: bool = True
    """Whether the algo book takes `reduceOnly`."""
    has_algos: bool = True
    """Whether it has an algo book."""
    keeps_names: bool = False
    """What a conditional order becomes has its client id; else one of the venue's."""
    slow_trigger: bool = False
    """What triggers stays on its way to the ordinary book."""

    def setting(self, symbol: str) -> Setting:
        return self.settings.setdefault(symbol, Setting())

    def position(self, symbol: str, side: str = "BOTH") -> Position:
        return self.positions.setdefault((symbol, side), Position())

    def held(self, symbol: str, side: str, buys: bool) -> Decimal:
        """What an order could close."""
        amount = self.position(symbol, side).amount
        return abs(amount) if (amount < 0) == buys else ZERO

    def find(self, symbol: str, *, order_id: int | None = None, name: str = "") -> Order | None:
        """The newest that fits."""
        return engine.newest(self.orders, symbol, order_id, name)

    def find_algo(self, *, algo_id: int | None = None, name: str = "") -> Algo | None:
        for algo in reversed(self.algos):
            if algo.id == algo_id if algo_id is not None else algo.client_id == name:
                return algo
        return None

    def trades(self, symbol: str) -> list[Trade]:
        return engine.of_symbol((each for order in self.orders for each in order.trades), symbol)


class Books:
    def __init__(self) -> None:
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.algos = 2_146_000

    # Orders

    def place(self, account: Account, order: Order, now: datetime) -> None:
        """`order` is checked already, but for what the engine itself checks. Raises Refused."""
        market = self.markets[order.symbol]
        if any(each.working and each.client_id == order.client_id for each in account.orders):
            raise Refused(-4116, "ClientOrderId is duplicated.")
        held = account.held(order.symbol, order.position_side, order.buys)
        if order.reduce_only and not held:
            raise Refused(-2022, "ReduceOnly Order is rejected.")
        if account.hedged and order.closes and order.quantity > held:
            raise Refused(-2022, "ReduceOnly Order is rejected.")
        self._check_margin(account, order, market)
        order.id = market.orders = market.orders + 1
        account.orders.append(order)
        self._take(account, order, market, now)

    def end(self, order: Order, status: str, now: datetime) -> None:
        order.status, order.updated_at = status, now

    def place_algo(self, account: Account, algo: Algo) -> None:
        last = self.markets[algo.symbol].last
        if any(each.working and each.client_id == algo.client_id for each in account.algos):
            raise Refused(-4116, "ClientOrderId is duplicated.")
        algo.follow(last)
        if algo.reached(last):
            raise Refused(-2021, "Order would immediately trigger.")
        self.algos += 1
        algo.id = self.algos
        account.algos.append(algo)

    def meet(self, symbol: str, now: datetime) -> None:
        """Every resting order of the symbol meets the present price once, oldest first."""
        market = self.markets[symbol]
        for account in self.accounts.values():
            for order in [each for each in account.orders if each.working]:
                if order.symbol == symbol and order.within(market):
                    self.fill(account, order, order.rest, order.price, now, maker=True)
            for algo in [each for each in account.algos if each.working]:
                if algo.symbol == symbol:
                    algo.follow(market.last)
                    if algo.reached(market.last):
                        self.trigger(account, algo, now)

    def trigger(self, account: Account, algo: Algo, now: datetime) -> None:
        algo.updated_at = algo.triggered_at = now
        if account.slow_trigger:
            algo.status = "TRIGGERING"
            return
        quantity = algo.quantity
        if algo.close_position:
            quantity = account.held(algo.symbol, algo.position_side, algo.buys)
        if not quantity:
            algo.status = "EXPIRED"
            return
        name = algo.client_id if account.keeps_names else f"venue-{algo.id}"
        order = Order(
            0, name, algo.symbol, algo.side, "LIMIT" if algo.price else "MARKET", algo.tif,
            quantity, now, now, price=algo.price, position_side=algo.position_side,
            reduce_only=algo.reduce_only or (algo.close_position and not account.hedged),
        )  # fmt: skip
        try:
            self.place(account, order, now)
        except Refused:
            algo.status = "REJECTED"
            return
        algo.status, algo.order_id = "TRIGGERED", order.id

    def status_of(self, account: Account, algo: Algo) -> str:
        """FINISHED is told of what it became."""
        if algo.order_id is None:
            return algo.status
        order = account.find(algo.symbol, order_id=algo.order_id)
        return "TRIGGERED" if order is not None and order.working else "FINISHED"

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
        if order.closes:
            quantity = min(quantity, account.held(order.symbol, order.position_side, order.buys))
            if not quantity:
                self.end(order, "EXPIRED", now)
                return
        market = self.markets[order.symbol]
        position = account.position(order.symbol, order.position_side)
        realized = _move(position, quantity if order.buys else -quantity, price)
        account.wallets[market.quote] = account.wallets.get(market.quote, ZERO) + realized
        fee, asset = self._fee(account, market.quote, quantity * price)
        account.wallets[asset] -= fee
        market.trades += 1
        order.trades.append(
            Trade(market.trades, order.id, order.symbol, order.position_side, price, quantity,
                  realized, fee, asset, now, order.buys, maker)
        )  # fmt: skip
        order.note(quantity, quantity * price, now)

    def _take(self, account: Account, order: Order, market: Market, now: datetime) -> None:
        """As it comes to the book: what is there at its price fills it at once."""
        there = order.at_once(market)
        if there > 0:
            price = market.ask if order.buys else market.bid
            self.fill(account, order, there, price, now, maker=False)
        if order.working and not order.stays:
            self.end(order, "EXPIRED", now)

    # Money

    def unrealized(self, account: Account, asset: str) -> Decimal:
        return sum(
            (
                each.amount * (self.markets[symbol].last - each.entry)
                for (symbol, _), each in account.positions.items()
                if self.markets[symbol].quote == asset
            ),
            ZERO,
        )

    def available(self, account: Account, asset: str) -> Decimal:
        free = account.wallets.get(asset, ZERO) + self.unrealized(account, asset)
        for (symbol, _), each in account.positions.items():
            if self.markets[symbol].quote == asset:
                worth = abs(each.amount) * self.markets[symbol].last
                free -= worth / account.setting(symbol).leverage
        for order in working_orders(account):
            if self.markets[order.symbol].quote == asset and not order.closes:
                free -= order.rest * order.price / account.setting(order.symbol).leverage
        return free

    def _check_margin(self, account: Account, order: Order, market: Market) -> None:
        if order.closes:
            return
        held = account.held(order.symbol, order.position_side, order.buys)
        opened = max(order.quantity - held, ZERO)
        price = order.price or (market.ask if order.buys else market.bid)
        needed = opened * price / account.setting(order.symbol).leverage
        if needed > self.available(account, market.quote):
            raise Refused(-2019, "Margin is insufficient.")

    def _fee(self, account: Account, asset: str, value: Decimal) -> tuple[Decimal, str]:
        fee = value * account.fee_percent / 100
        if account.pays_in_bnb:
            in_bnb = (fee * Decimal("0.9") / self.markets["BNBUSDT"].last).quantize(Decimal("1e-8"))
            if account.wallets.get("BNB", ZERO) >= in_bnb:
                return in_bnb, "BNB"
        return fee, asset


def _move(position: Position, change: Decimal, price: Decimal) -> Decimal:
    """What is realised by it."""
    amount = position.amount
    if amount * change >= 0:
        whole = amount + change
        position.entry = (amount * position.entry + change * price) / whole
        position.amount = whole
        return ZERO
    closed = min(abs(amount), abs(change)) * (1 if amount > 0 else -1)
    realized = closed * (price - position.entry)
    position.amount = amount + change
    if position.amount * amount < 0:
        position.entry = price
    elif not position.amount:
        position.entry = ZERO
    return realized


def working_orders(account: Account) -> Iterator[Order]:
    return engine.working(account.orders)
