"""One child process: started in a group of its own, told apart by a prefix, started again with
back-off when it dies.

A child dies with its parent, even when that is killed with -9 (Linux: the kernel sends it a
SIGKILL). Ctrl-C in the terminal reaches the parent only, which then ends the children in order.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STABLE_SECONDS = 60.0
COLOURS = {"web": 36, "worker": 32, "beat": 35, "redis": 33, "stream": 34}
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()
    door: str | tuple[str, int] | None = None
    """Where it alone answers: the path of a unix socket, or host and port."""
    sign: str = ""
    """The key in Redis of the sign of life that it leaves."""
    niceness: int = 0
    """Above 0: it gives way to the others when processors are short."""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    pause: float = FIRST_PAUSE
    unfinished: bytes = b""

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def output(self) -> int:
        """The descriptor to read its lines from."""
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def start(self) -> None:
        parent = os.getpid()
        self.process = subprocess.Popen(  # noqa: S603  # our own commands
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.environment},
            pass_fds=self.keep_open,
            start_new_session=True,
            # Safe here: this process has one thread, and the call takes no lock.
            preexec_fn=lambda: _begin(parent, self.niceness),
        )
        os.set_blocking(self.output, False)
        self.started_at = time.monotonic()

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def plan_restart(self) -> str:
        """After its end: when it starts again, in words for the log."""
        assert self.process is not None
        now = time.monotonic()
        if now - self.started_at >= STABLE_SECONDS:
            self.pause = FIRST_PAUSE
        self.start_again_at = now + self.pause
        line = f"ended ({_why(self.process.returncode)}), starts again in {self.pause:g} s"
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        self.close()
        return line

    def close(self) -> None:
        if self.process is not None:
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def read_lines(self) -> list[str]:
        """Whole lines that it wrote since the last look; never waits."""
        try:
            chunk = os.read(self.output, 65536)
        except BlockingIOError:
            return []
        *lines, self.unfinished = (self.unfinished + chunk).split(b"\n")
        if not chunk and self.unfinished:
            lines, self.unfinished = [*lines, self.unfinished], b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]


def printed(name: str, line: str, *, colour: bool) -> str:
    prefix = f"{name:<8} |"
    number = COLOURS.get(name.rstrip("0123456789"), 37)
    return f"\x1b[{number}m{prefix}\x1b[0m {line}" if colour else f"{prefix} {line}"


def _begin(parent: int, niceness: int) -> None:
    _die_with(parent)
    os.nice(niceness)


def _die_with(parent: int) -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def _why(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
