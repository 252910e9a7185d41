"""A request for spot as it can leave: judged by the symbol's rules. One that was refused as too
much is cut to what is free (`SpotBroker`).

Raises Unsupported for what the venue would refuse, and NotSent for what can't be known.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from brokers.binance.filters import Percent, Rules, is_far, percent_refusal, refusal
from brokers.binance.market import SpotMarket
from brokers.binance.spot_trailing import NAMES, follows_by_price, in_percent
from brokers.errors import BrokerError, NotSent, RateLimited, Unsupported
from brokers.types import OrderRequest
from tradehub.core.money import plain
from tradehub.core.words import OrderSide, TimeInForce

TIMES = frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
FRESH = timedelta(minutes=1)
"""Rules that are older are read again before an order is refused by them."""
Judged = tuple[OrderRequest, Rules, tuple[str, str] | None]
"""As it could leave, by which rules, and what is wrong with it: the venue's word and a sentence."""


def by_the_rules(
    judge: Callable[[], Judged], age: Callable[[], timedelta], drop: Callable[[], None]
) -> tuple[OrderRequest, Rules]:
    """What `judge` lets pass. `age` is that of the rules it goes by; they may have changed, and
    `drop` has them read again."""
    try:
        request, rules, problem = judge()
        if problem is not None and age() > FRESH:
            drop()
            request, rules, problem = judge()
    except (Unsupported, RateLimited, NotSent):
        raise
    except BrokerError as error:
        raise NotSent(f"Nothing was sent: {error.text}", venue_code=error.venue_code) from error
    if problem is not None:
        name, text = problem
        raise Unsupported(text, venue_code=name)
    return request, rules


class Prices(Protocol):
    def seen(self, symbol: str) -> Decimal | None: ...

    def measured(self, symbol: str, percent: Percent) -> Decimal | None: ...


def too_far(rules: Rules, request: OrderRequest, prices: Prices) -> tuple[str, str] | None:
    """An entry whose limit the venue would refuse by PERCENT_PRICE. Only where the price of the
    decision makes that likely, the venue is asked what it measures by; what it does not tell then
    it judges itself. An exit is always its to judge."""
    near = prices.seen(rules.symbol)
    if request.reduce_only or rules.percent is None or near is None:
        return None
    if not is_far(rules, request, near):
        return None
    try:
        measured = prices.measured(rules.symbol, rules.percent)
    except BrokerError:
        return None
    return percent_refusal(rules, request, measured) if measured else None


class SpotFitting:
    def __init__(self, market: SpotMarket, currency: str) -> None:
        self._market = market
        self._currency = currency

    def fit(self, request: OrderRequest) -> tuple[OrderRequest, Rules]:
        _check_words(request)
        return by_the_rules(
            lambda: self._judged(request),
            lambda: self._market.age(request.symbol),
            lambda: self._market.drop(request.symbol),
        )

    def _judged(self, request: OrderRequest) -> Judged:
        rules = self._market.rules(request.symbol)
        if rules is None or rules.quote != self._currency:
            raise Unsupported(
                f"{request.symbol[:40]} is no pair at Binance spot that is quoted in "
                f"{self._currency}, the account's currency.",
                venue_code="SYMBOL",
            )
        last = self._last(request.symbol) if follows_by_price(request) else None
        try:
            request = in_percent(request, rules.deltas, last)
        except Unsupported as error:
            return request, rules, (error.venue_code or "TRAILING_DELTA", error.text)
        floored = replace(request, quantity=rules.floor(request.quantity, request.order_type))
        problem = refusal(rules, floored, NAMES) or too_far(rules, floored, self._market)
        return floored, rules, problem

    def _last(self, symbol: str) -> Decimal | None:
        return self._market.prices([symbol]).get(symbol)


def _check_words(request: OrderRequest) -> None:
    if request.order_type not in NAMES:
        raise Unsupported(f"Binance spot gets no {request.order_type} orders from us yet.")
    if request.time_in_force not in TIMES:
        raise Unsupported(f"Binance spot has no {request.time_in_force} orders.")
    if request.leverage is not None and request.leverage > 1:
        asked = plain(request.leverage)
        text = f"Binance spot has no leverage, and this entry asks for {asked}."
        raise Unsupported(text, venue_code="LEVERAGE")
    if request.reduce_only and request.side is OrderSide.BUY:
        raise Unsupported("Nothing can be short at Binance spot, so there is nothing to buy back.")
