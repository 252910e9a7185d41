"""The figures for people: one row each, with the aim beside it."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Line

Row = tuple[str, str, str]


def table(lines: Sequence[Line]) -> str:
    rows: list[Row] = [("figure", "measured", "aim")]
    for line in lines:
        rows += ROWS[line["figure"]](line)
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows)


def _ack(line: Line) -> Iterator[Row]:
    yield (
        f"ack, {line['connections']} connections, worker {line['worker']}",
        f"{line['per_second']:.0f}/s (p50 {line['p50_ms']:.1f}, p99 {line['p99_ms']:.1f} ms) = "
        f"{line['ratio']:.2f} x the empty view's {line['empty_view_per_second']:.0f}/s; "
        f"by CPU {line['cpu_ratio']:.2f} x; "
        f"lost {line['lost']}, doubled {line['doubled']}",
        "" if line["aim"] is None else f">= {line['aim']:.1f} x",
    )


def _burst(line: Line) -> Iterator[Row]:
    last = line["last_fill_seconds"]
    yield (
        f"burst of {line['alerts']} on new connections",
        f"{line['seconds']:.2f} s = {line['ratio']:.2f} x the empty view's "
        f"{line['empty_view_seconds']:.2f} s; lost {line['lost']}, doubled {line['doubled']}, "
        f"handshakes resent {line['handshakes_resent']}, overflows {line['listen_overflows']}",
        f"<= {line['aim']} x, none lost or doubled",
    )
    yield "burst, last order filled", "never" if last is None else f"after {last:.1f} s", ""


def _signal_to_order(line: Line) -> Iterator[Row]:
    found = line["signal_to_order_ms"]
    yield (
        f"signal_to_order at {line['per_second']}/s",
        f"p50 {found['p50']}, p99 {found['p99']} ms of {found['n']}; "
        f"first fill p50 {line['first_fill_ms']['p50']}, p99 {line['first_fill_ms']['p99']} ms",
        f"p50 {line['aim']['p50']}, p99 {line['aim']['p99']} ms",
    )


def _push(line: Line) -> Iterator[Row]:
    found, last = line["to_a_socket_ms"], line["to_the_last_socket_ms"]
    yield (
        f"push, {line['sockets']} sockets of {line['users']}",
        f"p50 {found['p50']}, p99 {found['p99']} ms (last socket p99 {last['p99']}); "
        f"missing {line['missing']} of {found['n'] + line['missing']}",
        "" if line["aim"] is None else f"p99 {line['aim']['p99']} ms",
    )


def _parse(line: Line) -> Iterator[Row]:
    slowest = max(line["alert_us"].values())
    yield "parse, the five forms", f"{slowest} us at most", ""
    yield "parse, 64 KiB of anything", f"{line['worst_ms']} ms at most ({line['worst']})", ""


def _memory(line: Line) -> Iterator[Row]:
    roles = ", ".join(f"{name} {size:.0f}" for name, size in line["idle_mb"].items())
    yield (
        "memory, idle",
        f"{line['idle_total_mb']:.0f} MB ({roles}); "
        f"after a burst {line['after_burst_total_mb']:.0f} MB",
        f"< {line['aim']['idle_mb']} MB",
    )
    yield (
        "ready, on a migrated database",
        f"{line['ready_seconds']:.1f} s (first start {line['first_start_seconds']:.1f} s)",
        f"{line['aim']['ready_seconds']} s",
    )


def _streams(line: Line) -> Iterator[Row]:
    found = line["event_to_page_ms"]
    if line["accounts"] == 1:
        yield (
            f"streams, an event at {line['venue']} to an open page",
            f"p50 {found['p50']}, p99 {found['p99']} ms of {found['n']}; missing {line['missing']}",
            f"p99 {line['aim']['p99']} ms",
        )
        return
    yield (
        f"streams, {line['accounts']} accounts at {line['venue']}",
        f"all connected {line['connected_seconds']:.1f} s after the start; "
        f"{line['kb_per_account']:.0f} kB an account (stream process {line['stream_mb']:.0f} MB); "
        f"event to page p50 {found['p50']}, p99 {found['p99']} ms; missing {line['missing']}; "
        f"all compared {line['reconciled_seconds']:.1f} s after the start of a restart "
        f"(ready after {line['restarted_seconds']:.1f} s)",
        "",
    )


ROWS = {
    "ack": _ack,
    "burst": _burst,
    "signal_to_order": _signal_to_order,
    "push": _push,
    "parse": _parse,
    "memory": _memory,
    "streams": _streams,
}
