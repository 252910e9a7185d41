"""A request for USD-M futures as it can leave: judged by the contract's rules, cut to what is held,
and with what must be so at the venue before an entry goes.

Raises Unsupported for what the venue would refuse, and NotSent for what can't be known.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from brokers.binance.filters import Rules, refusal
from brokers.binance.futures_account import FuturesAccount, open_legs_of
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.futures_parsing import (
    AT_MARKET,
    CONDITIONAL,
    LEAST_TRAIL,
    MOST_TRAIL,
    TIMES,
    TYPES,
)
from brokers.binance.memory import Memory
from brokers.errors import BrokerError, NotSent, RateLimited, Unsupported
from brokers.types import OrderRequest
from tradehub.core.money import ZERO, plain
from tradehub.core.words import OrderType

FRESH = timedelta(minutes=1)
"""Rules that are older are read again before an order is refused by them."""


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
        request, rules = self._by_the_rules(request)
        if not request.reduce_only:
            hedged = self._holdings.prepare_entry(request.symbol, request.side)
            return Fitted(request, rules, hedged)
        hedged = self._mode_for_exit()
        if request.order_type in CONDITIONAL:
            return Fitted(request, rules, hedged, self._closes_whole(request, hedged))
        return Fitted(self._cut(request, rules, hedged), rules, hedged)

    def _by_the_rules(self, request: OrderRequest) -> tuple[OrderRequest, Rules]:
        try:
            fitted, rules, problem = self._judged(request)
            if problem is not None and self._market.age() > FRESH:
                self._market.doubt()  # they may have changed
                fitted, rules, problem = self._judged(request)
        except (Unsupported, RateLimited, NotSent):
            raise
        except BrokerError as error:
            raise NotSent(f"Nothing was sent: {error.text}", venue_code=error.venue_code) from error
        if problem is not None:
            name, text = problem
            raise Unsupported(text, venue_code=name)
        return fitted, rules

    def _judged(self, request: OrderRequest) -> tuple[OrderRequest, Rules, tuple[str, str] | None]:
        rules = self._market.rules(request.symbol)
        if rules is None or rules.quote != self._options.currency:
            raise Unsupported(
                f"{request.symbol[:40]} is no contract at Binance futures whose margin is in "
                f"{self._options.currency}, the account's currency.",
                venue_code="SYMBOL",
            )
        quantity = rules.floor(request.quantity, _as_filled(request))
        fitted = replace(request, quantity=quantity)
        free = replace(rules, notional=None)
        # What reduces may be worth as little as it likes.
        problem = refusal(free if request.reduce_only else rules, fitted, TYPES)
        if problem is None and request.order_type in AT_MARKET:
            # Refused now rather than when it triggers.
            at_market = replace(fitted, order_type=OrderType.MARKET, stop_price=None)
            problem = refusal(free, at_market, TYPES)
        return fitted, rules, problem

    def _mode_for_exit(self) -> bool:
        """An exit goes out whether or not the venue tells its mode just now."""
        try:
            return self._holdings.hedged()
        except BrokerError:
            return self._options.hedged

    def _cut(self, request: OrderRequest, rules: Rules, hedged: bool) -> OrderRequest:
        """What closes at the market: not more than is held, for more may be refused as a whole.
        Where the venue tells nothing of it, or knows of nothing yet, it goes as it is, as what
        rests does: it can only reduce, and a stop that covers less than it says is worse than a
        refused one."""
        if request.order_type is not OrderType.MARKET:
            return request
        held = rules.floor(self._held(request, hedged), request.order_type)
        return replace(request, quantity=min(request.quantity, held)) if held else request

    def _closes_whole(self, request: OrderRequest, hedged: bool) -> bool:
        """Where the option says so and it covers all that is held, or where the algo book takes no
        reduce-only order."""
        must = not hedged and not self._memory.algo_reduces
        if not must and not self._options.close_position:
            return False
        held = self._held(request, hedged)
        fits = request.order_type is OrderType.STOP and bool(held) and request.quantity >= held
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
    percent = None if request.trail is None else request.trail.percent
    if percent is None:
        raise Unsupported("A trailing stop at Binance futures keeps its distance in percent.")
    if not LEAST_TRAIL <= percent <= MOST_TRAIL:
        raise Unsupported(
            f"A trailing stop at Binance futures keeps {plain(LEAST_TRAIL)} to {plain(MOST_TRAIL)} "
            f"percent; this one asks for {plain(percent)}."
        )


def _as_filled(request: OrderRequest) -> OrderType:
    """As which type it meets the market."""
    return OrderType.MARKET if request.order_type in AT_MARKET else request.order_type
