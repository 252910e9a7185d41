"""The whole suite, in three runs at once: `python -m tests [arguments of pytest]`.

Tests of real processes mostly wait; meanwhile the others compute, each on its engine, and step
back for them.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO

OUTSIDE = "processes or browser"
NO_TESTS = 5
"""pytest's exit code when the arguments leave a run nothing to do."""
GIVES_WAY = 10
"""How nice the computing runs are: a sender that waits 3 s must not wait for a property test."""

RUNS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (GIVES_WAY, ("-m", f"not ({OUTSIDE})")),
    (GIVES_WAY, ("--engine=postgresql",)),
    (0, ("-m", OUTSIDE)),
)
"""How nice, and pytest's arguments."""


def main(arguments: Sequence[str]) -> int:
    """The first run as it goes, then the others' output. 0: all passed, and there was something."""
    with ExitStack() as stack:
        outputs = [None, *(stack.enter_context(tempfile.TemporaryFile()) for _ in RUNS[1:])]
        runs = [
            stack.enter_context(_Run([*run, *arguments], nice, output))
            for (nice, run), output in zip(RUNS, outputs, strict=True)
        ]
        codes = [run.result() for run in runs]
    return max((each for each in codes if each != NO_TESTS), default=NO_TESTS)


class _Run:
    """One pytest, which ends with the block."""

    def __init__(self, arguments: Sequence[str], nice: int, output: IO[bytes] | None) -> None:
        prefix = ["nice", "-n", str(nice)] if nice else []
        command = [*prefix, sys.executable, "-m", "pytest", *arguments]
        self._output = output
        self._process = subprocess.Popen(command, stdout=output, stderr=output)

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def result(self) -> int:
        """pytest's exit code, once what it said is printed."""
        code = self._process.wait()
        if self._output is not None:
            self._output.seek(0)
            sys.stdout.buffer.write(self._output.read())
            sys.stdout.flush()
        return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
