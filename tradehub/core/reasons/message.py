"""Texts of the codes about an alert or a request that can't be used. Pure data."""

TEXTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "INVALID_JSON",
        "The body could not be read",
        "The body is not a valid JSON document, or not one of the text forms that TradeHub reads. "
        "Doubled keys, NaN, Infinity and very deep nesting are refused as well, since two readers "
        "could understand them differently.",
        "Compare the stored body with the example on the strategy's page. The usual causes are a "
        "missing quote, a comma after the last field, or quotes that a chat program made curly.",
    ),
    (
        "INVALID_FIELD",
        "A field has a value that can't be used",
        "A field is there, but its value has the wrong form: a word where a number belongs, a zero "
        "or negative size, an unknown option, a time without a date. Such a value is never "
        "guessed at, because a guess would be traded.",
        "The pointer names the field and the text says what it accepts. A field that you don't "
        'want to set may be left out, null or "".',
    ),
    (
        "MISSING_FIELD",
        "A required field is missing",
        "Something that can't be assumed was not said, for example the symbol, the action, the "
        "price of a limit order, or the strategy when a webhook serves several.",
        "Add the field that the pointer names.",
    ),
    (
        "UNRESOLVED_PLACEHOLDER",
        "A placeholder was not filled in",
        "The alert still holds text such as {{close}}. TradingView replaces only the placeholders "
        "it knows, and strategy placeholders only in alerts on a strategy. What is sent by hand or "
        "by another program is replaced by nobody.",
        "Check the spelling of the placeholder. Put a value in its place where TradingView doesn't "
        "send the message; make an alert with {{strategy.…}} on a strategy, not on an indicator.",
    ),
    (
        "CONTRADICTORY_FIELDS",
        "Two fields contradict each other",
        "Two fields of the message say different things, for example a buy with sentiment short, "
        "or two sizes. TradeHub does not choose between them.",
        "Keep the one that you mean and remove the other.",
    ),
    (
        "BODY_TOO_LARGE",
        "The body is too large",
        "The body is larger than TradeHub takes: 64 KiB for an alert. The rest was not read.",
        "Send only the fields that are needed; an alert is usually below one kilobyte.",
    ),
    (
        "UNKNOWN_ACTION",
        "The action is not known",
        "The word that says what to do is none that TradeHub knows, in any of its dialects. "
        "Nothing was traded.",
        "Use buy, sell, close, or one of the other actions on the page about alert messages.",
    ),
    (
        "UNSUPPORTED_FIELD",
        "A field is not supported here",
        "The message asks for something that this form, resource or strategy doesn't take. It is "
        "refused and not ignored: an ignored stop or limit would be one that you count on.",
        "Remove the field, or correct its name. For an alert, look at what the strategy lets "
        "alerts override.",
    ),
    (
        "INVALID_PASSPHRASE",
        "The passphrase is wrong or missing",
        "This webhook has a passphrase, and the one in the message is missing or another one. "
        "Nothing was traded.",
        "Put the passphrase into the alert's message as the field passphrase, or set a new one on "
        "the strategy's page. If you did not send this alert, rotate the webhook's URL.",
    ),
    (
        "INVALID_SIGNATURE",
        "The signature is wrong or missing",
        "This webhook asks for an HMAC signature, and the one that came is missing, too old, or "
        "was not made over exactly this body with this webhook's secret.",
        "Sign the raw bytes of the body, not a re-formatted copy, and check the secret and the "
        "sender's clock.",
    ),
    (
        "NOT_FOUND",
        "There is nothing here",
        "The address, the object or the webhook token doesn't exist, was revoked, has expired, or "
        "belongs to somebody else. The answer is the same in all these cases on purpose.",
        "Check the address. A webhook's URL is shown only when it is made: if it is lost, rotate "
        "it on the strategy's page and put the new one into TradingView.",
    ),
    (
        "RATE_LIMITED",
        "Too many requests",
        "More requests came in this minute than the limit allows. The ones above it were counted, "
        "but not stored and not executed.",
        "Wait as long as the Retry-After header says. For a webhook, raise its requests per "
        "minute, or let the alert fire once per bar close.",
    ),
    (
        "NOT_STORED",
        "The alert could not be stored",
        "The database did not take the alert in time, so it was not accepted and nothing will be "
        "traded for it. Only what is stored is ever acknowledged.",
        "Send it again: the same message is never executed twice. If it goes on, the operator "
        "should look at /readyz/ingest and at the disk's free space.",
    ),
    (
        "IDEMPOTENCY_CONFLICT",
        "The same id was used for something else",
        "An alert id or Idempotency-Key that was already used came again with another size, order "
        "type, price, protection or body. The first one stands, this one was not executed.",
        "Use a new id for each thing that you want done, and the same id only to repeat exactly "
        "the same request.",
    ),
)

STATUSES = {
    "INVALID_JSON": 400,
    "INVALID_FIELD": 422,
    "MISSING_FIELD": 422,
    "UNRESOLVED_PLACEHOLDER": 422,
    "CONTRADICTORY_FIELDS": 422,
    "BODY_TOO_LARGE": 413,
    "UNKNOWN_ACTION": 422,
    "UNSUPPORTED_FIELD": 422,
    "INVALID_PASSPHRASE": 401,
    "INVALID_SIGNATURE": 401,
    "NOT_FOUND": 404,
    "RATE_LIMITED": 429,
    "NOT_STORED": 503,
    "IDEMPOTENCY_CONFLICT": 409,
}
