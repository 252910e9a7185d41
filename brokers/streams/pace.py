"""How fast connections are opened to one venue: so many in a row, then one now and then. Pure."""

from dataclasses import dataclass, field


@dataclass
class Pace:
    at_once: int
    per_second: float
    _left: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        self._left = float(self.at_once)

    def wait(self, now: float) -> float:
        """Take a turn: how many seconds from `now` it comes. Times are monotonic."""
        if self._at is not None:
            self._left = min(self.at_once, self._left + (now - self._at) * self.per_second)
        self._at = now
        self._left -= 1
        return max(0.0, -self._left / self.per_second)
