"""The alerts: an endless seeded stream, and the threads that send it at a steady rate.

A sender sends each alert once and hangs up after 10 s. What got a 202 is acknowledged; the fate of
all others is free, but they too may open only once.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from tests.chaos.verdict import Sent

STEP = Decimal("0.000001")
PATIENCE_SECONDS = 10
AT_ONCE = 48
_SETTINGS: Sequence[dict[str, Any]] = (
    {"max_adds": 1_000_000},
    {"on_opposite": "reverse"},
    {"on_opposite": "reverse", "max_adds": 1_000_000},
    {},
)


@dataclass(frozen=True, slots=True)
class Market:
    """What is traded in a run, and how much at once."""

    prices: Mapping[str, int]
    step: Decimal = STEP
    """Of quantity at the venue: an entry's digits are its alert's number."""
    first: Decimal = Decimal(1)
    """Every quantity is a little more than this."""
    actions: Mapping[str, int] = field(default_factory=lambda: {"buy": 45, "sell": 30, "close": 25})
    settings: Sequence[Mapping[str, Any]] = _SETTINGS
    """Of the accounts' strategies, in turn."""

    def settings_of(self, account: int) -> Mapping[str, Any]:
        return self.settings[account % len(self.settings)]

    def quantity(self, number: int) -> Decimal:
        return self.first + number * self.step


MARKET = Market({"AAA": 100, "BBB": 50, "CCC": 20, "DDD": 200, "EEE": 10})
"""Of the scripted venue. In turn its strategies add, they flip, they do both, they do neither."""


@dataclass(frozen=True, slots=True)
class Alert:
    number: int
    account: int
    body: dict[str, Any]

    def as_sent(self, key: str, signal_id: str | None) -> Sent:
        action = self.body["action"]
        side = action if action != "close" else None
        quantity = None if side is None else Decimal(self.body["quantity"])
        return Sent(self.number, key, self.body["symbol"], side, quantity, signal_id)


def alerts(seed: int, accounts: int, market: Market = MARKET) -> Iterator[Alert]:
    """Without end."""
    random = Random(f"{seed}|alerts")
    for number in count(1):
        symbol = random.choice(list(market.prices))
        action = random.choices(list(market.actions), list(market.actions.values()))[0]
        body: dict[str, Any] = {"symbol": symbol, "action": action, "alert_id": f"chaos-{number}"}
        account = random.randrange(accounts)
        if action != "close":
            price, sign = market.prices[symbol], 1 if action == "buy" else -1
            body |= {"quantity": str(market.quantity(number)), "price": str(price)}
            body |= _protection(price, sign, random)
            # A flip by a limit is not final before its exit fills, which may be never.
            if random.random() < 0.1 and "on_opposite" not in market.settings_of(account):
                body |= _limit(price, sign)
        yield Alert(number, account, body)


def _protection(price: int, sign: int, random: Random) -> dict[str, Any]:
    """For half of the entries: a stop, a target or both."""
    terms: dict[str, Any] = {}
    kind = random.random()
    if kind < 0.45:
        terms["stop_loss"] = _near(price, -sign * 4)
    if 0.15 < kind < 0.5:
        terms["take_profit"] = _near(price, sign * 4)
    return terms


def _limit(price: int, sign: int) -> dict[str, Any]:
    """It rests, until the price comes."""
    return {"order_type": "limit", "limit_price": _near(price, -sign * 2)}


def _near(price: int, percent: int) -> str:
    return str(Decimal(price) * (100 + percent) / 100)


def next_quote(random: Random, market: Market = MARKET) -> tuple[str, Decimal]:
    """A price that now and then reaches limits, stops and targets."""
    symbol = random.choice(list(market.prices))
    percent = Decimal(random.choice([0, 0, 0, -1, 1, -2, 2, -3, 3, -5, 5]))
    return symbol, market.prices[symbol] * (100 + percent) / 100


class Traffic:
    """Sends from its own threads between `start` and `stop`."""

    def __init__(
        self, port: int, tokens: Sequence[str], keys: Sequence[str], seed: int, market: Market
    ) -> None:
        self._port = port
        self._tokens = tokens
        self._keys = keys
        self._stream = alerts(seed, len(tokens), market)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sender")
        self._sent: list[Sent] = []
        self._answers: Counter[int] = Counter()

    def start(self, per_second: float) -> None:
        self._thread = threading.Thread(target=self._run, args=(per_second,), name="traffic")
        self._thread.start()

    def stop(self) -> None:
        """Returns when every alert on its way is answered or given up."""
        self._stop.set()
        self._thread.join()
        self._pool.shutdown()

    def sent(self) -> list[Sent]:
        with self._lock:
            return list(self._sent)

    def answers(self) -> dict[int, int]:
        """How many got which status; 0: none."""
        with self._lock:
            return dict(self._answers)

    def _run(self, per_second: float) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._pool.submit(self._send, next(self._stream))
            due += 1 / per_second

    def _send(self, alert: Alert) -> None:
        status, signal_id = self._post(alert)
        with self._lock:
            self._answers[status] += 1
            self._sent.append(alert.as_sent(self._keys[alert.account], signal_id))

    def _post(self, alert: Alert) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        try:
            path = f"/webhook/{self._tokens[alert.account]}"
            connection.request("POST", path, json.dumps(alert.body))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()
        accepted = answer.status == 202
        return answer.status, str(json.loads(body)["signal_id"]) if accepted else None
