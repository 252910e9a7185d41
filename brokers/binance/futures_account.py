"""An account at Binance USD-M futures: what it is worth, what it holds, and how it trades a symbol.

No entry leaves before the venue has its symbol at the leverage that it asks for, or else our
options name, and at their margin mode: what can't be set, or isn't known, stops it. What is held,
or waits, keeps its leverage. The position mode belongs to the whole account and is never changed
from here. Exits need none of this.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from brokers.binance.answers import parsed
from brokers.binance.errors import Meaning
from brokers.binance.futures_client import FuturesClient
from brokers.binance.futures_market import FuturesMarket
from brokers.binance.futures_parsing import ONE_WAY, Leg, account_state, legs, reduces
from brokers.binance.memory import Memory, Setting, Settings
from brokers.binance.symbol_settings import KNOWN_FOR
from brokers.errors import BrokerError, NotSent, OrderRejected, OutcomeUnknown, Unsupported
from brokers.types import AccountState, OrderRequest, VenuePosition
from tradehub.core.money import EXACT, ZERO, plain
from tradehub.core.words import OrderSide

MOST_LEVERAGE = 125
MODES = {False: "one-way", True: "hedge"}
_MARGIN = {"isolated": "ISOLATED", "cross": "CROSSED"}


@dataclass(frozen=True, slots=True)
class Options:
    """Of our account."""

    currency: str = "USDT"
    leverage: int = 1
    margin_mode: str = "isolated"
    hedged: bool = False
    close_position: bool = False
    """Stops close whatever is held, instead of a quantity."""


class FuturesAccount:
    def __init__(
        self,
        client: FuturesClient,
        market: FuturesMarket,
        memory: Memory,
        settings: Settings,
        options: Options,
    ) -> None:
        self._client = client
        self._market = market
        self._memory = memory
        self._settings = settings
        self.options = options

    # What there is

    def state(self) -> AccountState:
        raw = self._client.futures_account(version=3)
        alias, options, now = self._alias(), self.options, self._client.now()
        return parsed(lambda: account_state(raw, options.currency, options.leverage, alias, now))

    def legs(self, symbol: str | None = None) -> list[Leg]:
        """Of contracts in the account's currency; in hedge mode two of a symbol."""
        asked = {} if symbol is None else {"symbol": symbol}
        raw = self._client.futures_position_information(**asked)
        found = parsed(lambda: legs(raw))
        return [each for each in found if each.asset in ("", self.options.currency)]

    def positions(self) -> list[VenuePosition]:
        """One for each symbol: where both legs of hedge mode are open, their difference, and the
        doctor says so."""
        by_symbol: dict[str, list[Leg]] = {}
        for each in self.legs():
            by_symbol.setdefault(each.symbol, []).append(each)
        return [self._net(symbol, found) for symbol, found in by_symbol.items()]

    # How it trades

    def hedged(self) -> bool:
        """The position mode that the venue has the account in."""
        known, now = self._memory.hedged, self._client.now()
        if known is not None and timedelta() <= now - known[1] < KNOWN_FOR:
            return known[0]
        raw = self._client.futures_account_config()
        told = parsed(lambda: raw["dualSidePosition"])
        if not isinstance(told, bool):
            raise OutcomeUnknown("Binance did not tell the account's position mode.")
        self._memory.hedged = told, now
        return told

    def forget_mode(self) -> None:
        self._memory.hedged = None

    def forget(self) -> None:
        """How the account and its symbols are set, in all processes."""
        self.forget_mode()
        self._settings.forget_all()

    def prepare_entry(self, request: OrderRequest) -> bool:
        """Whether the account is in hedge mode, once the entry may leave. Raises NotSent,
        RateLimited, and certain refusals."""
        return _before(lambda: self._prepared(request))

    def _prepared(self, request: OrderRequest) -> bool:
        leverage = _whole_leverage(request.leverage)
        hedged = self.hedged()
        if hedged is not self.options.hedged:
            # It may have been changed there since: a denial is of what the venue says now.
            self.forget_mode()
            hedged = self.hedged()
        if hedged is not self.options.hedged:
            raise Unsupported(
                f"The account is in {MODES[hedged]} mode at Binance, and its option position_mode "
                f"here says {MODES[not hedged]}. Change one of them; exits pass meanwhile.",
                venue_code="POSITION_MODE",
            )
        if hedged:
            self._check_other_leg(request.symbol, request.side)
        self._settle(request.symbol, leverage)
        return hedged

    def _check_other_leg(self, symbol: str, side: OrderSide) -> None:
        if any(side.sign * each.quantity < 0 for each in self.legs(symbol)):
            raise Unsupported(
                f"The other side of {symbol} is open. In hedge mode this order would hold both, "
                "long and short, which TradeHub counts as one position. Close that side first.",
                venue_code="BOTH_SIDES",
            )

    def _settle(self, symbol: str, leverage: int | None) -> None:
        """`leverage`: what the entry asks for; None for the account's."""
        wanted = Setting(
            self.options.leverage if leverage is None else leverage,
            _MARGIN[self.options.margin_mode],
        )
        now = self._client.now()
        if self._settings.known(symbol, now) == wanted:
            return
        there = self._setting(symbol)
        if (there is None or there.leverage != wanted.leverage) and self._is_in_use(symbol):
            wanted = replace(wanted, leverage=_kept(symbol, leverage, there))
        if there != wanted:
            self._settings.forget(symbol)
        if there is None or there.margin_mode != wanted.margin_mode:
            self._set_margin_mode(symbol, wanted.margin_mode)
        if there is None or there.leverage != wanted.leverage:
            self._set_leverage(symbol, wanted.leverage)
        self._settings.note(symbol, wanted, now)

    def _is_in_use(self, symbol: str) -> bool:
        """Something is held, or an order works that would open it: another leverage would be
        theirs too."""
        if self.legs(symbol):
            return True
        listed = [
            *self._client.futures_get_open_orders(symbol=symbol),
            *self._client.futures_get_open_orders(symbol=symbol, conditional=True),
        ]
        return parsed(lambda: any(not reduces(each) for each in listed))

    def _setting(self, symbol: str) -> Setting | None:
        rows = self._client.futures_symbol_config(symbol=symbol)

        def read() -> Setting | None:
            for each in rows:
                if each["symbol"] == symbol:
                    return Setting(int(each["leverage"]), str(each["marginType"]).upper())
            return None

        return parsed(read)

    def _set_margin_mode(self, symbol: str, mode: str) -> None:
        what = f"margin mode {mode} for {symbol}"
        try:
            self._client.futures_change_margin_type(symbol=symbol, marginType=mode)
        except BrokerError as error:
            if self._client.meaning_of(error) is not Meaning.UNCHANGED:
                raise _not_set(what, error) from error

    def _set_leverage(self, symbol: str, leverage: int) -> None:
        what = f"a leverage of {leverage} for {symbol}"
        try:
            said = self._client.futures_change_leverage(symbol=symbol, leverage=str(leverage))
        except BrokerError as error:
            raise _not_set(what, error) from error
        if parsed(lambda: int(said["leverage"])) != leverage:
            raise NotSent(f"Binance did not take {what}, so nothing was sent.")

    def _net(self, symbol: str, found: Iterable[Leg]) -> VenuePosition:
        ordered = sorted(found, key=lambda each: abs(each.quantity))
        rules = self._market.rules(symbol)
        quantity = ZERO
        for each in ordered:
            quantity = EXACT.add(quantity, each.quantity)
        return VenuePosition(
            symbol=symbol,
            quantity=quantity,
            average_price=ordered[-1].entry_price,
            least=ZERO if rules is None else rules.lot.step,
        )

    def _alias(self) -> str:
        if self._memory.alias is None:
            rows = self._client.futures_account_balance()
            self._memory.alias = parsed(lambda: self._client.owner_in(rows))
        return self._memory.alias


def open_legs_of(found: Iterable[Leg], side: OrderSide, *, hedged: bool) -> list[Leg]:
    """Those that an exit on `side` closes."""
    return [
        each
        for each in found
        if side.sign * each.quantity < 0 and (each.side == ONE_WAY) is not hedged
    ]


def _whole_leverage(asked: Decimal | None) -> int | None:
    if asked is None:
        return None
    if asked != int(asked) or not 1 <= asked <= MOST_LEVERAGE:
        raise Unsupported(
            f"The leverage at Binance futures is a whole number from 1 to {MOST_LEVERAGE}; this "
            f"entry asks for {plain(asked)}.",
            venue_code="LEVERAGE",
        )
    return int(asked)


def _kept(symbol: str, asked: int | None, there: Setting | None) -> int:
    """At which leverage an entry joins what is there: it is never changed under a position."""
    if there is None:
        raise NotSent(f"Binance does not tell the leverage of {symbol}, which is in use.")
    if asked is None:
        return there.leverage
    raise Unsupported(
        f"{symbol} is in use at a leverage of {there.leverage}, and this entry asks for {asked}. "
        "A change would be one of what is held or waits there too, so nothing was sent. Close and "
        "cancel that first, or ask for the same leverage.",
        venue_code="LEVERAGE_HELD",
    )


def _before(ask: Callable[[], Any]) -> Any:
    """What is asked before an order: while it is not answered, the order has not been sent."""
    try:
        return ask()
    except OutcomeUnknown as error:
        raise NotSent(f"Nothing was sent: {error.text}", venue_code=error.venue_code) from error


def _not_set(what: str, error: BrokerError) -> BrokerError:
    text = f"Binance did not take {what}, so nothing was sent: {error.text}"
    if isinstance(error, OrderRejected):
        return OrderRejected(text, venue_code=error.venue_code)
    if isinstance(error, OutcomeUnknown):
        return NotSent(text, venue_code=error.venue_code)
    return error
