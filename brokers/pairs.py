"""The names of a stop and a target that rest at a venue as one (`PairBroker`).

Pure. Of the two only the target may have a name at the venue, so the stop's is made from it: it can
be found again by nothing but itself, whatever was lost meanwhile.
"""

_STOP = "-stop"


def stop_id_of(target_id: str) -> str:
    """The client order id of the stop beside that target."""
    return target_id + _STOP


def target_id_of(stop_id: str) -> str | None:
    """None for what is no stop of a pair."""
    return stop_id.removesuffix(_STOP) if stop_id.endswith(_STOP) else None
