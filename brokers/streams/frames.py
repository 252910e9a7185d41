"""Reading one frame of any venue: a JSON object, its numbers as they are written. Pure."""

import json
from typing import Any


def read_frame(frame: str | bytes) -> dict[str, Any] | None:
    """None for what is no JSON object."""
    try:
        found = json.loads(frame, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
