"""The action of an alert: which verb and which side its word means."""

from dataclasses import dataclass

from signals.parsing.fields import Fields
from signals.parsing.problems import shown
from tradehub.core.words import PositionSide, Verb

LONG, SHORT, FLAT = PositionSide.LONG, PositionSide.SHORT, PositionSide.FLAT


@dataclass(frozen=True, slots=True)
class Action:
    verb: Verb
    side: PositionSide | None = None
    order: bool = False
    """A bare buy or sell: names an order's direction, not the position that is wanted."""


_BUY = Action(Verb.ENTER, LONG, order=True)
_SELL = Action(Verb.ENTER, SHORT, order=True)

ACTIONS = {
    "buy": _BUY,
    "sell": _SELL,
    **dict.fromkeys(("long", "bull", "enter_long", "open_long"), Action(Verb.ENTER, LONG)),
    **dict.fromkeys(("short", "bear", "enter_short", "open_short"), Action(Verb.ENTER, SHORT)),
    "sell_short": Action(Verb.ENTER, SHORT),
    **dict.fromkeys(("enter", "open"), Action(Verb.ENTER)),
    **dict.fromkeys(("close", "exit", "flat", "flatten"), Action(Verb.EXIT)),
    **dict.fromkeys(("close_long", "exit_long"), Action(Verb.EXIT, LONG)),
    **dict.fromkeys(("close_short", "exit_short", "cover"), Action(Verb.EXIT, SHORT)),
    **dict.fromkeys(
        ("close_all", "closeall", "exit_all", "exitall", "flatten_all", "flattenall"),
        Action(Verb.CLOSE_ALL),
    ),
    "add": Action(Verb.ADD),
    "reduce": Action(Verb.REDUCE),
    "reverse": Action(Verb.REVERSE),
    "cancel": Action(Verb.CANCEL),
    **dict.fromkeys(("cancel_all", "cancelall"), Action(Verb.CANCEL_ALL)),
}
UNDERSTOOD = ", ".join(ACTIONS)
SYMBOL_OPTIONAL = frozenset({Verb.CLOSE_ALL, Verb.CANCEL_ALL})
SIZELESS = frozenset({Verb.CLOSE_ALL, Verb.CANCEL_ALL, Verb.CANCEL})
CLOSING = frozenset({Verb.EXIT, Verb.REDUCE})

_SIDES = {"long": LONG, "short": SHORT}
# A closing sell may mean "closes a long" or "closes the sell": there only long and short will do.
_ENTRY_SIDES = {"buy": LONG, "sell": SHORT, **_SIDES}


def read_action(fields: Fields) -> Action | None:
    """The action, its side completed from `side`; None when there is none or it is wrong (then
    an error is noted, except where nothing was said)."""
    if not fields.has("action"):
        return _named(fields, "side") if fields.has("side") else None
    action = _named(fields, "action")
    if action is None or not fields.has("side"):
        return action
    return _with_side(fields, action)


def needs_side(fields: Fields, action: Action) -> bool:
    """Notes the error when an entry names no side."""
    if action.verb is not Verb.ENTER or action.side is not None:
        return False
    fields.missing("side", "An entry needs a side: long or short.")
    return True


def missing_action(fields: Fields) -> None:
    fields.missing("action", f"The alert doesn't say what to do. Understood: {UNDERSTOOD}.")


def _named(fields: Fields, name: str) -> Action | None:
    word = fields.word(name)
    if word is None:
        return None
    action = ACTIONS.get(word)
    if action is None:
        detail = f"{shown(fields.said[name])} is not understood. Understood: {UNDERSTOOD}."
        fields.fail(name, "UNKNOWN_ACTION", detail)
    return action


def _with_side(fields: Fields, action: Action) -> Action | None:
    word = fields.word("side")
    if word is None:
        return None
    side = (_ENTRY_SIDES if action.verb is Verb.ENTER else _SIDES).get(word)
    if action.verb in SIZELESS:
        return Action(action.verb, side)
    if side is None:
        fields.invalid("side", f"{shown(fields.said['side'])} is no side; say long or short.")
        return None
    if action.side not in (None, side):
        fields.contradiction("side", "`action` and `side` name different sides.")
        return None
    return Action(action.verb, side, order=action.order and word not in _SIDES)
