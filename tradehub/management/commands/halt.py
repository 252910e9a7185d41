"""`manage.py halt`: no entries from now on, working entries are cancelled, exits pass."""

from orders.services import halt_trading
from risk.models import TradingState
from risk.services import Switch
from tradehub.management.switching import SwitchCommand, described
from tradehub.operators import Target


class Command(SwitchCommand):
    help = "Halt trading: entries are denied, working entries are cancelled, exits pass."
    usual_reason = "From the command line"  # in an emergency nobody is asked twice

    def switch(self, switch: Switch) -> TradingState:
        return halt_trading(**switch)

    def meaning(self, target: Target) -> str:
        named = f" --id {target.scope_id}" if target.scope_id else ""
        return (
            f"Trading is halted for {described(target)}: entries are denied, working entries are "
            "being cancelled, exits pass. To take it back:\n"
            f"  manage.py resume --scope {target.scope}{named} --reason TEXT"
        )
