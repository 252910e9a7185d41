"""Prometheus metrics, all with the prefix `tradehub_`; no label carries a user or a symbol."""

from prometheus_client import Counter, Gauge, Histogram

webhook_answers = Counter("tradehub_webhook_answers", "Webhook answers.", ["status"])
webhook_throttled = Counter("tradehub_webhook_throttled", "Alerts over their token's limit.")
webhook_ack_seconds = Histogram(
    "tradehub_webhook_ack_seconds",
    "From a webhook request to its answer.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
)
decisions = Counter("tradehub_decisions", "Decisions.", ["outcome"])
denials = Counter("tradehub_denials", "Failed checks of denied decisions.", ["code"])
orders = Counter("tradehub_orders", "Orders that reached a status.", ["kind", "status"])
signal_to_order_seconds = Histogram(
    "tradehub_signal_to_order_seconds",
    "From an alert's last byte to the first write to the venue.",
    buckets=(0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
last_sweep = Gauge("tradehub_last_sweep_timestamp_seconds", "When a worker last looked at lanes.")
