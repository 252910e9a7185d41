"""Texts of the denials that come from states, rules, markets and prices. Pure data.

Denied means: the alert was understood, and one of the user's own rules said no before anything was
sent. All of these concern entries; an exit passes every one of them.
"""

TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "TRADING_HALTED",
        "Trading is halted",
        "The site, the user, the account or the strategy is halted: no entry is taken and working "
        "entries were cancelled. The strictest state of the four wins. Exits still pass.",
        "The dashboard shows who halted it, when and why. Resume it there when you are ready.",
    ),
    (
        "REDUCE_ONLY_STATE",
        "Only exits are taken at the moment",
        "The site, the user, the account or the strategy is set to reducing: positions may be "
        "closed or made smaller, but not opened or made larger.",
        "Resume trading on the dashboard when entries should be taken again.",
    ),
    (
        "STRATEGY_PAUSED",
        "The strategy is paused",
        "Its alerts are taken and logged and its exits are executed, but entries are not.",
        "Resume the strategy on its page.",
    ),
    (
        "STRATEGY_MISMATCH",
        "The alert is not for this strategy",
        "The strategy takes only alerts whose strategy field equals its match setting, and this "
        "alert says something else.",
        "Correct the alert's strategy field, or the match setting (empty takes any alert).",
    ),
    (
        "ACCOUNT_DISABLED",
        "The broker account is switched off",
        "The account that this strategy trades on was disabled by its owner or an operator.",
        "Enable the account on its page, or subscribe the strategy to another account.",
    ),
    (
        "ACCOUNT_CHECK_FAILED",
        "The account has not passed its check",
        "The account doctor looks at every account of a real venue before it is traded, every "
        "night, and when its key changes: that the key works, may trade and is of an account that "
        "is connected once. A line that must hold does not, or the first look has not been yet. "
        "Exits still pass.",
        "Open the account's page: its check names what is wrong and what to do. Mend that, then "
        "check again; entries pass as soon as it does.",
    ),
    (
        "ACCOUNT_NOT_RECONCILED",
        "The account has not been compared with the venue yet",
        "After a start, a reconnect or a doubt, entries wait until orders and positions here equal "
        "those at the venue. Trading on a picture that may be wrong could double a position.",
        "It usually takes seconds. If it lasts, the account's page says what doesn't agree, and "
        "its check says whether the venue can be reached.",
    ),
    (
        "SYMBOL_NOT_RECONCILED",
        "This symbol differs from the venue",
        "For this symbol the position or an order here is not what the venue shows. Other symbols "
        "of the account trade on.",
        "Open the account's page and settle the difference, or sync the account.",
    ),
    (
        "DIRECTION_NOT_ALLOWED",
        "This direction is not allowed",
        "The strategy or the risk profile trades only long or only short, and the alert would open "
        "the other side.",
        "Change the direction setting if you do want both sides.",
    ),
    (
        "SYMBOL_NOT_ALLOWED",
        "This symbol is not allowed",
        "The symbol is not in the allow-list of the strategy or the risk profile, or it is in the "
        "block-list.",
        "Add the symbol to the list, or remove it from the block-list. Mind that spot and "
        "perpetual are two symbols.",
    ),
    (
        "SYMBOL_UNKNOWN",
        "The venue doesn't know this symbol",
        "No instrument of this venue goes by that name, or it is not traded at the moment. Spot is "
        "never taken for a perpetual or the other way round.",
        "Correct the symbol in the alert, or map it in the strategy's symbol_map, for example from "
        "NQ1! to QQQ.",
    ),
    (
        "DELAYED_DATA",
        "The alert was made from delayed data",
        "TradingView marked the symbol as delayed, so its prices are minutes old. An entry on them "
        "would be late by as much.",
        "Use a symbol with a real-time feed in TradingView for alerts that trade.",
    ),
    (
        "MARKET_CLOSED",
        "The market is closed",
        "The venue takes no orders of this symbol now; or its session is closed, or its hours "
        "could not be read, and the order would wait for the open and fill at whatever price it "
        "has then.",
        "Send it in the session. A limit order may wait for the open, one with extended_hours need "
        "not, and time_in_force opg is for the auction at the open. Of a symbol that is locked, "
        "the account's check tells the venue's word.",
    ),
    (
        "OUTSIDE_TRADING_WINDOW",
        "Outside of the trading windows",
        "The risk profile allows entries only at certain hours or days in its time zone, and this "
        "is none of them; or it is too short before the close.",
        "Change trading_windows, flat_before_close or the time zone of the risk profile.",
    ),
    (
        "SIGNAL_STALE",
        "The alert is too old",
        "More time has passed between the alert and its decision, or the moment its order could "
        "leave, than max_signal_age_seconds or the alert's own max_age_seconds allows. The price "
        "it was made for may be gone. Age counts from the sending: timenow, sent_at or timestamp. "
        "Without one it counts from the close of the bar, if the alert has time (the bar's "
        "opening) and interval, else from the receipt. An exit is executed late, and says so.",
        "If alerts are often late, look at the latency on the signal's page. Check that the "
        "alert's times are in UTC: add timenow as {{timenow}}.",
    ),
    (
        "SIGNAL_OUT_OF_ORDER",
        "A newer alert was decided before it",
        "The alert was sent before another one of the same strategy and symbol that has been "
        "decided on this account already. Executing it now would undo the newer one. An exit is "
        "still executed, unless the newer alert led to an order that filled or works. Only times "
        "of sending (timenow, sent_at, timestamp) are compared, a whole second as a whole. An exit "
        "that failed on our side, and that a newer entry has passed, is not executed either.",
        "Nothing to do. If it happens often, the sender delivers its alerts in the wrong order, "
        "or two senders of one strategy have different clocks.",
    ),
    (
        "NOT_CLEARED",
        "What it was to follow has not made way",
        "The alert cancels orders and enters anew. One of those works on at the venue, though it "
        "was asked to cancel it, or has filled while it was cancelled. The new entry was measured "
        "without that order and would come on top of it, past your limits, so it did not leave.",
        "Look at the order that the sentence names and at what is held now. If you still want the "
        "new entry, send it again.",
    ),
    (
        "PRICE_MISSING",
        "There is no price to work with",
        "Neither the alert nor the account's price source has a price for this symbol, so neither "
        "size nor risk can be known. A missing number is a denial, not a pass.",
        "Add the field price to the alert, for example {{close}}, or choose a price source that "
        "knows the symbol.",
    ),
    (
        "PRICE_STALE",
        "The latest price is too old",
        "The newest price of this symbol is older than max_price_age_seconds, so a limit that is "
        "measured with it can't be trusted; or it is so old that a paper account with a venue's "
        "prices lets no market order fill at it (five minutes), as while the market is closed.",
        "Check the venue's price stream on the status page, or raise max_price_age_seconds. While "
        "the market is closed, send a limit order: it waits.",
    ),
    (
        "PRICE_OUTSIDE_COLLAR",
        "The price is too far from the market",
        "The price of the alert or of its order is farther from the market than "
        "price_collar_percent allows. That is mostly a wrong symbol, a wrong currency or an old "
        "alert.",
        "Check the alert's symbol and price. If the market really moves that much, raise the "
        "collar.",
    ),
    (
        "SPREAD_ABOVE_MAX",
        "The spread is too wide",
        "The difference of bid and ask is larger than max_spread_percent, so a market order would "
        "pay too much.",
        "Wait, use a limit order, or raise max_spread_percent.",
    ),
    (
        "STOP_LOSS_REQUIRED",
        "A stop loss is required",
        "The risk profile requires a stop loss with every entry, or sizes by the distance to it, "
        "and this alert has none.",
        "Add stop_loss to the alert, or a default_stop_loss_percent to the strategy.",
    ),
    (
        "STOP_LOSS_WRONG_SIDE",
        "The stop loss is on the wrong side",
        "A stop of a long lies below its entry, that of a short above. This one would trigger at "
        "once.",
        "Correct the stop_loss of the alert; look for long and short mixed up.",
    ),
    (
        "TAKE_PROFIT_REQUIRED",
        "A take profit is required",
        "The risk profile requires a take profit with every entry, and this alert has none.",
        "Add take_profit to the alert, or a default_take_profit_percent to the strategy.",
    ),
    (
        "TAKE_PROFIT_WRONG_SIDE",
        "The take profit is on the wrong side",
        "A target of a long lies above its entry, that of a short below. This one would be filled "
        "at once.",
        "Correct the take_profit of the alert; look for long and short mixed up.",
    ),
    (
        "RISK_REWARD_TOO_LOW",
        "The reward is too small for the risk",
        "The distance to the target, divided by the distance to the stop, is below "
        "min_risk_reward.",
        "Move the stop or the target, or lower min_risk_reward.",
    ),
)
