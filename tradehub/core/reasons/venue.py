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
        "The venue says that this key is of an account which another row of this hub trades "
        "already. Two rows for one account would each take what the other trades for their own, "
        "and count the same money twice. So the second one sends no entries.",
        "Trade on the first row, with several strategies if you like. Or delete the row that never "
        "had an order, then check this one again.",
    ),
    (
        "VENUE_ACCOUNT_CHANGED",
        "The key belongs to another account at the venue",
        "The row was opened for one account at the venue, and the key that was entered now is of "
        "another one. Orders and positions of both would be mixed, so no entries are sent.",
        "Enter a key of the first account, or open another broker account here for the new key.",
    ),
    (
        "UNPROTECTED_POSITION",
        "A position has no stop, though it asked for one",
        "The entry asked for a stop loss, and there is no working stop for all of the position: it "
        "was refused by the venue, cancelled by somebody, or has not been confirmed yet.",
        "Place a stop or close the position. With on_unprotected set to close, TradeHub closes it "
        "for you.",
    ),
)
