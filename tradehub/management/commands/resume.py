"""`manage.py resume`: entries are taken again, as far as no other scope forbids them."""

from risk import services as risk
from risk.models import TradingState
from tradehub.management.switching import SwitchCommand, described
from tradehub.operators import Target


class Command(SwitchCommand):
    help = "Resume trading after a halt. Needs a reason; what was cancelled stays cancelled."

    def switch(self, switch: risk.Switch) -> TradingState:
        return risk.resume(**switch)

    def meaning(self, target: Target) -> str:
        return (
            f"Trading is resumed for {described(target)}: entries are taken again, unless another "
            "scope is halted. What was cancelled stays cancelled."
        )
