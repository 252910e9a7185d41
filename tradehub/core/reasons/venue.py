"""Texts of the codes for what a venue said, or failed to say. Pure data."""

TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "VENUE_REJECTED",
        "The venue refused the order",
        "The order reached the venue, and the venue said no for certain. Its own code and text "
        "stand beside this one. Nothing was traded.",
        "Read the venue's text. The usual causes are too little money, a step or minimum that has "
        "changed, or a symbol that is not traded at the moment.",
    ),
    (
        "VENUE_RATE_LIMITED",
        "The venue is asking us to slow down",
        "The venue refused the request because too many came from this account or address. Exits "
        "are served first when the rate is short.",
        "Nothing to do at once: TradeHub waits as long as the venue says. If it happens often, "
        "fewer strategies should share the account or the address.",
    ),
    (
        "BAD_CREDENTIALS",
        "The venue doesn't accept the API key",
        "The venue refused the account's key before it looked at the order: the key is wrong, has "
        "expired, lacks the right to trade, belongs to the other environment, or is bound to "
        "another address.",
        "Make a new key at the venue with trading allowed and withdrawals not, allow this server's "
        "address, save it on the account's page and run the account's check.",
    ),
    (
        "NOT_SENT",
        "The order did not reach the venue",
        "The connection failed before the request could leave, which is certain: the venue knows "
        "nothing of this order.",
        "Check the venue's status and this server's network. A later alert is not affected.",
    ),
    (
        "OUTCOME_UNKNOWN",
        "It is not known yet whether the venue took the order",
        "The request was sent, but no clear answer came back. The order is not sent again: "
        "TradeHub asks the venue about it, by its client order id, until the venue says what it "
        "knows.",
        "Wait a moment; the order settles by itself. Don't send the same trade by hand before.",
    ),
    (
        "NEEDS_REVIEW",
        "A person has to look at it",
        "The order was sent, and nothing proves what became of it: the venue gave no answer for a "
        "minute, or knows orders only by its own numbers. It is not sent again, and new entries in "
        "its symbol are denied until somebody knows; exits pass.",
        "Look at the venue's own site for the order: symbol, side, quantity and time stand on its "
        "page here. Then answer on that page: it is not there, or it is there under which number. "
        "Either way TradeHub asks the venue once more before it believes it. Don't send the same "
        "trade by hand before. On an order that was denied, this says that its owner did not find "
        "it at the venue.",
    ),
    (
        "VENUE_ACCOUNT_TAKEN",
        "This account at the venue is connected already",
        "The venue says that this key is of an account that another broker account here trades "
        "already. Two for one would each take what the other trades for their own, and count the "
        "same money twice. So the second one sends no entries.",
        "Trade on the first one, with several strategies if you like. Or delete the one that never "
        "had an order, then check this one again.",
    ),
    (
        "VENUE_ACCOUNT_CHANGED",
        "The key belongs to another account at the venue",
        "The row was opened for one account at the venue, and the key that was entered now is of "
        "another one. Orders and positions of both would be mixed, so nothing is sent there, exits "
        "and stops included, and nothing is compared: everything waits. What rests at the first "
        "account still works there.",
        "Enter a key of the first account, or open another broker account here for the new key. "
        "Until then look after open positions at the venue itself.",
    ),
    (
        "HELD",
        "TradeHub waited for room in the venue's rate",
        "The venue counts requests, and what was left of its limit is kept for what is more "
        "urgent: exits, cancels and stops. So this request was not sent at all.",
        "Nothing to do at once: there is room again after the seconds that the text names. If it "
        "happens often, fewer strategies should share the account or the address.",
    ),
    (
        "POSITION_MODE",
        "The account's position mode is not the one set here",
        "Binance has each futures account either in one-way or in hedge mode, and the option "
        "position_mode here says the other one. An entry would mean something else than it says, "
        "so none is sent. Exits pass.",
        "Change the mode at Binance, which takes a flat account without orders, or the option on "
        "the account's page here. Then check the account.",
    ),
    (
        "BOTH_SIDES",
        "The other side of the symbol is open",
        "The account is in hedge mode, where long and short of a symbol may be held side by side. "
        "TradeHub counts a symbol as one position, so it opens no second side.",
        "Close the side that is open, then send the alert again.",
    ),
    (
        "LEVERAGE_HELD",
        "The symbol is in use at another leverage",
        "Binance has one leverage for a symbol. Something is held or waits there at another one "
        "than this entry asks for, and a change would be one of that too, so nothing was sent.",
        "Close and cancel what is there first, or set the same leverage on the account.",
    ),
    (
        "UNPROTECTED_POSITION",
        "A position has no stop, though it asked for one",
        "The entry asked for a stop loss, and there is no working stop for all of the position: it "
        "was refused by the venue, cancelled by somebody, or has not been confirmed yet. Or it has "
        "a limit, and the price has jumped beyond that.",
        "Place a stop or close the position. With on_unprotected set to close, TradeHub closes it "
        "for you, and in any case where the price has passed or jumped the stop.",
    ),
)
