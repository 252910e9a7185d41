"""Venue errors, named by what the caller may conclude from them.

    BrokerError          code (ours, in the registry), venue_code and text (the venue's own)
      NotSent            certain: the request never reached the venue; sending again is safe
        AnotherAccount   certain: we did not send, since the key opens another account
      OrderRejected      certain: the venue refused this order
        NotReplaced      certain: nothing was done; the order to be replaced is not as it was
      BadCredentials     certain: refused before the order was looked at; the key is wrong
      Unsupported        certain: we did not send, since the venue can't do it
      RateLimited        certain: refused for its rate; `retry_after` seconds
      OutcomeUnknown     uncertain: ask by client order id, never send again blindly

Pure. An adapter maps every vendor error to one of these and chains it with `from`; on an order
anything unmapped is OutcomeUnknown.
"""


class BrokerError(Exception):
    code = "OUTCOME_UNKNOWN"

    def __init__(self, text: str, *, venue_code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.venue_code = venue_code


class NotSent(BrokerError):
    code = "NOT_SENT"


class AnotherAccount(NotSent):
    """The key opens another one than that whose orders and positions the row has."""

    code = "VENUE_ACCOUNT_CHANGED"


class OrderRejected(BrokerError):
    code = "VENUE_REJECTED"


class NotReplaced(OrderRejected):
    """It has filled in part, or ended: what is left must be counted anew."""


class BadCredentials(BrokerError):
    code = "BAD_CREDENTIALS"


class Unsupported(BrokerError):
    code = "UNSUPPORTED_BY_VENUE"


class RateLimited(BrokerError):
    code = "VENUE_RATE_LIMITED"

    def __init__(
        self, text: str, *, retry_after: float = 1.0, venue_code: str | None = None
    ) -> None:
        super().__init__(text, venue_code=venue_code)
        self.retry_after = retry_after


class OutcomeUnknown(BrokerError):
    code = "OUTCOME_UNKNOWN"
