"""`python -m benchmarks [names…] [--engine sqlite|postgresql] [--quick]`

One JSON line for each figure as it is measured, then a table for people.
"""

import argparse
import json
import signal
import sys
from types import FrameType

from benchmarks.bench import Bench, Line
from benchmarks.figures import ack, burst, memory, parse, push, signal_to_order, streams
from benchmarks.machine import machine
from benchmarks.table import table

FIGURES = {
    "parse": parse,
    "ack": ack,
    "burst": burst,
    "signal_to_order": signal_to_order,
    "push": push,
    "memory": memory,
    "streams": streams,
}


def main() -> int:
    flags = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    flags.add_argument("names", nargs="*", metavar="name", help=", ".join(FIGURES))
    flags.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    flags.add_argument("--quick", action="store_true", help="a smoke run: its figures say nothing")
    given = flags.parse_args()
    unknown = set(given.names) - set(FIGURES)
    if unknown:
        flags.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
    signal.signal(signal.SIGTERM, _end)
    bench = Bench(given.engine, given.quick)
    lines: list[Line] = []
    for name in given.names or FIGURES:
        for line in FIGURES[name].measure(bench):
            lines.append(line)
            print(json.dumps({**line, "quick": given.quick, **machine(given.engine)}), flush=True)
    print(f"\n{_heading(machine(given.engine))}\n{table(lines)}")
    return 0


def _heading(found: dict[str, object]) -> str:
    return (
        f"{found['cores']} cores ({found['cpu']}), {found['memory_gib']} GiB, "
        f"Python {found['python']}, {found['engine']}, commit {found['commit']}, "
        f"load {found['load']}"
    )


def _end(number: int, frame: FrameType | None) -> None:
    """As an exception, so that every process that was started is ended on the way out."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
