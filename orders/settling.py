"""Who is told when something final happened to a signal's work.

`signals` sits above `orders` and settles its own status; it installs its settler here when it
starts. The settler runs inside the transaction that made the change, so the two can't part.
"""

from collections.abc import Callable

Settler = Callable[[str], None]

_settlers: list[Settler] = []


def install_settler(settler: Settler) -> None:
    """`settler(signal_id)` is called after a decision, an order or a lane item of it has moved."""
    _settlers.append(settler)


def settle(signal_id: str | None) -> None:
    if signal_id is not None:
        for settler in _settlers:
            settler(signal_id)
