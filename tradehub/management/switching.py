"""What `manage.py halt` and `resume` share: whose trading, and how the answer is said.

The same services as the pages' and the API's; the actor is the command line. Exit code 0: done,
1: there is no such thing or it was refused, 2: not called rightly.
"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from brokers.models import BrokerAccount
from dashboard.api import StateSerializer
from risk.models import TradingState
from risk.services import Switch
from signals.models import Strategy
from tradehub.core.errors import BadInput, TradehubError
from tradehub.core.words import Scope
from tradehub.lib.clock import utc_now
from tradehub.operators import SITE, Target, target_of

REFUSED = 1
WRONG_CALL = 2


class SwitchCommand(BaseCommand):
    """A subclass switches, and says what follows from it."""

    usual_reason = ""
    """Taken where none is given; empty: a reason must be given."""

    def switch(self, switch: Switch) -> TradingState:
        raise NotImplementedError("a subclass switches")

    def meaning(self, target: Target) -> str:
        raise NotImplementedError("a subclass says what follows")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scope", required=True, choices=[each.value for each in Scope])
        parser.add_argument("--id", default="", help="of the user (or the name), account, strategy")
        parser.add_argument("--reason", default="", help="why; it is kept and shown")
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        target = find_target(Scope(options["scope"]), options["id"])
        reason = options["reason"].strip() or self.usual_reason
        if not reason:
            raise CommandError("Say why: --reason TEXT.", returncode=WRONG_CALL)
        switch = Switch(
            scope=target.scope,
            scope_id=target.scope_id,
            reason=reason,
            owner=target.owner,
            actor=None,
            now=utc_now(),
        )
        try:
            state = self.switch(switch)
        except BadInput as error:
            raise CommandError(error.message, returncode=WRONG_CALL) from error
        except TradehubError as error:
            raise CommandError(error.message, returncode=REFUSED) from error
        said = json.dumps(StateSerializer(state).data)
        self.stdout.write(said if options["json"] else self.meaning(target))


def find_target(scope: Scope, named: str) -> Target:
    """Raises CommandError in a sentence. A user is found by the name too."""
    if scope is Scope.SITE:
        if named:
            raise CommandError("The site has no id: leave --id out.", returncode=WRONG_CALL)
        return SITE
    if not named:
        raise CommandError(f"Say which {scope}: --id ID.", returncode=WRONG_CALL)
    found: User | BrokerAccount | Strategy | None
    match scope:
        case Scope.USER:
            by_id = User.objects.filter(pk=int(named)).first() if named.isdecimal() else None
            found = by_id or User.objects.filter(username=named).first()
        case Scope.ACCOUNT:
            found = BrokerAccount.objects.filter(pk=named).select_related("owner").first()
        case Scope.STRATEGY:
            found = Strategy.objects.filter(pk=named).select_related("owner").first()
    if found is None:
        raise CommandError(f"There is no {scope} with the id {named}.", returncode=REFUSED)
    return target_of(found)


def described(target: Target) -> str:
    """ "account Paper of alice"."""
    if target.owner is None or target.scope is Scope.USER:
        return target.label
    return f"{target.label} of {target.owner.username}"
