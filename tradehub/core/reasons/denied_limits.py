"""Texts of the denials that come from sizes and limits. Pure data.

The numbers stand beside the code: what was measured, and the limit it broke. A missing or stale
number is a denial too.
"""

TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "SIZE_MISSING",
        "Nothing says how large the order should be",
        "The alert names no size, and the risk profile's sizing gives none either.",
        "Add quantity to the alert, or set sizing_value on the risk profile.",
    ),
    (
        "SIZE_ZERO",
        "The size came out as zero",
        "After sizing, limits and rounding down to the venue's step nothing was left. Quantities "
        "are never rounded up.",
        "The sizing steps on the signal's page show where it vanished: usually the step of the "
        "symbol is larger than what the sizing allows.",
    ),
    (
        "ORDER_VALUE_BELOW_MIN",
        "The order is too small",
        "The value of the order is below the venue's minimum, or below min_order_value of the risk "
        "profile. Or its stop would be worth less than the venue's minimum for an order that "
        "closes, so that nothing could guard what is entered.",
        "Use a larger size, or a stop nearer to the price. The limit beside the code is the least "
        "that would do.",
    ),
    (
        "ORDER_VALUE_ABOVE_MAX",
        "The order is worth too much",
        "Quantity times price is above max_order_value.",
        "Use a smaller size, raise the limit, or set size_limits to reduce, which makes such an "
        "order smaller instead of refusing it.",
    ),
    (
        "ORDER_QUANTITY_ABOVE_MAX",
        "The quantity is too large",
        "The quantity is above max_order_quantity, or above what the venue takes in one order, or "
        "the account would hold more than the venue closes with one order at the market.",
        "Use a smaller size or raise the limit. Look for a quantity meant in another unit.",
    ),
    (
        "POSITION_VALUE_ABOVE_MAX",
        "The position would be too large",
        "With this order the position in the symbol, working entries included, would be above "
        "max_position_value or max_position_percent of equity.",
        "Use a smaller size, wait until the position is smaller, or raise the limit.",
    ),
    (
        "TOTAL_EXPOSURE_ABOVE_MAX",
        "All positions together would be too large",
        "The value of all positions and working entries of the account would be above "
        "max_total_exposure. Long and short add up, they don't cancel out.",
        "Close something, use a smaller size, or raise the limit.",
    ),
    (
        "OPEN_POSITIONS_AT_MAX",
        "As many positions as allowed are open",
        "The account holds max_open_positions positions, entries on their way included.",
        "Close a position or raise the limit.",
    ),
    (
        "OPEN_ORDERS_AT_MAX",
        "As many orders as allowed are working",
        "The symbol has max_open_orders_per_symbol working orders on this account.",
        "Cancel one or raise the limit.",
    ),
    (
        "ADDS_AT_MAX",
        "The position was added to often enough",
        "The alert says add, and the strategy's max_adds is used up for this position.",
        "Raise max_adds on the strategy. It counts anew with the next position.",
    ),
    (
        "TRADES_TODAY_AT_MAX",
        "As many trades as allowed were made today",
        "The entries since the profile's day started have reached max_trades_per_day. Exits and "
        "cancels don't count.",
        "Wait for the next trading day (time zone and start are in the risk profile), or raise "
        "the limit.",
    ),
    (
        "ORDER_RATE_ABOVE_MAX",
        "Too many orders in a minute",
        "The account has made max_orders_per_minute entries within the last minute. This stops an "
        "alert that has gone wild.",
        "Check why so many alerts come. If all of them are meant, raise the limit.",
    ),
    (
        "SYMBOL_ORDER_RATE_ABOVE_MAX",
        "Too many orders for this symbol in a minute",
        "The symbol has seen max_orders_per_minute_per_symbol entries within the last minute.",
        "Check why so many alerts come, or raise the limit.",
    ),
    (
        "REPEATED_EXECUTION",
        "The same trade was repeated too often",
        "The same strategy, symbol, side and size came max_repeats_per_minute times within a "
        "minute, each as an alert of its own.",
        "Let the alert fire once per bar close, or raise the limit.",
    ),
    (
        "DAILY_LOSS_REACHED",
        "The daily loss limit is reached",
        "Today's loss, open positions included, has reached max_daily_loss_amount or "
        "max_daily_loss_percent. Entries stop until the next trading day.",
        "Wait for the next trading day. A limit raised in the heat of a loss is seldom a good one.",
    ),
    (
        "DRAWDOWN_REACHED",
        "The drawdown limit is reached",
        "Equity has fallen from its highest point by max_drawdown_percent.",
        "Look at what happened before you go on; then raise the limit or reset the "
        "high-water mark.",
    ),
    (
        "CIRCUIT_BREAKER_OPEN",
        "The circuit breaker is open",
        "A loss of circuit_breaker_loss_percent stopped entries. It closes again after "
        "circuit_breaker_reset_hours.",
        "Wait, or reset it on the account's page.",
    ),
    (
        "LOSING_STREAK_COOLDOWN",
        "Pause after a losing streak",
        "max_consecutive_losses trades in a row lost, so entries rest for cooldown_minutes.",
        "Wait for the end of the pause, or change the setting.",
    ),
    (
        "LEVERAGE_ABOVE_MAX",
        "The leverage is too high",
        "The leverage of the alert, of the strategy, or of the account after this order would be "
        "above max_leverage.",
        "Use a smaller size or a lower leverage, or raise the limit.",
    ),
    (
        "BUYING_POWER_TOO_LOW",
        "There is not enough buying power",
        "The order, with its fees, needs more than the account has free. What working entries "
        "have reserved counts as used.",
        "Use a smaller size, cancel a working entry, or add funds.",
    ),
    (
        "SECTOR_EXPOSURE_ABOVE_MAX",
        "Too much in one sector",
        "All positions of the symbol's sector would be above max_sector_exposure_percent of "
        "equity.",
        "Close something in the sector, correct the sectors table, or raise the limit.",
    ),
    (
        "CORRELATION_ABOVE_MAX",
        "Too much alike what is already held",
        "The symbol has moved with one that is held more closely than max_correlation over the "
        "look-back, so both would be one larger bet.",
        "Close the other position, or raise the limit.",
    ),
    (
        "DAY_TRADE_LIMIT",
        "The day-trade limit is reached",
        "With this entry the account could make more day trades in five days than the rule for "
        "small margin accounts allows.",
        "Wait until an older day trade leaves the window, or change day_trade_rule if your broker "
        "doesn't apply it.",
    ),
    (
        "INTRADAY_MARGIN_DEFICIT",
        "The intraday margin doesn't suffice",
        "With this entry the account would be below the margin that its broker asks for within "
        "the day.",
        "Use a smaller size, close something, or add funds.",
    ),
    (
        "SHORT_NOT_ALLOWED",
        "Short selling is not possible here",
        "The order would open a short position, and the account or the venue doesn't allow that: "
        "spot markets and cash accounts can't go short.",
        "Trade the symbol on an account that can, or set the strategy to long_only.",
    ),
    (
        "OPPOSITE_HELD",
        "The opposite side is held",
        "The account holds the other direction in this symbol for another strategy or from "
        "outside, and it nets positions: the order would close those instead of opening its own.",
        "Use an account of its own for each strategy that trades both ways in a symbol.",
    ),
    (
        "LIMIT_NOT_SET",
        "A live account needs this limit",
        "A live account takes no entry until max_order_value, one of max_position_value and "
        "max_position_percent, and one of the daily loss limits are set.",
        "Set the limit that the message names on the account's risk profile.",
    ),
    (
        "UNSUPPORTED_BY_VENUE",
        "The venue can't do this",
        "The order type, time in force, bracket, stop or quantity asked for doesn't exist at this "
        "venue for this symbol. It is refused rather than turned into something else.",
        "The account's page lists what the venue can do; change the alert or the strategy.",
    ),
    (
        "APPROVAL_EXPIRED",
        "Nobody approved it in time",
        "The subscription asks for approval, and none came within approval_expires_seconds, or "
        "the price moved by more than approval_max_drift_percent meanwhile.",
        "Answer sooner, allow more time, or set the subscription's mode to auto.",
    ),
    (
        "APPROVAL_REJECTED",
        "The approval was refused",
        "The subscription asks for approval, and somebody said no. The audit log shows who.",
        "Nothing to do.",
    ),
)
