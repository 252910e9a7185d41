"""What Binance allows for a symbol: exchangeInfo read into rules, and orders judged by them.

Pure. A bound or step of zero is switched off. Quantities are rounded down to the step, never up;
prices are not touched. Refusals use the venue's own words. PERCENT_PRICE is measured by a price of
the venue's (`percent_refusal`); the value of a market order is too, and is left to it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brokers.errors import BrokerError, OrderRejected
from brokers.types import Instrument, OrderRequest
from tradehub.core.money import EXACT, HUNDRED, ONE, ZERO, plain, round_down, round_up, to_decimal
from tradehub.core.words import OrderSide, OrderType

TYPES: Mapping[OrderType, str] = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}
"""Spot's names. A stop with a limit, or a plain one, is always the kind that follows the market
away from it: a sell below the price, a buy above it."""
MOVES = Decimal("0.01")
"""A share that what PERCENT_PRICE is measured by may move until the order arrives: what is this
near to a bound is left to the venue, so nothing is refused that it would take."""


@dataclass(frozen=True, slots=True)
class Range:
    """PRICE_FILTER, LOT_SIZE and MARKET_LOT_SIZE: from, to, and in which steps."""

    low: Decimal = ZERO
    high: Decimal = ZERO
    step: Decimal = ZERO

    def admits(self, number: Decimal) -> bool:
        if (self.low and number < self.low) or (self.high and number > self.high):
            return False
        return not self.step or not number % self.step

    def floor(self, number: Decimal) -> Decimal:
        return round_down(number, self.step) if self.step else number


@dataclass(frozen=True, slots=True)
class Notional:
    """NOTIONAL and the older MIN_NOTIONAL."""

    least: Decimal = ZERO
    most: Decimal = ZERO
    least_of_market: bool = True
    """Whether it holds for market orders too."""
    name: str = "NOTIONAL"


@dataclass(frozen=True, slots=True)
class Percent:
    """PERCENT_PRICE and PERCENT_PRICE_BY_SIDE: how far from the market's price a limit may lie."""

    bid: tuple[Decimal, Decimal]
    """The lowest and the highest share, of a buy. Zero is no bound."""
    ask: tuple[Decimal, Decimal]
    name: str = "PERCENT_PRICE_BY_SIDE"
    minutes: int | None = None
    """It is measured by the average price of so many; 0: by the last price; None: by the mark
    price."""

    @property
    def measure(self) -> str:
        if self.minutes is None:
            return "the mark price"
        return f"the average price of {self.minutes} minutes" if self.minutes else "the last price"

    def of(self, side: OrderSide) -> tuple[Decimal, Decimal]:
        return self.bid if side is OrderSide.BUY else self.ask


@dataclass(frozen=True, slots=True)
class Deltas:
    """TRAILING_DELTA: by how many percent, from and to, a trailing stop follows."""

    buy: tuple[Decimal, Decimal]
    sell: tuple[Decimal, Decimal]

    def of(self, side: OrderSide) -> tuple[Decimal, Decimal]:
        return self.buy if side is OrderSide.BUY else self.sell


@dataclass(frozen=True, slots=True)
class Rules:
    symbol: str
    base: str
    quote: str
    status: str
    types: frozenset[str]
    price: Range = Range()
    lot: Range = Range()
    market_lot: Range = Range()
    notional: Notional | None = None
    percent: Percent | None = None
    oco: bool = False
    """Whether order lists of the symbol are taken."""
    deltas: Deltas | None = None
    """None: no trailing stop is taken of it."""
    permission_sets: tuple[frozenset[str], ...] = ()
    """An account needs one of each, to place orders."""

    @property
    def trading(self) -> bool:
        return self.status == "TRADING"

    def missing(self, permissions: Collection[str]) -> list[frozenset[str]]:
        """Of which sets an account with these permissions has none."""
        return [each for each in self.permission_sets if each.isdisjoint(permissions)]

    def floor(self, quantity: Decimal, kind: OrderType) -> Decimal:
        """The largest quantity that the steps allow, and no more than `quantity`."""
        floored = self.lot.floor(quantity)
        return self.market_lot.floor(floored) if kind is OrderType.MARKET else floored

    def least(self, price: Decimal | None) -> Decimal:
        """The smallest quantity that can be sold at the market at `price`."""
        step = max(self.lot.step, self.market_lot.step)
        least = max(self.lot.low, self.market_lot.low, step)
        if price and self.notional is not None and self.notional.least_of_market:
            least = max(least, EXACT.divide(self.notional.least, price))
        return round_up(least, step) if step else least


def read_rules(symbol: Mapping[str, Any]) -> Rules:
    """One of `symbols` of exchangeInfo. Raises KeyError, ValueError or TypeError."""
    filters = {each["filterType"]: each for each in symbol["filters"]}
    allowed = symbol.get("isSpotTradingAllowed", True)
    return Rules(
        symbol=symbol["symbol"],
        base=symbol["baseAsset"],
        quote=symbol["quoteAsset"],
        status=symbol["status"] if allowed else "NOT_SPOT",
        types=frozenset(symbol["orderTypes"]),
        price=read_range(filters.get("PRICE_FILTER"), "minPrice", "maxPrice", "tickSize"),
        lot=read_range(filters.get("LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        market_lot=read_range(filters.get("MARKET_LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        notional=_notional(filters),
        percent=_percent(filters),
        oco=bool(symbol.get("ocoAllowed", False)),
        deltas=_deltas(filters) if symbol.get("allowTrailingStop") else None,
        permission_sets=tuple(frozenset(map(str, each)) for each in _sets(symbol)),
    )


def _sets(symbol: Mapping[str, Any]) -> list[list[str]]:
    """What is no list of lists is not understood, and keeps nobody from trading."""
    found = symbol.get("permissionSets") or []
    return [each for each in found if isinstance(each, list)] if isinstance(found, list) else []


def instrument_of(rules: Rules, names: Mapping[OrderType, str] = TYPES) -> Instrument:
    """`names`: what the market calls the types."""
    kinds = frozenset(kind for kind, name in names.items() if name in rules.types)
    notional = rules.notional or Notional()
    return Instrument(
        symbol=rules.symbol,
        quantity_step=rules.lot.step or Decimal("1e-8"),
        price_tick=rules.price.step or None,
        min_quantity=rules.lot.low,
        min_notional=notional.least,
        currency=rules.quote,
        tradable=rules.trading,
        max_quantity=rules.lot.high or None,
        market_step=max(rules.lot.step, rules.market_lot.step) or None,
        market_max_quantity=rules.market_lot.high or None,
        max_notional=notional.most or None,
        min_price=rules.price.low or None,
        max_price=rules.price.high or None,
        order_types=kinds,
        locked_as="" if rules.trading else rules.status,
    )


def refusal(
    rules: Rules, request: OrderRequest, names: Mapping[OrderType, str] = TYPES
) -> tuple[str, str] | None:
    """Which filter the venue would name, and our sentence with the numbers."""
    return (
        _of_symbol(rules, request, names)
        or _of_quantity(rules, request)
        or _of_prices(rules, request)
        or _of_value(rules, request)
    )


def is_far(rules: Rules, request: OrderRequest, price: Decimal, tolerance: Decimal = ZERO) -> bool:
    """Whether its limit lies outside of PERCENT_PRICE by more than `tolerance`, a share of the
    bound, were `price` what that is measured by."""
    if rules.percent is None or request.limit_price is None:
        return False
    low, high = (EXACT.multiply(share, price) for share in rules.percent.of(request.side))
    least = EXACT.multiply(low, ONE - tolerance)
    most = EXACT.multiply(high, ONE + tolerance)
    return request.limit_price < least or bool(high and request.limit_price > most)


def percent_refusal(rules: Rules, request: OrderRequest, price: Decimal) -> tuple[str, str] | None:
    """As `refusal`, by PERCENT_PRICE alone. `price`: what the venue measured by a moment ago."""
    percent = rules.percent
    if percent is None or not is_far(rules, request, price, MOVES):
        return None
    assert request.limit_price is not None
    text = (
        f"Filter failure: {percent.name}. A {request.side} of {rules.symbol} at "
        f"{plain(request.limit_price)} is too far from the market at {plain(price)}: a price goes "
        f"{_reach(percent, request.side)}."
    )
    return percent.name, text


def with_numbers(error: BrokerError, rules: Rules, side: OrderSide) -> OrderRejected:
    """The venue's refusal by one of its rules, with what the rule allows."""
    numbers = allowance(rules, error.text, side)
    return OrderRejected(f"{error.text} {numbers}".strip(), venue_code=error.venue_code)


def allowance(rules: Rules, said: str, side: OrderSide) -> str:
    """The numbers behind a filter that the venue named ("Filter failure: PERCENT_PRICE"); empty
    where it tells none."""
    name = said.removeprefix("Filter failure: ").strip()
    if rules.percent is not None and name == rules.percent.name:
        return f"A price goes {_reach(rules.percent, side)}."
    if rules.notional is not None and name in ("NOTIONAL", "MIN_NOTIONAL"):
        most = f" and at most {plain(rules.notional.most)}" if rules.notional.most else ""
        return f"An order is worth at least {plain(rules.notional.least)}{most} {rules.quote}."
    ranges = {
        "PRICE_FILTER": rules.price,
        "LOT_SIZE": rules.lot,
        "MARKET_LOT_SIZE": rules.market_lot,
    }
    return f"It goes {_bounds(ranges[name])}." if name in ranges else ""


def _of_symbol(
    rules: Rules, request: OrderRequest, names: Mapping[OrderType, str]
) -> tuple[str, str] | None:
    if not rules.trading:
        return "STATUS", f"{rules.symbol} does not trade at Binance now: it is {rules.status}."
    if names[request.order_type] not in rules.types:
        return "ORDER_TYPE", f"Binance takes no {request.order_type} orders of {rules.symbol}."
    return None


def _of_quantity(rules: Rules, request: OrderRequest) -> tuple[str, str] | None:
    named = {"LOT_SIZE": rules.lot}
    if request.order_type is OrderType.MARKET:
        named["MARKET_LOT_SIZE"] = rules.market_lot
    for name, allowed in named.items():
        if not allowed.admits(request.quantity):
            return name, _outside(name, "quantity", request.quantity, rules.symbol, allowed)
    if request.quantity <= 0:
        return "LOT_SIZE", "Nothing is left of the quantity when it is rounded down to its step."
    return None


def _of_prices(rules: Rules, request: OrderRequest) -> tuple[str, str] | None:
    for price in (request.limit_price, request.stop_price):
        if price is not None and not rules.price.admits(price):
            text = _outside("PRICE_FILTER", "price", price, rules.symbol, rules.price)
            return "PRICE_FILTER", text
    return None


def _of_value(rules: Rules, request: OrderRequest) -> tuple[str, str] | None:
    """Of a market order the venue judges: it takes its own average price."""
    limits, price = rules.notional, request.limit_price or request.stop_price
    if limits is None or price is None:
        return None
    value = EXACT.multiply(request.quantity, price)
    if value >= limits.least and (not limits.most or value <= limits.most):
        return None
    text = (
        f"Filter failure: {limits.name}. {plain(request.quantity)} {rules.base} at {plain(price)} "
        f"is {plain(value)} {rules.quote}. {allowance(rules, limits.name, request.side)}"
    )
    return limits.name, text


def _reach(percent: Percent, side: OrderSide) -> str:
    low, high = percent.of(side)
    words = [f"from {plain(low)}"] if low else []
    words += [f"to {plain(high)}"] if high else []
    return f"{' '.join(words)} times {percent.measure}"


def _outside(name: str, what: str, number: Decimal, symbol: str, allowed: Range) -> str:
    return (
        f"Filter failure: {name}. The {what} {plain(number)} of {symbol} is not allowed: it goes "
        f"{_bounds(allowed)}."
    )


def _bounds(allowed: Range) -> str:
    words = [f"in steps of {plain(allowed.step)}"] if allowed.step else []
    words += [f"from {plain(allowed.low)}"] if allowed.low else []
    words += [f"up to {plain(allowed.high)}"] if allowed.high else []
    return " ".join(words)


def read_range(found: Mapping[str, Any] | None, low: str, high: str, step: str) -> Range:
    """Of one filter of exchangeInfo; without it, everything is allowed."""
    if found is None:
        return Range()
    return Range(to_decimal(found[low]), to_decimal(found[high]), to_decimal(found[step]))


def _notional(filters: Mapping[str, Mapping[str, Any]]) -> Notional | None:
    new, old = filters.get("NOTIONAL"), filters.get("MIN_NOTIONAL")
    if new is not None:
        return Notional(
            to_decimal(new["minNotional"]),
            to_decimal(new.get("maxNotional", "0")),
            bool(new.get("applyMinToMarket", True)),
        )
    if old is None:
        return None
    market = bool(old.get("applyToMarket", True))
    return Notional(to_decimal(old["minNotional"]), least_of_market=market, name="MIN_NOTIONAL")


def _deltas(filters: Mapping[str, Mapping[str, Any]]) -> Deltas | None:
    """In hundredths of a percent. Above: of stops to buy; below: of stops to sell."""
    found = filters.get("TRAILING_DELTA")
    if found is None:
        return None
    above, below = (
        tuple(
            EXACT.divide(to_decimal(found[f"{bound}Trailing{side}Delta"]), HUNDRED)
            for bound in ("min", "max")
        )
        for side in ("Above", "Below")
    )
    if not above[1] or not below[1]:
        return None
    return Deltas((above[0], above[1]), (below[0], below[1]))


def _percent(filters: Mapping[str, Mapping[str, Any]]) -> Percent | None:
    sides, both = filters.get("PERCENT_PRICE_BY_SIDE"), filters.get("PERCENT_PRICE")
    if sides is not None:
        return Percent(
            (to_decimal(sides["bidMultiplierDown"]), to_decimal(sides["bidMultiplierUp"])),
            (to_decimal(sides["askMultiplierDown"]), to_decimal(sides["askMultiplierUp"])),
            minutes=_minutes(sides),
        )
    if both is None:
        return None
    allowed = to_decimal(both["multiplierDown"]), to_decimal(both["multiplierUp"])
    return Percent(allowed, allowed, "PERCENT_PRICE", _minutes(both))


def _minutes(found: Mapping[str, Any]) -> int:
    return int(found.get("avgPriceMins", 0))
