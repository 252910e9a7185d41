"""What every figure is given: the engine, how thorough to be, and alerts to send."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import Broken
from benchmarks.servers import Hub, home
from benchmarks.wire import COUNTER

ALERT_BYTES = 200
Line = dict[str, Any]


@dataclass
class Bench:
    engine: str
    quick: bool

    def pick(self, thorough: Any, quick: Any) -> Any:
        return quick if self.quick else thorough

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """A fresh hub for one figure, so that none is measured on another's rows."""
        with home(self.engine) as fresh, fresh.hub("--no-stream") as hub:
            yield hub


def seeded(hub: Hub, tag: str, users: int = 1, **spec: Any) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = hub.ask("seed", users=users, tag=tag, **spec)
    return people


def desks_of(people: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [desk for person in people for desk in person["desks"]]


def strategies_of(people: Sequence[Mapping[str, Any]]) -> list[str]:
    return [desk["strategy"] for desk in desks_of(people)]


def alert(tag: str, action: str = "buy") -> str:
    """One whose id is new each time, as long as TradingView's usually are."""
    named = f"{tag}-{COUNTER.decode()}"
    said = {"ticker": "BENCH", "action": action, "quantity": 1, "price": 100, "alert_id": named}
    text = json.dumps({**said, "comment": ""}, separators=(",", ":"))
    return text[:-2] + "." * (ALERT_BYTES - len(text)) + '"}'


def alerts(people: Sequence[Mapping[str, Any]], tag: str, *actions: str) -> list[dict[str, str]]:
    """For all desks in turn: the first action for each, then the second."""
    return [
        {"path": desk["path"], "body": alert(tag, action)}
        for action in (actions or ("buy",))
        for desk in desks_of(people)
    ]


def check_stored(hub: Hub, people: Sequence[Mapping[str, Any]], accepted: int) -> Line:
    """How many of the acknowledged alerts are missing or there twice."""
    found = hub.ask("signals", strategies=strategies_of(people))
    return {
        "accepted": accepted,
        "stored": found["stored"],
        "lost": max(0, accepted - found["distinct"]),
        "doubled": found["stored"] - found["distinct"] + found["signals_with_two_orders"],
    }


def only_status(result: Mapping[str, Any], status: str) -> int:
    """How many answers; anything but this status makes the figure worthless."""
    others = {each: count for each, count in result["statuses"].items() if each != status}
    if others or result.get("errors"):
        raise Broken(f"answers other than {status}: {others}, errors: {result.get('errors', 0)}")
    return int(result["statuses"].get(status, 0))
