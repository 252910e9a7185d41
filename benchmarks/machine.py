"""What a figure was measured on; and what the kernel counts of handshakes and memory."""

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def machine(engine: str) -> dict[str, object]:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(pages * size / 2**30, 1),
        "cpu": _cpu(),
        "python": platform.python_version(),
        "engine": engine,
        "commit": _commit(),
        "load": [round(each, 2) for each in os.getloadavg()],
    }


def handshake_failures() -> dict[str, int]:
    """The kernel's counts since it started, of every program on this machine."""
    lines = Path("/proc/net/netstat").read_text(encoding="ascii").splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        if names.startswith("TcpExt:"):
            counts = dict(zip(names.split()[1:], map(int, values.split()[1:]), strict=True))
            return {name: counts.get(name, 0) for name in ("ListenOverflows", "ListenDrops")}
    return {}


def pss_mb(pid: int) -> float:
    """Proportional: what is shared is counted once. 0 when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    kilobytes = next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))
    return int(kilobytes) / 1024


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in the kernel too: hardly touched by what else runs here."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of all don't exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(values: Sequence[float], digits: int = 2) -> dict[str, float | int | None]:
    found = {
        "p50": quantile(values, 0.5),
        "p99": quantile(values, 0.99),
        "max": quantile(values, 1),
    }
    rounded = {name: None if each is None else round(each, digits) for name, each in found.items()}
    return {**rounded, "n": len(values)}


def median(values: Sequence[float], digits: int = 2) -> float:
    return round(statistics.median(values), digits)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    """With a + when the working tree differs."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=20)
    return done.stdout.strip() or "unknown"
