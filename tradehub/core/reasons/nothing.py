"""Texts of the codes that say why a valid alert needed no order. Pure data."""

TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "ALREADY_FLAT",
        "There is no position to close",
        "The alert asks to close or reduce, but the strategy holds nothing in that symbol on this "
        "account. Often a stop or target was faster.",
        "Nothing to do. If you do see a position at the venue, it belongs to another strategy or "
        "was opened outside of TradeHub: the account's page shows whose it is.",
    ),
    (
        "ALREADY_IN_POSITION",
        "The position is already held",
        "A further alert in the direction that is already held would add to the position, and the "
        "strategy's max_adds is used up (0 means never add).",
        "Raise max_adds on the strategy if you want to add to positions, or ignore it: many "
        "strategies repeat their alerts.",
    ),
    (
        "OPPOSITE_IGNORED",
        "An opposite alert was ignored",
        "The strategy holds a position against the alert's direction, and its setting on_opposite "
        "is ignore.",
        "Set on_opposite to close or reverse if such an alert should end or turn the position.",
    ),
    (
        "TARGET_REACHED",
        "The position is already as asked",
        "The alert names the position that should be held, and the strategy already holds it, so "
        "no order is needed.",
        "Nothing to do.",
    ),
    (
        "NO_OPEN_ORDERS",
        "There is no order to cancel or change",
        "The alert asks to cancel or amend, but the strategy has no working order in that symbol "
        "on this account. It may have been filled, or have expired.",
        "Nothing to do. The orders page shows what became of each order.",
    ),
    (
        "REPLACED",
        "Another order took its place",
        "Its price or quantity was changed while it worked. It was cancelled at the venue, and the "
        "order that replaces it goes on with what was left of it. What it had filled stays.",
        "Nothing to do. The order that took its place is named beside this.",
    ),
    (
        "NOT_REPLACEABLE",
        "The order can't be changed",
        "Only an order of ours that works at the venue can be replaced by another. This one has "
        "ended or has not left yet, its outcome is being checked, it protects a position, or it "
        "was placed outside of TradeHub; or the venue would not cancel it.",
        "Read the sentence beside this code. Look at the order as it is now; if it has ended, "
        "place another one.",
    ),
)
