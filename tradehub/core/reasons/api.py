"""Texts of the codes that only the API and the pages answer. Pure data."""

TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "NOT_AUTHENTICATED",
        "Who you are was not proven",
        "The request carries no API key, or one that is unknown, revoked or expired, or whose user "
        "is no longer active; or a page's form was sent without its session or CSRF token.",
        "Send the header Authorization: Bearer with a valid key; make one on the API keys page. On "
        "a page, reload it, log in and try again.",
    ),
    (
        "SCOPE_MISSING",
        "Not allowed with this key",
        "You are known, but this API key has not the scope that the action needs, or the action "
        "is for operators. Scopes: read sees, trade makes and cancels orders, manage changes "
        "settings and keys, halt stops and resumes trading.",
        "Make a key with the scope that the answer names. A key can't make one that may do more "
        "than itself.",
    ),
    (
        "PASSWORD_NEEDED",
        "Give your password first",
        "This session proved who you are some time ago. To change a venue's key, or to let an "
        "account trade real money, it has to be proven again, so that a browser left open can't.",
        "Confirm your password on the page that the answer names, then repeat the request within "
        "five minutes. API keys with the scope manage are not asked.",
    ),
    (
        "METHOD_NOT_ALLOWED",
        "This address doesn't take that method",
        "The address exists, but not for this HTTP method. Ledgers such as fills, signals and the "
        "audit log can be read and never written.",
        "The Allow header lists the methods that work; /api/docs/ describes each of them.",
    ),
    (
        "CONFLICT",
        "The present state doesn't allow it",
        "The object has moved on, or something else stands in the way: a name that is already "
        "taken, an order that is already final, a thing that is still in use.",
        "Read the object again, then decide: the text says what stood in the way.",
    ),
    (
        "INTERNAL_ERROR",
        "Something broke inside TradeHub",
        "This is a fault in TradeHub, not in what you sent. An order is never sent again blindly "
        "after such a fault: what is not certain is asked at the venue.",
        "Tell the operator the request id; the log has the whole story under it. Look at the "
        "orders before you repeat something that trades.",
    ),
)

STATUSES = {
    "NOT_AUTHENTICATED": 401,
    "SCOPE_MISSING": 403,
    "PASSWORD_NEEDED": 403,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "INTERNAL_ERROR": 500,
}
