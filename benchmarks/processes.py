"""Processes that end: with their block, with this process, or when their time is over.

Every one is ended by its own id. Linux also ends a child when we die, however we do.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.machine import PROJECT

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
STOP_SECONDS = 15.0


class Broken(RuntimeError):
    """A figure can't be measured; the sentence says why."""


class Process:
    """A server for the length of a `with` block; its output goes to a file."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=keep_open,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


class Tool:
    """One of our own modules as a process: a JSON spec in, a JSON result out."""

    def __init__(
        self, module: str, spec: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> None:
        self.module = module
        self.popen = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}"],
            cwd=PROJECT,
            env=dict(environment if environment is not None else plain_environment()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        assert self.popen.stdin is not None
        self.popen.stdin.write(json.dumps(spec) + "\n")
        self.popen.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()

    def line(self) -> Any:
        """The next line that it prints, read as JSON."""
        assert self.popen.stdout is not None
        text = self.popen.stdout.readline()
        if not text:
            raise self._broken()
        return json.loads(text)

    def result(self, seconds: float) -> Any:
        """What it printed last; it must end within the time."""
        try:
            output, self._errors = self.popen.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"{self.module} did not end within {seconds:g} s.") from error
        if self.popen.returncode != 0 or not output.strip():
            raise Broken(f"{self.module} failed: {self._errors.strip()[-2000:]}")
        return json.loads(output.strip().splitlines()[-1])

    def _broken(self) -> Broken:
        _, errors = self.popen.communicate(timeout=10)
        return Broken(f"{self.module} failed: {errors.strip()[-2000:]}")


def run_tool(
    module: str,
    spec: Mapping[str, Any],
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Any:
    with Tool(module, spec, environment) as tool:
        return tool.result(seconds)


def plain_environment() -> dict[str, str]:
    """Nothing of this machine's own settings reaches what is measured."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def set_nice(pid: int, nice: int) -> None:
    """Of all its threads: on Linux each has its own."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
        except ProcessLookupError:
            continue


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """In the child, before it runs: this process has one thread, and the call takes no lock."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)
