"""The words of risk: what is planned, what is known, what is allowed, what was found.

Pure frozen dataclasses. Money is in the account's currency, quantities in units of the symbol,
percents are whole numbers (2 = 2 %), times aware UTC. In a Snapshot, None means "could not be
learnt", and whatever needs it denies. In Limits, None means "not limited".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tradehub.core.money import EXACT, MAX_EXPONENT, ZERO, plain_or_none, round_down
from tradehub.core.words import OrderSide, Scope, TradingStateName

_FINEST = Decimal(1).scaleb(-MAX_EXPONENT)


class Direction(StrEnum):
    BOTH = "both"
    LONG_ONLY = "long_only"
    SHORT_ONLY = "short_only"

    def allows(self, side: OrderSide) -> bool:
        """May an entry be on this side? A buy opens a long, a sell a short."""
        if self is Direction.BOTH:
            return True
        return (self is Direction.LONG_ONLY) == (side is OrderSide.BUY)


class SizingMethod(StrEnum):
    SIGNAL = "signal"
    FIXED_QUANTITY = "fixed_quantity"
    FIXED_NOTIONAL = "fixed_notional"
    PERCENT_EQUITY = "percent_equity"
    PERCENT_BUYING_POWER = "percent_buying_power"
    RISK_PERCENT = "risk_percent"
    RISK_AMOUNT = "risk_amount"
    CONVICTION = "conviction"


class SizeLimits(StrEnum):
    """What happens to a size above a limit: cut down to it, or denied."""

    REDUCE = "reduce"
    DENY = "deny"


class OnUnprotected(StrEnum):
    ALARM = "alarm"
    CLOSE = "close"


class DayTradeRule(StrEnum):
    OFF = "off"
    LEGACY_PDT = "legacy_pdt"
    INTRADAY_MARGIN = "intraday_margin"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a risk profile that rules read. None: not limited."""

    min_order_value: Decimal | None = None
    max_order_value: Decimal | None = None
    max_order_quantity: Decimal | None = None
    max_position_value: Decimal | None = None
    """Gross value of one symbol on the account, after the entry."""
    max_position_percent: Decimal | None = None
    """The same, as a percent of equity."""
    max_total_exposure: Decimal | None = None
    """Gross value of all symbols on the account, after the entry."""
    max_leverage: Decimal | None = None
    """Of the entry itself, and of the account after it: gross value by equity."""
    max_open_positions: int | None = None
    max_trades_per_day: int | None = None
    max_daily_loss_amount: Decimal | None = None
    """A positive amount of money."""
    max_daily_loss_percent: Decimal | None = None
    """Of the equity at the start of the trading day."""
    max_signal_age_seconds: int | None = None
    max_price_age_seconds: int | None = None
    price_collar_percent: Decimal | None = None
    max_spread_percent: Decimal | None = None
    """Of the middle between bid and ask."""
    min_risk_reward: Decimal | None = None
    require_stop_loss: bool = False
    require_take_profit: bool = False
    direction: Direction = Direction.BOTH
    allowed_symbols: frozenset[str] = frozenset()
    """Canonical names; empty allows any."""
    blocked_symbols: frozenset[str] = frozenset()

    @classmethod
    def none(cls) -> "Limits":
        """Nothing is limited."""
        return cls()


@dataclass(frozen=True, slots=True)
class Terms:
    """What the strategy itself allows."""

    direction: Direction = Direction.BOTH
    symbols: frozenset[str] = frozenset()
    """Canonical names; empty allows any."""


@dataclass(frozen=True, slots=True)
class SizingProblem:
    """Why no quantity could be computed, or none is left: SIZE_MISSING, SIZE_ZERO, PRICE_MISSING,
    STOP_LOSS_REQUIRED or STOP_LOSS_WRONG_SIDE."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """An entry as it would be sent. Exits have no plan: no rule is ever asked about them."""

    symbol: str
    """Canonical name."""
    side: OrderSide
    quantity: Decimal | None
    """Units, above zero; None when sizing found none (then `problem` says why)."""
    price: Decimal | None
    """What one unit will be valued at: the limit or trigger price, else the quote; None when no
    price is known."""
    reference_price: Decimal | None = None
    """What the alert (or its limit) says the price is; compared with the quote by the collar."""
    has_stop: bool = False
    """A stop was asked for, be it a price, a distance or a trail."""
    stop_price: Decimal | None = None
    """That stop as a price, where it can be told before the fill."""
    target_prices: tuple[Decimal, ...] = ()
    """Targets as prices, nearest first."""
    min_notional: Decimal = ZERO
    """The venue's own least order value."""
    stop_value: Decimal | None = None
    """What its stop would be worth once all has filled."""
    min_stop_value: Decimal = ZERO
    """The venue's own least value of an order that closes; zero for none."""
    max_quantity: Decimal | None = None
    """The venue's own largest order; None for no bound."""
    max_quantity_why: str = ""
    """A sentence on what makes that less than the venue takes in one order."""
    signal_at: datetime | None = None
    """What the alert's age is counted from; None for what is no alert."""
    sent_at: datetime | None = None
    """When the alert says that it was sent."""
    newer_at: datetime | None = None
    """The sending time of a newer alert of the strategy and symbol that was decided before it."""
    max_age_seconds: Decimal | None = None
    """The alert's own limit on its age."""
    delayed: bool = False
    """The chart had delayed data."""
    leverage: Decimal | None = None
    """At which it asks to trade."""
    price_good_for: int | None = None
    """Seconds: the venue lets it fill at no price that is as old."""
    problem: SizingProblem | None = None

    @property
    def value(self) -> Decimal | None:
        """Quantity times price, exact; None when either is not known or the price is senseless."""
        if self.quantity is None or self.price is None or self.price <= 0:
            return None
        return EXACT.multiply(self.quantity, self.price)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known when the decision is made. None: it could not be learnt, which denies."""

    now: datetime
    equity: Decimal | None
    """Of the account; or the capital that its owner set aside for sizing."""
    buying_power: Decimal | None
    """Free for new entries: what working and unconfirmed entries reserve is already taken off."""
    quote_price: Decimal | None
    """The side of the quote that the entry would meet: ask for a buy, bid for a sell."""
    quote_bid: Decimal | None
    quote_ask: Decimal | None
    quote_at: datetime | None
    held_quantity: Decimal | None
    """This strategy's position in the symbol, signed."""
    symbol_position_value: Decimal | None
    """Gross value of the symbol on the account: positions of all strategies, plus working and
    unconfirmed entries. Not this entry."""
    gross_exposure: Decimal | None
    """The same for all symbols together."""
    open_positions: int | None
    """On the account; a symbol with a working or unconfirmed entry counts as one."""
    opens_new_position: bool
    """The account has neither position nor working entry in the symbol (and strategy) yet."""
    trades_today: int | None
    """Entries sent since the trading day began; exits and cancels don't count."""
    daily_pnl: Decimal | None
    """Change of equity since the trading day began, realised and not; a loss is below zero."""
    day_start_equity: Decimal | None
    states: tuple[tuple[Scope, TradingStateName], ...] | None
    """Trading states of the scopes that apply; a scope without a row is active."""
    strategy_paused: bool
    allow_short: bool | None
    """The venue and the account take short positions in the symbol."""
    live: bool
    """Real money."""
    account_enabled: bool
    account_trouble: str = ""
    """What the account doctor found that keeps entries back; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one rule found. `measured` against `limit`, None where there is no number."""

    code: str
    passed: bool
    measured: Decimal | None
    limit: Decimal | None
    message: str

    def to_json(self) -> dict[str, Any]:
        """One element of a decision's `checks`."""
        return {
            "code": self.code,
            "passed": self.passed,
            "measured": plain_or_none(self.measured),
            "limit": plain_or_none(self.limit),
            "message": self.message,
        }

    def reason_json(self) -> dict[str, Any]:
        """One element of a decision's `reasons`: a failed check."""
        return {
            "code": self.code,
            "message": self.message,
            "measured": plain_or_none(self.measured),
            "limit": plain_or_none(self.limit),
        }


@dataclass(frozen=True, slots=True)
class SizingStep:
    """One step of the arithmetic, as a sentence, and the quantity after it (None before there is
    one)."""

    label: str
    quantity: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """A quotient without end is cut where no venue's quantity reaches."""
        shown = None if self.quantity is None else round_down(self.quantity, _FINEST)
        return {"label": self.label, "value": plain_or_none(shown)}


@dataclass(frozen=True, slots=True)
class Sizing:
    """How large the entry is and how that came about."""

    method: SizingMethod
    quantity: Decimal | None
    notional: Decimal | None = None
    risk_amount: Decimal | None = None
    """Lost when the stop is hit at its price; fees and slippage apart."""
    risk_percent: Decimal | None = None
    """The same, of equity."""
    risk_reward: Decimal | None = None
    """Distance to the first target over distance to the stop."""
    steps: tuple[SizingStep, ...] = field(default=())
    problem: SizingProblem | None = None

    def to_json(self) -> dict[str, Any]:
        """A decision's `sizing`."""
        return {
            "method": self.method.value,
            "quantity": plain_or_none(self.quantity),
            "notional": plain_or_none(self.notional),
            "risk_amount": plain_or_none(self.risk_amount),
            "risk_percent": plain_or_none(self.risk_percent),
            "risk_reward": plain_or_none(self.risk_reward),
            "steps": [step.to_json() for step in self.steps],
        }


def strictest(states: Iterable[tuple[Scope, TradingStateName]]) -> TradingStateName:
    """The one that counts; active where nothing is set."""
    order = list(TradingStateName)
    return max((state for _, state in states), key=order.index, default=TradingStateName.ACTIVE)
