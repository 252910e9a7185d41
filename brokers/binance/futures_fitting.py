"""A request for USD-M futures as it can leave: judged by the contract's rules, and with what must
be so at the venue before an entry goes. One that was refused as too much is cut to what is held.

Raises Unsupported for what the venue would refuse, and NotSent for what can't be known.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from brokers.binance.filters import Rules, refusal
from brokers.binance.fitting import Judged, by_the_rules, too_far
from brokers.binance.futures_account import FuturesAccount, open_legs_of
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.futures_parsing import (
    AT_MARKET,
    CONDITIONAL,
    TIMES,
    TYPES,
)
from brokers.binance.futures_trailing import check_percent, in_percent
from brokers.binance.memory import Memory
from brokers.errors import BrokerError, NotSent, RateLimited, Unsupported
from brokers.types import OrderRequest
from tradehub.core.money import ZERO, plain
from tradehub.core.words import OrderType


@dataclass(frozen=True, slots=True)
class Fitted:
    request: OrderRequest
    rules: Rules
    hedged: bool
    """The account's position mode at the venue."""
    whole: bool = False
    """A stop that closes whatever is held when it triggers."""


class Fitting:
    def __init__(self, market: FuturesMarket, holdings: FuturesAccount, memory: Memory) -> None:
        self._market = market
        self._holdings = holdings
        self._memory = memory
        self._options = holdings.options

    def fit(self, request: OrderRequest) -> Fitted:
        _check_words(request)
        asked, market = request, self._market
        request, rules = by_the_rules(lambda: self._judged(asked), market.age, market.doubt)
        request = self._trailing(request)
        if not request.reduce_only:
            hedged = self._holdings.prepare_entry(request)
            return Fitted(request, rules, hedged)
        hedged = self._mode_for_exit()
        whole = request.order_type in CONDITIONAL and self._closes_whole(request, hedged)
        return Fitted(request, rules, hedged, whole)

    def less(self, fitted: Fitted) -> Fitted | None:
        """An exit at the market that was refused, cut to what is held; None where that can't help.
        It leaves whole first, since a position may be told late, and can only reduce. What rests
        is never cut: a stop that covers less than it says is worse than a refused one."""
        request = fitted.request
        if not request.reduce_only or request.order_type is not OrderType.MARKET:
            return None
        held = fitted.rules.floor(self._held(request, fitted.hedged), request.order_type)
        if not ZERO < held < request.quantity:
            return None
        return replace(fitted, request=replace(request, quantity=held))

    def _trailing(self, request: OrderRequest) -> OrderRequest:
        """Its distance as the venue keeps it."""
        if request.trail is None or request.trail.offset is None:
            return request
        try:
            last = self._market.last(request.symbol)
        except BrokerError as error:
            if isinstance(error, RateLimited):
                raise
            raise NotSent(f"Nothing was sent: {error.text}", venue_code=error.venue_code) from error
        if not last:
            raise NotSent(f"Nothing was sent: no price of {request.symbol} is known.")
        return in_percent(request, last)

    def _judged(self, request: OrderRequest) -> Judged:
        rules = self._market.rules(request.symbol)
        if rules is None or rules.quote != self._options.currency:
            raise Unsupported(
                f"{request.symbol[:40]} is no contract at Binance futures whose margin is in "
                f"{self._options.currency}, the account's currency.",
                venue_code="SYMBOL",
            )
        quantity = rules.floor(request.quantity, _as_filled(request))
        floored = replace(request, quantity=quantity)
        free = replace(rules, notional=None)
        # What reduces may be worth as little as it likes.
        problem = refusal(free if request.reduce_only else rules, floored, TYPES)
        if problem is None and request.order_type in AT_MARKET:
            # Refused now rather than when it triggers.
            at_market = replace(floored, order_type=OrderType.MARKET, stop_price=None)
            problem = refusal(free, at_market, TYPES)
        if problem is None and request.order_type is OrderType.LIMIT:
            problem = too_far(rules, floored, self._market)
        return floored, rules, problem

    def _mode_for_exit(self) -> bool:
        """An exit goes out whether or not the venue tells its mode just now."""
        try:
            return self._holdings.hedged()
        except BrokerError:
            return self._options.hedged

    def _closes_whole(self, request: OrderRequest, hedged: bool) -> bool:
        """Where nobody else's is in the symbol, it covers all that is held, and the option says so
        or the algo book takes no reduce-only order."""
        must = not hedged and not self._memory.algo_reduces
        if not must and not (self._options.close_position and request.closes_all):
            return False
        held = self._held(request, hedged)
        may = request.closes_all and request.order_type is OrderType.STOP
        fits = may and bool(held) and request.quantity >= held
        if must and not held:
            raise NotSent(f"Binance does not tell what is held of {request.symbol}.")
        if must and not fits:
            raise Unsupported(
                f"Binance takes no stop that reduces a position by a part of it; this one is of "
                f"{plain(request.quantity)}, and {plain(held)} {request.symbol} are held.",
                venue_code="-1106",
            )
        return fits

    def _held(self, request: OrderRequest, hedged: bool) -> Decimal:
        """What an exit could close; zero also when the venue does not tell."""
        try:
            found = open_legs_of(self._holdings.legs(request.symbol), request.side, hedged=hedged)
        except BrokerError:
            return ZERO
        return sum((abs(each.quantity) for each in found), ZERO)


def _check_words(request: OrderRequest) -> None:
    if request.time_in_force not in TIMES:
        raise Unsupported(f"Binance futures have no {request.time_in_force} orders.")
    if request.order_type is not OrderType.TRAILING_STOP:
        return
    if request.trail is None or (request.trail.percent is None and request.trail.offset is None):
        raise Unsupported("A trailing stop needs its distance, in percent or as a price.")
    if request.trail.percent is not None:
        check_percent(request.trail.percent, f"this one asks for {plain(request.trail.percent)}")


def _as_filled(request: OrderRequest) -> OrderType:
    """As which type it meets the market."""
    return OrderType.MARKET if request.order_type in AT_MARKET else request.order_type
