"""Terms: a strategy's settings and a subscription, frozen when the alert arrived.

Pure. The commit that stores a signal writes them into the lane item as plain JSON, so the decision
reads no row that could have changed since. Live states (paused, halted) are not here on purpose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal, Self

from tradehub.core.intent import Intent, Size, StopLoss, TakeProfit
from tradehub.core.money import ONE, plain, plain_or_none
from tradehub.core.words import OrderSource, OrderType, SubscriptionMode, TimeInForce

OnOpposite = Literal["close", "reverse", "ignore"]
FlipQuantity = Literal["new", "old_plus_new"]

OVERRIDABLE = (
    "order_type",
    "limit_price",
    "stop_price",
    "time_in_force",
    "stop_loss",
    "take_profit",
    "extended_hours",
    "leverage",
    "size",
)
"""What `signal_overrides` may name."""
DEFAULT_OVERRIDES = frozenset(OVERRIDABLE) - {"leverage", "size"}


@dataclass(frozen=True, slots=True)
class Terms:
    strategy: str | None
    risk_profile: str | None
    direction: str = "both"
    symbols: Sequence[str] = ()
    match: str = ""
    symbol_map: Mapping[str, str] = field(default_factory=dict)
    default_order_type: OrderType = OrderType.MARKET
    default_time_in_force: TimeInForce = TimeInForce.DAY
    leverage: Decimal | None = None
    """At which it trades, where the venue lets an entry say so; None: at the account's."""
    default_stop_loss_percent: Decimal | None = None
    default_take_profit_percent: Decimal | None = None
    on_opposite: OnOpposite = "close"
    max_adds: int = 0
    flip_quantity: FlipQuantity = "new"
    overrides: frozenset[str] = DEFAULT_OVERRIDES
    multiplier: Decimal = ONE
    mode: SubscriptionMode = SubscriptionMode.AUTO
    source: OrderSource = OrderSource.WEBHOOK

    def to_json(self) -> dict[str, Any]:
        return {
            "strategy": self.strategy,
            "risk_profile": self.risk_profile,
            "direction": self.direction,
            "symbols": list(self.symbols),
            "match": self.match,
            "symbol_map": dict(self.symbol_map),
            "default_order_type": self.default_order_type,
            "default_time_in_force": self.default_time_in_force,
            "leverage": plain_or_none(self.leverage),
            "default_stop_loss_percent": plain_or_none(self.default_stop_loss_percent),
            "default_take_profit_percent": plain_or_none(self.default_take_profit_percent),
            "on_opposite": self.on_opposite,
            "max_adds": self.max_adds,
            "flip_quantity": self.flip_quantity,
            "overrides": sorted(self.overrides),
            "multiplier": plain(self.multiplier),
            "mode": self.mode,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`, for a record this program wrote itself."""
        values = dict(data)
        for name in ("leverage", "default_stop_loss_percent", "default_take_profit_percent"):
            values[name] = None if values.get(name) is None else Decimal(values[name])
        values["default_order_type"] = OrderType(values["default_order_type"])
        values["default_time_in_force"] = TimeInForce(values["default_time_in_force"])
        values["symbols"] = tuple(values["symbols"])
        values["symbols"] = tuple(values["symbols"])
        values["overrides"] = frozenset(values["overrides"])
        values["multiplier"] = Decimal(values["multiplier"])
        values["mode"] = SubscriptionMode(values["mode"])
        values["source"] = OrderSource(values["source"])
        return cls(**values)


UNREADABLE = (ArithmeticError, AttributeError, KeyError, TypeError, ValueError)
"""What reading terms or intents raises that are not as this program writes them."""


def effective_intent(intent: Intent, terms: Terms) -> Intent:
    """The intent with what the strategy doesn't let an alert set taken away, and the strategy's
    defaults filled in. The symbol is mapped; a size is judged later, by the risk profile."""
    kept: dict[str, Any] = {"symbol": mapped_symbol(intent, terms)}
    for name in ("limit_price", "stop_price", "time_in_force", "extended_hours", "leverage"):
        if name not in terms.overrides:
            kept[name] = None
    if "order_type" not in terms.overrides:
        kept["order_type"] = None
    stop_loss = intent.stop_loss if "stop_loss" in terms.overrides else None
    if stop_loss is None and terms.default_stop_loss_percent is not None:
        stop_loss = StopLoss(percent=terms.default_stop_loss_percent)
    targets = intent.take_profits if "take_profit" in terms.overrides else ()
    if not targets and terms.default_take_profit_percent is not None:
        targets = (TakeProfit(percent=terms.default_take_profit_percent),)
    intent = replace(intent, **kept, stop_loss=stop_loss, take_profits=targets)
    if intent.leverage is None and terms.leverage is not None:
        intent = replace(intent, leverage=terms.leverage)
    if _is_limit_by_default(intent, terms):
        intent = replace(intent, limit_price=intent.reference_price)
    return replace(
        intent,
        order_type=intent.order_type or terms.default_order_type,
        time_in_force=intent.time_in_force or terms.default_time_in_force,
        size=intent.size or Size(),
    )


def _is_limit_by_default(intent: Intent, terms: Terms) -> bool:
    """The strategy makes it a limit order, and the alert's price is the only one it can mean."""
    by_default = intent.order_type is None and terms.default_order_type is OrderType.LIMIT
    return by_default and intent.limit_price is None


def mapped_symbol(intent: Intent, terms: Terms) -> str | None:
    """By the strategy's map, with or without the exchange (`CME:NQ1!` before `NQ1!`)."""
    if intent.symbol is None or not terms.symbol_map:
        return intent.symbol
    exchange = intent.extras.get("exchange")
    qualified = f"{exchange}:{intent.symbol}" if exchange else intent.symbol
    return terms.symbol_map.get(qualified) or terms.symbol_map.get(intent.symbol) or intent.symbol
