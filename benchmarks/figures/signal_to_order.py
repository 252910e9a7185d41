"""`signal_to_order`: from an alert's last byte to the first write to the venue, as TradeHub itself
recorded it for every signal, none left out."""

from collections.abc import Iterator

from benchmarks.bench import Bench, Line, alerts, check_stored, only_status, seeded, strategies_of
from benchmarks.machine import spread
from benchmarks.processes import run_tool

PER_SECOND = 20
ACCOUNTS = 4
AIM = {"p50": 15, "p99": 60}
WARM_SECONDS = 3.0


def measure(bench: Bench) -> Iterator[Line]:
    seconds = bench.pick(30.0, 2.0)
    with bench.hub() as hub:
        # The worker imports and connects on its first order of each thread.
        warm = seeded(hub, "warm", desks=ACCOUNTS)
        spec = {"port": hub.port, "connections": 4, "rate": PER_SECOND}
        run_tool(
            "load", {**spec, "requests": alerts(warm, "warm", "buy"), "seconds": WARM_SECONDS}, 60
        )
        people = seeded(hub, "s2o", desks=ACCOUNTS)
        requests = alerts(people, "s2o", "buy", "sell")
        sent = run_tool("load", {**spec, "requests": requests, "seconds": seconds}, seconds + 60)
        accepted = only_status(sent, "202")
        strategies = strategies_of(people)
        left = hub.ask("settled", strategies=strategies, wait=30)["left"]
        found = hub.ask("latencies", strategies=strategies)
        stored = check_stored(hub, people, accepted)
    known = {
        name: [each[name] for each in found if each[name] is not None]
        for name in ("ack", "decide", "signal_to_order", "first_fill")
    }
    yield {
        "figure": "signal_to_order",
        "per_second": PER_SECOND,
        "accounts": ACCOUNTS,
        **{f"{name}_ms": spread(values) for name, values in known.items()},
        "without_order": len(found) - len(known["signal_to_order"]),
        "unfinished": left,
        **stored,
        "aim": AIM,
    }
