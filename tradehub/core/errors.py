"""Errors that a user, a script or a page may see.

    TradehubError      code, message, optional JSON pointer and numbers
      BadInput         what was sent is wrong; the sender mends it
      Conflict         the state does not allow it
      NotFound         no such thing, or not yours: the same answer

Every code is in `tradehub.core.reasons`. Pure. Venue errors are apart, in `brokers.errors`.
"""


class TradehubError(Exception):
    """Base: a stable `code` and a sentence for people. Never carries a secret."""

    code = "INTERNAL_ERROR"

    def __init__(
        self, message: str, *, code: str | None = None, pointer: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.pointer = pointer


class BadInput(TradehubError):
    code = "INVALID_FIELD"


class Conflict(TradehubError):
    code = "CONFLICT"


class NotFound(TradehubError):
    code = "NOT_FOUND"

    def __init__(self, message: str = "There is nothing here.", **kwargs: str) -> None:
        super().__init__(message, **kwargs)
