"""The whole suite, in two tracks at once: `python -m tests [arguments of pytest]`.

Tests of real processes mostly wait; meanwhile the others compute, and step back for them.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

OUTSIDE = "processes or browser"
NO_TESTS = 5
"""pytest's exit code when the arguments leave a run nothing to do."""
GIVES_WAY = 10
"""How nice the computing track is: a sender that waits 3 s must not wait for a property test."""

INNER_RUNS: tuple[tuple[str, ...], ...] = (("-m", f"not ({OUTSIDE})"), ("--engine=postgresql",))


def main(arguments: Sequence[str]) -> int:
    """Each run's output whole, one after the other. 0: all passed, and there was something."""
    with tempfile.TemporaryFile() as output:
        outer = subprocess.Popen(_pytest("-m", OUTSIDE, *arguments), stdout=output, stderr=output)
        try:
            codes = [
                subprocess.run(_pytest(*run, *arguments, nice=GIVES_WAY)).returncode
                for run in INNER_RUNS
            ]
            codes.append(outer.wait())
        finally:
            outer.terminate()
            outer.wait()
            _print(output)
    return max((each for each in codes if each != NO_TESTS), default=NO_TESTS)


def _pytest(*arguments: str, nice: int = 0) -> list[str]:
    prefix = ["nice", "-n", str(nice)] if nice else []
    return [*prefix, sys.executable, "-m", "pytest", *arguments]


def _print(output: IO[bytes]) -> None:
    output.seek(0)
    sys.stdout.buffer.write(output.read())
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
