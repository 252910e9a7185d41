"""The risk engine: all rules over one entry, and the full record of what they found.

Pure. Exits, cancels and reductions never reach `evaluate_entry`: risk never blocks an exit.
`exit_checks` only notes the states that an exit passed. Every rule runs, so a denial names all its
reasons, in the order of the public contract.
"""

from risk.rules import RULES
from risk.rules.permission import scopes_in
from risk.types import Check, EntryPlan, Limits, Snapshot, Terms
from tradehub.core.words import TradingStateName


def evaluate_entry(
    plan: EntryPlan, snapshot: Snapshot, limits: Limits, terms: Terms
) -> tuple[Check, ...]:
    """Every check that applies. The entry may go out only if `failed` of them is empty."""
    problem = None
    if plan.problem is not None:
        problem = Check(plan.problem.code, False, plan.quantity, None, plan.problem.message)
    checks = []
    for code, rule in RULES.items():
        check = rule(plan, snapshot, limits, terms)
        if problem is not None and problem.code == code:
            # What sizing could not do says more than the rule of the same code.
            check, problem = problem, None
        if check is not None:
            checks.append(check)
    if problem is not None:
        checks.append(problem)
    return tuple(checks)


def failed(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    return tuple(check for check in checks if not check.passed)


def exit_checks(snapshot: Snapshot) -> tuple[Check, ...]:
    """What would have stopped an entry and did not stop this exit, for the record; all passed."""
    notes = []
    if where := scopes_in(snapshot, TradingStateName.HALTED):
        notes.append(_passed("TRADING_HALTED", f"Trading is halted for {where}; exits pass."))
    if where := scopes_in(snapshot, TradingStateName.REDUCING):
        notes.append(
            _passed("REDUCE_ONLY_STATE", f"Only exits are taken for {where}: this is one.")
        )
    if snapshot.strategy_paused:
        notes.append(_passed("STRATEGY_PAUSED", "The strategy is paused; exits pass."))
    if not snapshot.account_enabled:
        notes.append(_passed("ACCOUNT_DISABLED", "The account is switched off; exits pass."))
    if snapshot.account_trouble:
        text = "The account has not passed its check; exits pass."
        notes.append(_passed("ACCOUNT_CHECK_FAILED", text))
    return tuple(notes)


def _passed(code: str, message: str) -> Check:
    return Check(code, True, None, None, message)
