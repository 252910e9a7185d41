"""The scripted venue in a chaos run: a process that is killed, whose books outlive it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.traffic import MARKET
from tests.chaos.verdict import TheirBooks, TheirOrder
from tests.venue.control import Entry
from tests.venue.faults import CrashPoint, FaultKind
from tests.venue.process import VenueProcess

POLICIES = (("unique_forever",) * 5 + ("unique_while_open",)) * 2
OPTIONS: Mapping[str, Any] = {"crash_points": True, "read_seconds": 3, "settle_seconds": 5}
CASH = "1000000000"
NO_FAULT = (None, "accept")
LAGS = {"order_lag": 2.0, "fill_lag": 3.0, "position_lag": 3.0}
"""Shorter than the venue's settle time, or a resend would be right and doubled."""
NO_LAGS = dict.fromkeys(LAGS, 0)


class ScriptedRig:
    settings = "tests.venue.settings"
    market = MARKET
    rate = 2.5
    may_shout = True
    streams = False

    def __init__(self, home: Path, port: int | None) -> None:
        self._venue = VenueProcess(home / "venue", port)
        self._control = self._venue.control
        self._policies = {f"chaos-{number}": each for number, each in enumerate(POLICIES)}
        self._tally = Tally(self._venue.state)
        self.keys = list(self._policies)

    def environment(self) -> Mapping[str, str]:
        return {}

    def open_accounts(self) -> None:
        """One in three tells its news twice and out of order."""
        for symbol, price in self.market.prices.items():
            self._control.set_instrument(symbol, step=self.market.step, tick="0.01")
            self._control.set_quote(symbol, price)
        for number, (key, policy) in enumerate(self._policies.items()):
            disorder = number % 3 == 2
            self._control.open_account(
                key, cash=CASH, id_policy=policy, duplicates=disorder, shuffled=disorder
            )

    def make_account(self, owner: Any, key: str) -> Any:
        from tests.venue.fixtures import make_scripted_account  # it needs the settings

        policy = self._policies[key]
        return make_scripted_account(
            owner, self._venue.url, key=key, label=key, client_ids=policy, **OPTIONS
        )

    def limits(self) -> Mapping[str, Any]:
        return {}

    def set_price(self, symbol: str, price: Any) -> None:
        self._control.set_quote(symbol, price)

    def read_books(self) -> TheirBooks:
        orders: list[TheirOrder] = []
        fills: dict[tuple[str, str], Decimal] = {}
        positions: dict[tuple[str, str], Decimal] = {}
        for key in self.keys:
            books = self._control.books(key)
            orders += [_order(key, each) for each in books.orders]
            fills |= {(key, each["id"]): Decimal(each["quantity"]) for each in books.fills}
            positions |= {(key, symbol): held for symbol, held in books.positions.items() if held}
        return TheirBooks(tuple(orders), fills, positions)

    def heard_of(self, account: str, client_order_id: str) -> list[str]:
        return _heard(self._control.ledger(), account, client_order_id)

    def mix(
        self,
        operation: str,
        chances: Mapping[FaultKind | str, float],
        *,
        seed: int,
        seconds: float,
    ) -> None:
        self._control.mix(operation, chances, seed=seed, seconds=seconds)

    def crash(self, point: CrashPoint) -> None:
        self._control.crash(point)

    def crashes(self) -> list[str]:
        return [each["point"] for each in self._control.crashes()]

    def lag(self, key: str, *, lags: bool) -> None:
        self._control.set_rules(key, **(LAGS if lags else NO_LAGS))

    def socket_fault(self, kind: str) -> int:
        return 0

    def end_socket_fault(self, kind: str, seed: int) -> None:
        """It has none."""

    def sockets_seen(self) -> Mapping[str, int]:
        return {}

    def go_down(self) -> None:
        self._venue.kill()

    def come_up(self) -> None:
        self._venue.start()

    def faults_met(self) -> Counter[str]:
        return self._tally.look()

    def calm(self) -> None:
        self._control.clear_faults()
        self._control.clear_crashes()

    def stop(self) -> None:
        self._venue.stop()


class Tally:
    """Follows the ledger's file, which a killed venue leaves behind."""

    def __init__(self, state: Path) -> None:
        self._path = state / "ledger.jsonl"
        self._read = 0
        self._kinds: Counter[str] = Counter()

    def look(self) -> Counter[str]:
        with suppress(FileNotFoundError), self._path.open("rb") as ledger:
            ledger.seek(self._read)
            for line in ledger:
                if not line.endswith(b"\n"):
                    break  # read again when it is whole
                self._read += len(line)
                self._take(json.loads(line))
        return self._kinds

    def _take(self, line: dict[str, object]) -> None:
        fault = line.get("fault")
        if "of" in line and fault not in NO_FAULT:
            self._kinds[str(fault)] += 1


def _heard(ledger: Sequence[Entry], account: str, client_order_id: str) -> list[str]:
    return [
        f"{each.at:%H:%M:%S.%f} #{each.n} {each.operation} fault {each.fault} taken {each.taken} "
        f"{each.order_id or ''} {each.code or ''}"
        for each in ledger
        if (each.account, each.client_order_id) == (account, client_order_id)
    ]


def _order(key: str, row: Mapping[str, str]) -> TheirOrder:
    return TheirOrder(
        id=row["id"],
        account=key,
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        type=row["type"],
        quantity=Decimal(row["quantity"]),
        filled=Decimal(row["filled_quantity"]),
        status=row["status"],
        reduce_only=bool(row["reduce_only"]),
    )
