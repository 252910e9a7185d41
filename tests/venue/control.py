"""The typed client of the scripted venue's control API: what tests and the chaos run call.

Standard library only; raises ControlFailed with the venue's own words. Decimals may be given as
text or Decimal, and come back as Decimal.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.venue.faults import ANY, CrashPoint, FaultKind

Number = Decimal | str | int


class ControlFailed(AssertionError):
    """The venue does not know that command, or can't do it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that the venue received; `taken` says whether it had its effect."""

    n: int
    at: datetime
    monotonic: float
    method: str
    path: str
    operation: str | None
    account: str
    client_order_id: str | None
    body: Any
    fault: str | None = None
    taken: bool | None = None
    """None: not known yet, or never (the venue was killed)."""
    order_id: str | None = None
    code: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """The whole truth of one account; `orders` and `fills` as the trading API writes them."""

    account: dict[str, Any]
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    positions: dict[str, Decimal]

    def order(self, order_id: str) -> dict[str, Any]:
        """By either id; the newest."""
        ids = ("id", "client_order_id")
        return [each for each in self.orders if order_id in [each[name] for name in ids]][-1]

    @property
    def client_ids(self) -> list[str]:
        """Of every order that has one; one that is listed twice was placed twice."""
        return [each["client_order_id"] for each in self.orders if each["client_order_id"]]


class Control:
    def __init__(self, url: str) -> None:
        self.url = url

    # The world

    def open_account(self, key: str, *, cash: Number = "100000", **rules: Any) -> None:
        """`rules`: the fields of `books.Rules`."""
        self._tell("open_account", key=key, cash=str(cash), rules=_plain(rules))

    def set_rules(self, key: str, **rules: Any) -> None:
        self._tell("set_rules", key=key, rules=_plain(rules))

    def set_instrument(self, symbol: str, **values: Number | None) -> None:
        """`step`, `tick`, `min_quantity`, `min_notional`."""
        self._tell("set_instrument", symbol=symbol, **_plain(values))

    def set_quote(
        self,
        symbol: str,
        price: Number,
        *,
        bid: Number | None = None,
        ask: Number | None = None,
        age: float | None = None,
    ) -> None:
        """Resting orders meet it. `age` makes it that old; without, it is always fresh."""
        words = {"bid": str(bid or price), "ask": str(ask or price), "last": str(price)}
        self._tell("set_quote", symbol=symbol, age=age, **words)

    def set_default_price(self, price: Number | None) -> None:
        """Of every symbol without a quote of its own."""
        self._tell("set_default_price", price=None if price is None else str(price))

    def set_skew(self, seconds: float) -> None:
        """How far the venue's clock runs ahead."""
        self._tell("skew", seconds=seconds)

    # By hand

    def fill(self, key: str, order_id: str, quantity: Number, price: Number | None = None) -> str:
        """Partial, or late after a cancel; by either id. The fill's id."""
        at = None if price is None else str(price)
        return str(self._tell("fill", key=key, order_id=order_id, quantity=str(quantity), price=at))

    def end_order(self, key: str, order_id: str, status: str = "canceled") -> None:
        """`canceled`, `expired` or `rejected`, by the venue."""
        self._tell("end_order", key=key, order_id=order_id, status=status)

    def change_position(
        self, key: str, symbol: str, change: Number, *, price: Number, visible: bool = False
    ) -> str | None:
        """Signed. `visible` leaves an order and a fill, whose order id is returned."""
        given = {"change": str(change), "price": str(price), "visible": visible}
        found = self._tell("change_position", key=key, symbol=symbol, **given)
        return None if found is None else str(found)

    def place_by_hand(self, key: str, **order: Any) -> str:
        """An order without a client id: `symbol`, `side`, `quantity`, `type`, `limit_price`, …"""
        return str(self._tell("place_by_hand", key=key, order=_plain(order)))

    # Faults

    def fault(
        self,
        operation: str,
        kind: FaultKind | str,
        *,
        account: str = ANY,
        times: int = 1,
        **more: Any,
    ) -> None:
        """`more`: the fields of `faults.Fault` (seconds, code, text, retry_after)."""
        fault = {"kind": FaultKind(kind).value, **more}
        self._tell("fault", account=account, operation=operation, fault=fault, times=times)

    def mix(
        self,
        operation: str,
        chances: Mapping[FaultKind | str, float],
        *,
        seed: int | str,
        account: str = ANY,
        **more: Any,
    ) -> None:
        """Each request draws a fault by its probability; nothing ends the mix."""
        faults = [
            (chance, {"kind": FaultKind(kind).value, **more}) for kind, chance in chances.items()
        ]
        given = {"account": account, "operation": operation, "seed": str(seed)}
        self._tell("mix", faults=faults, **given)

    def clear_faults(self) -> None:
        self._tell("clear_faults")

    def faults_left(self) -> dict[str, int]:
        """What is queued and has not happened, by "account/operation"."""
        return dict(self._ask("faults"))

    def crash(self, point: CrashPoint | str, *, account: str = ANY, times: int = 1) -> None:
        """The next submit kills its process there, when its account has `crash_points` on."""
        self._tell("crash", account=account, point=CrashPoint(point).value, times=times)

    def crash_mix(
        self,
        probability: float,
        *,
        seed: int | str,
        account: str = ANY,
        points: Iterable[CrashPoint | str] = tuple(CrashPoint),
    ) -> None:
        words = [CrashPoint(each).value for each in points]
        given = {"account": account, "seed": str(seed), "points": words}
        self._tell("crash_mix", probability=probability, **given)

    def clear_crashes(self) -> None:
        self._tell("clear_crashes")

    def crashes(self) -> list[dict[str, str]]:
        """Those handed out: `point`, `account`, `client_order_id`, `at`."""
        return list(self._ask("crashes"))

    def reset(self) -> None:
        """Forget everything, ledger and accounts included."""
        self._tell("reset")

    # What it saw and knows

    def ping(self) -> datetime:
        """The venue's time."""
        return datetime.fromisoformat(self._ask("ping")["now"])

    def ledger(self, *, after: int = 0) -> list[Entry]:
        """Every trading request, oldest first; `after` a number."""
        rows = self._ask("ledger", after=str(after))
        return [Entry(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]

    def posts(self, account: str | None = None, client_order_id: str | None = None) -> list[Entry]:
        """Every order that arrived, taken or not."""
        return [
            each
            for each in self.ledger()
            if each.operation == "submit"
            and account in (None, each.account)
            and client_order_id in (None, each.client_order_id)
        ]

    def asked(self, operation: str, account: str | None = None) -> list[Entry]:
        return [
            each
            for each in self.ledger()
            if each.operation == operation and account in (None, each.account)
        ]

    def books(self, key: str) -> VenueBooks:
        read = self._ask("books", account=key)
        held = {each["symbol"]: Decimal(each["quantity"]) for each in read["positions"]}
        return VenueBooks(read["account"], read["orders"], read["fills"], held)

    def _tell(self, command: str, **given: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}/control/{command}", data=json.dumps(given).encode(), method="POST"
        )
        return self._call(request)

    def _ask(self, name: str, **query: str) -> Any:
        words = urllib.parse.urlencode(query)
        return self._call(urllib.request.Request(f"{self.url}/control/{name}?{words}"))

    def _call(self, request: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise ControlFailed(error.read().decode()) from error


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value)
        if isinstance(value, Decimal | int) and not isinstance(value, bool)
        else value
        for name, value in values.items()
        if not name.endswith("_lag")
    } | {name: value for name, value in values.items() if name.endswith("_lag")}
