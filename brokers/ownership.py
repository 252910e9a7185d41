"""Whose account at the venue a connection's key opens.

A key that was replaced by mistake may be another account's: what is sold there is not ours, and a
comparison with it would end orders that work at the first one. While the account doctor has passed
the key nobody asks. Until it has, the first question of a connection is whose it is, and the answer
stays with the connection: nothing else is asked or sent where it is another one's.
"""

from collections.abc import Callable

from brokers.errors import AnotherAccount, BadCredentials, BrokerError, NotSent, RateLimited
from brokers.models import BrokerAccount


class Owner:
    """Of one connection, for as long as its key is the same."""

    def __init__(self) -> None:
        self._wanted = ""
        self._told: str | None = None

    def expect(self, account: BrokerAccount) -> None:
        """With the row as it is now. A row without the venue's id has nothing to compare."""
        self._wanted = account.venue_account_id if account.trouble else ""

    def learn(self, told: str) -> None:
        """The venue's own id of the account; empty where it names none. Raises AnotherAccount."""
        self._told = told
        self._compare()

    def check(self, ask: Callable[[], object]) -> None:
        """Before anything else is asked. `ask` learns. Raises AnotherAccount; what else is raised
        is certain too, for nothing has left."""
        if not self._wanted:
            return
        if self._told is None:
            try:
                ask()
            except (AnotherAccount, BadCredentials, RateLimited):
                raise
            except BrokerError as error:
                text = "The venue did not tell whose account the new key opens; nothing was sent."
                raise NotSent(text, venue_code=error.venue_code) from error
        self._compare()

    def _compare(self) -> None:
        if self._wanted and self._told and self._told != self._wanted:
            raise AnotherAccount(
                f"This key belongs to the venue's account {self._told}; the row was opened for "
                f"{self._wanted}. What both hold would be mixed."
            )
