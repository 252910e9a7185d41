"""`simple`: a flat object that says what to do in plain fields. What no other dialect claims."""

from signals.parsing.actions import missing_action, needs_side, read_action
from signals.parsing.dialects.base import ObjectDialect
from signals.parsing.fields import Fields
from signals.parsing.intents import build_intent
from signals.parsing.sizes import read_size
from tradehub.core.intent import Intent
from tradehub.core.words import Verb


def read(fields: Fields) -> Intent | None:
    action = read_action(fields)
    if action is None and not (fields.has("action") or fields.has("side")):
        missing_action(fields)
    verb = Verb.ENTER if action is None else action.verb  # still read on, to find all errors
    size = read_size(fields, verb)
    if action is not None and needs_side(fields, action):
        action = None
    return build_intent(fields, verb=verb, side=None if action is None else action.side, size=size)


DIALECT = ObjectDialect("simple", lambda fields: True, read)
