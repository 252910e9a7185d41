"""The control API of the scripted venue, `/control/…`: what a test tells it and asks of it.

POST tells, GET asks. Every command of the exchange is here under its own name. Never faulty.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.venue import views
from tests.venue.books import Refused
from tests.venue.exchange import COMMANDS
from tests.venue.faults import CrashPoint, Fault
from tests.venue.trading_api import Reply, Request, refusal
from tests.venue.venue import Venue


def answer(venue: Venue, request: Request) -> Reply:
    name = request.path.removeprefix("/control/")
    try:
        with venue.lock:
            if request.method == "POST" and name in COMMANDS:
                return Reply(200, {"result": venue.do(name, **request.json())})
            known = (_TOLD if request.method == "POST" else _ASKED).get(name)
            if known is None:
                return Reply(404, {"code": "NO_ROUTE", "text": f"{request.method} {name}"})
            given = request.json() if request.method == "POST" else request.query
            return Reply(200, {"result": known(venue, given)})
    except Refused as error:
        return refusal(error)
    except (KeyError, TypeError, ValueError) as error:
        return Reply(400, {"code": "BAD_COMMAND", "text": f"{type(error).__name__}: {error}"})


def _fault(venue: Venue, given: dict[str, Any]) -> None:
    fault = Fault.read(given["fault"])
    venue.script.add(given["account"], given["operation"], fault, given["times"])


def _mix(venue: Venue, given: dict[str, Any]) -> None:
    faults = [(float(chance), Fault.read(fault)) for chance, fault in given["faults"]]
    venue.script.mix(given["account"], given["operation"], given["seed"], faults)


def _clear_faults(venue: Venue, given: dict[str, Any]) -> None:
    venue.script.queues.clear()
    venue.script.mixes.clear()


def _crash(venue: Venue, given: dict[str, Any]) -> None:
    venue.crashes.add(given["account"], CrashPoint(given["point"]), given["times"])


def _crash_mix(venue: Venue, given: dict[str, Any]) -> None:
    points = [CrashPoint(each) for each in given["points"]]
    venue.crashes.mix(given["account"], given["seed"], given["probability"], points)


def _clear_crashes(venue: Venue, given: dict[str, Any]) -> None:
    venue.crashes.queues.clear()
    venue.crashes.mixes.clear()


def _skew(venue: Venue, given: dict[str, Any]) -> None:
    venue.skew = timedelta(seconds=given["seconds"])


def _reset(venue: Venue, given: dict[str, Any]) -> None:
    venue.reset()


def _ping(venue: Venue, given: dict[str, Any]) -> Any:
    return {"now": venue.now().isoformat()}


def _ledger(venue: Venue, given: dict[str, Any]) -> Any:
    return venue.ledger.entries(int(given.get("after", 0)))


def _books(venue: Venue, given: dict[str, Any]) -> Any:
    """The whole truth of one account, without lag and disorder."""
    exchange, now = venue.exchange, venue.now()
    books = exchange.books(given["account"])
    return {
        "account": views.account_json(exchange, books, now),
        "orders": views.order_list(books, now, status="all", truth=True),
        "fills": views.fill_list(books, now, truth=True),
        "positions": views.position_list(books, now, truth=True),
    }


def _faults(venue: Venue, given: dict[str, Any]) -> Any:
    return venue.script.left()


def _crash_point(venue: Venue, given: dict[str, Any]) -> Any:
    now = venue.now().isoformat()
    return venue.crashes.next(given["account"], given["client_order_id"], now)


def _crashes(venue: Venue, given: dict[str, Any]) -> Any:
    return venue.crashes.given


_TOLD: dict[str, Callable[[Venue, dict[str, Any]], None]] = {
    "fault": _fault,
    "mix": _mix,
    "clear_faults": _clear_faults,
    "crash": _crash,
    "crash_mix": _crash_mix,
    "clear_crashes": _clear_crashes,
    "skew": _skew,
    "reset": _reset,
}
_ASKED: dict[str, Callable[[Venue, dict[str, Any]], Any]] = {
    "ping": _ping,
    "ledger": _ledger,
    "books": _books,
    "faults": _faults,
    "crash-point": _crash_point,
    "crashes": _crashes,
}
