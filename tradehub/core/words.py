"""The field's words as enumerations; each means one thing everywhere.

Pure: standard library only. Values are the strings of the public contract and of the database,
so a value is never renamed.
"""

from enum import StrEnum


class Verb(StrEnum):
    """What an alert asks for."""

    ENTER = "enter"
    EXIT = "exit"
    ADD = "add"
    REDUCE = "reduce"
    REVERSE = "reverse"
    TARGET = "target"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    CLOSE_ALL = "close_all"
    BREAKEVEN = "breakeven"
    AMEND = "amend"
    PAUSE = "pause"


class PositionSide(StrEnum):
    """The side of a position; for exit and reduce, the side being closed."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class OrderSide(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what one unit does to a signed position."""
        return 1 if self is OrderSide.BUY else -1

    @property
    def opposite(self) -> "OrderSide":
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


class SizeMode(StrEnum):
    """How a size is meant. Percents are whole numbers: 2 is 2 %."""

    QUANTITY = "quantity"
    NOTIONAL = "notional"
    PERCENT_EQUITY = "percent_equity"
    PERCENT_BUYING_POWER = "percent_buying_power"
    PERCENT_POSITION = "percent_position"
    RISK_PERCENT = "risk_percent"
    RISK_AMOUNT = "risk_amount"
    MARGIN_PERCENT = "margin_percent"
    TARGET_QUANTITY = "target_quantity"
    DEFAULT = "default"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


class OrderRole(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class OrderSource(StrEnum):
    WEBHOOK = "webhook"
    MANUAL = "manual"
    API = "api"
    STRATEGY = "strategy"
    SYSTEM = "system"
    EXTERNAL = "external"


class OrderStatus(StrEnum):
    """DENIED: we refused before sending. REJECTED: the venue refused. UNCONFIRMED: sent, outcome
    not known yet; only evidence from the venue leaves it."""

    QUEUED = "queued"
    SENDING = "sending"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    DENIED = "denied"
    EXPIRED = "expired"
    UNCONFIRMED = "unconfirmed"


class SignalStatus(StrEnum):
    RECEIVED = "received"
    PROCESSED = "processed"
    HELD = "held"
    INVALID = "invalid"
    STALE = "stale"
    FAILED = "failed"


class Outcome(StrEnum):
    """What was decided for one signal on one account."""

    APPROVED = "approved"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    NOTHING_TO_DO = "nothing_to_do"


class SubscriptionMode(StrEnum):
    AUTO = "auto"
    APPROVE = "approve"
    DRY_RUN = "dry_run"


class TradingStateName(StrEnum):
    """ACTIVE trades; REDUCING takes no entries; HALTED takes none and cancels working entries.
    Exits pass in all three. Ordered: the later, the stricter."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Scope(StrEnum):
    SITE = "site"
    USER = "user"
    ACCOUNT = "account"
    STRATEGY = "strategy"


class BrokerKind(StrEnum):
    PAPER = "paper"
    BINANCE_SPOT = "binance_spot"
    BINANCE_FUTURES = "binance_futures"
    ALPACA = "alpaca"


class Environment(StrEnum):
    PAPER = "paper"
    TEST = "test"
    LIVE = "live"
