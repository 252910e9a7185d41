"""What makes two alerts the same: the keys that a database constraint compares, and the
fingerprint that tells a copy from a second use of an id."""

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from tradehub.core.intent import Intent, StopLoss, TakeProfit, Trail
from tradehub.core.money import plain

if TYPE_CHECKING:
    from signals.parsing.alert import ParsedAlert


def signal_key(parsed: "ParsedAlert") -> str | None:
    """For an alert with an id of its own: the id with symbol, verb and side, since an id is often
    the bar's time, and a bar may have an exit and an entry. At most 80 characters."""
    if parsed.explicit_id is None:
        return None
    first = parsed.intents[0]
    return "id:" + _digest(parsed.explicit_id, first.symbol, first.verb, first.side)


def body_key(body: bytes) -> str:
    return "body:" + hashlib.sha256(body).hexdigest()


def intent_fingerprint(intent: Intent) -> str:
    """Of what must be the same in a copy: size, order type, prices, protection, time in force.
    Not the time, the comment or the extras."""
    return _digest(
        intent.size.mode,
        _text(intent.size.value),
        intent.conviction,  # decides the size where a risk profile says so
        _text(intent.leverage),
        intent.order_type,
        _text(intent.limit_price),
        _text(intent.stop_price),
        _text(intent.reference_price),
        _trail(intent.trail),
        _stop(intent.stop_loss),
        ";".join(_target(each) for each in intent.take_profits),
        intent.time_in_force,
    )


def alert_fingerprint(parsed: "ParsedAlert") -> str:
    """The fingerprint of all intents of an alert; of one, it is that intent's."""
    if len(parsed.intents) == 1:
        return intent_fingerprint(parsed.intents[0])
    return _digest(
        *(
            part
            for each in parsed.intents
            for part in (each.symbol, each.verb, each.side, intent_fingerprint(each))
        )
    )


def _digest(*parts: str | None) -> str:
    # Lengths go in, so that no two lists of parts can run together to one text.
    joined = "".join("-;" if part is None else f"{len(part)}:{part};" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _trail(trail: Trail | None) -> str | None:
    return None if trail is None else f"{_text(trail.percent)}|{_text(trail.offset)}"


def _stop(stop: StopLoss | None) -> str | None:
    if stop is None:
        return None
    return f"{_text(stop.price)}|{_text(stop.percent)}|{_text(stop.offset)}|{_trail(stop.trail)}"


def _target(target: TakeProfit) -> str:
    return "|".join(
        str(_text(each)) for each in (target.price, target.percent, target.offset, target.fraction)
    )
