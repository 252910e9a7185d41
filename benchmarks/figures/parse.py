"""`parse`: the parser alone, over the five forms and over 64 KiB of anything."""

import json
import random
import time
from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, Line
from signals.parsing import MAX_BODY, ParseProblem, parse_alert

FORMS = {
    "simple": {
        "passphrase": "x", "ticker": "AAPL", "action": "BUY", "quantity": 10, "price": 150.5,
        "order_type": "MARKET", "stop_loss": 145, "take_profit": 160, "time_in_force": "DAY",
    },
    "named": {
        "action": "buy", "symbol": "BTCUSDT", "quantity": 0.001, "price": 45000,
        "strategy": "ALSAPRO 1", "time": "2024-01-01T12:00:00Z",
    },
    "conviction": {
        "symbol": "TCS", "exchange": "NSE", "action": "BUY", "price": 3500, "stop_loss": 3462.5,
        "target": 3593.75, "conviction": "MEDIUM", "timeframe": "15m", "strategy": "BB_MTF",
        "api_key": "x",
    },
    "with_id": {
        "ticker": "BTCUSDT", "action": "close", "order_type": "market", "quantity": 0.001,
        "price": 50000, "strategy": "s", "alert_id": "1",
    },
    "tradingview": {
        "ticker": "BINANCE:BTCUSDT.P", "action": "sell", "sentiment": "short",
        "market_position": "short", "prev_market_position": "flat", "position_size": "-1",
        "contracts": "1", "price": "50000.5", "time": "2024-01-01T12:00:00Z",
    },
}  # fmt: skip


def measure(bench: Bench) -> Iterator[Line]:
    repeats = bench.pick(2_000, 50)
    forms = {name: json.dumps(each).encode() for name, each in FORMS.items()}
    bodies = hostile_bodies()
    worst = {name: round(_best(body, 3), 2) for name, body in bodies.items()}
    slowest = max(worst, key=lambda name: worst[name])
    yield {
        "figure": "parse",
        "alert_us": {name: round(1000 * _mean(body, repeats), 1) for name, body in forms.items()},
        "hostile_bytes": MAX_BODY,
        "hostile_ms": worst,
        "worst": slowest,
        "worst_ms": worst[slowest],
        "aim": None,
    }


def hostile_bodies() -> dict[str, bytes]:
    """Each as long as the webhook takes."""
    alert = b'{"ticker":"AAPL","action":"buy","quantity":1,'
    made = random.Random(1)
    return {
        "noise": made.randbytes(MAX_BODY),
        "ascii_noise": bytes(made.choices(range(32, 127), k=MAX_BODY)),
        "brackets": b"[" * MAX_BODY,
        "nested_objects": (b'{"a":' * MAX_BODY)[:MAX_BODY],
        "quotes": b'"' * MAX_BODY,
        "backslashes": b'{"a":"' + b"\\" * (MAX_BODY - 8) + b'"}',
        "unicode_escapes": _filled(alert + b'"comment":"', b"\\u00e9", b'"}'),
        "lone_surrogates": _filled(alert + b'"comment":"', b"\\ud800", b'"}'),
        "long_number": _filled(alert + b'"price":', b"1", b"}"),
        "long_exponent": _filled(alert + b'"price":1e', b"9", b"}"),
        "long_string": _filled(alert + b'"comment":"', b"x", b'"}'),
        "placeholders": _filled(alert + b'"comment":"', b"{{close}}", b'"}'),
        "many_keys": _many(alert, lambda number: b'"k%d":%d,' % (number, number)),
        "repeated_keys": _many(alert, lambda number: b'"price":1,'),
        "secret_keys": _many(alert, lambda number: b'"password%d":"x",' % number),
        "many_numbers": _filled(alert + b'"x":[', b"1.5e1,", b"1]}"),
        "empty_objects": _filled(alert + b'"x":[', b"{},", b"1]}"),
        "many_alerts": _filled(b"[", b'{"ticker":"A","action":"buy"},', b"1]"),
        "blanks": alert.rstrip(b",").ljust(MAX_BODY - 1) + b"}",
        "no_break_spaces": _filled(b"", "\u00a0".encode(), b""),
        "utf_16": f'{{"ticker":"A","comment":"{"é" * 32_700}"}}'.encode("utf-16"),
        "lines": b"buy AAPL 1\n" * (MAX_BODY // 11),
        "pairs": b"ticker=AAPL,action=buy," * (MAX_BODY // 23),
    }


def _filled(start: bytes, part: bytes, end: bytes) -> bytes:
    return start + part * ((MAX_BODY - len(start) - len(end)) // len(part)) + end


def _many(start: bytes, part: Callable[[int], bytes]) -> bytes:
    parts, size, number = [start], len(start), 0
    while size < MAX_BODY - 40:
        parts.append(part(number))
        size += len(parts[-1])
        number += 1
    return b"".join(parts) + b'"end":1}'


def _mean(body: bytes, repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        _parse(body)
    return 1000 * (time.perf_counter() - began) / repeats


def _best(body: bytes, repeats: int) -> float:
    return min(_mean(body, 1) for _ in range(repeats))


def _parse(body: bytes) -> None:
    try:
        parse_alert(body, content_type="application/json")
    except ParseProblem:
        return
