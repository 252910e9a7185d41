"""Prometheus metrics, all with the prefix `tradehub_`; no label carries a user or a symbol.

Counted where things happen. With PROMETHEUS_MULTIPROC_DIR in the environment (`up` sets it) every
process keeps its numbers in a file there, and any of them can tell the sum of all.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

_own = CollectorRegistry()

webhook_answers = Counter("tradehub_webhook_answers", "Webhook answers.", ["status"], registry=_own)
webhook_throttled = Counter(
    "tradehub_webhook_throttled", "Alerts over their token's limit.", registry=_own
)
webhook_ack_seconds = Histogram(
    "tradehub_webhook_ack_seconds",
    "From a webhook request to its answer.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
    registry=_own,
)
decisions = Counter("tradehub_decisions", "Decisions.", ["outcome"], registry=_own)
denials = Counter("tradehub_denials", "Failed checks of denied decisions.", ["code"], registry=_own)
orders = Counter(
    "tradehub_orders", "Orders that reached a status.", ["role", "status"], registry=_own
)
signal_to_order_seconds = Histogram(
    "tradehub_signal_to_order_seconds",
    "From an alert's last byte to the first write to the venue.",
    buckets=(0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
    registry=_own,
)
stream_events = Counter(
    "tradehub_stream_events", "Order events that streams told.", ["kind", "outcome"], registry=_own
)
LAST_SUCCESS = "tradehub_last_success_timestamp_seconds"
LAST_SUCCESS_TEXT = "When each background duty was last done."
last_success = Gauge(
    LAST_SUCCESS, LAST_SUCCESS_TEXT, ["duty"], multiprocess_mode="max", registry=_own
)


def families() -> list[Metric]:
    """Everything above: of all processes, or of this one alone."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return list(_own.collect())
    everybody = CollectorRegistry()
    MultiProcessCollector(everybody)
    return list(everybody.collect())
