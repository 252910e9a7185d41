"""What beat rings for, and how often.

A task that has not begun when its time is over is dropped: the next one is as good.
"""

from typing import Any


def _every(
    seconds: int, task: str, *args: str, queue: str = "background", expires: int | None = None
) -> dict[str, Any]:
    options = {"queue": queue, "expires": seconds if expires is None else expires}
    return {"task": task, "schedule": seconds, "args": args, "options": options}


SCHEDULE: dict[str, dict[str, Any]] = {
    **{
        f"canary of {queue}": _every(10, "orders.tasks.canary", queue, queue=queue, expires=30)
        for queue in ("trade", "background")
    },
    "open orders": _every(10, "orders.tasks.sync_open_orders"),
    "day starts": _every(30, "orders.tasks.note_day_starts"),
    "snapshots": _every(30, "orders.tasks.snapshot_due_accounts"),
    "thin snapshots": _every(3600, "orders.tasks.thin_snapshots", expires=600),
    # Each account once an hour (`orders.cash_entries`).
    "cash entries": _every(60, "orders.tasks.read_due_cash_entries"),
    # Each account has its own minute of the night; those that wait for a verdict come at once.
    "account checks": _every(10, "brokers.tasks.examine_due_accounts"),
}
