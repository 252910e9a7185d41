"""/metrics: what the processes counted, and what the database says now.

For loopback and the addresses that METRICS_ALLOWED lists; to everybody else there is no such page.
A database or Redis that fails leaves its figures out, and says so, rather than failing the scrape.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import RedisError

from accounts.requests import ip_of
from signals.ingest import writer
from tradehub.figures import work_now
from tradehub.lib import duties, heartbeat, metrics
from tradehub.lib.clock import utc_now
from tradehub.lib.version import VERSION


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Now(utc_now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Nobody behind a proxy that we were not told of: all of them would come from loopback."""
    if request.headers.get("X-Forwarded-For") and not settings.TRUSTED_PROXY_COUNT:
        return False
    try:
        sender = ip_address(ip_of(request))
    except ValueError:
        return False
    return sender.is_loopback or any(
        sender in network for network in _networks(tuple(settings.METRICS_ALLOWED))
    )


@cache
def _networks(listed: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each, strict=False) for each in listed)


class Now(Collector):
    """The gauges, read when they are asked for."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        counted = metrics.families()
        yield from (each for each in counted if each.name != metrics.LAST_SUCCESS)
        yield from self._duties(counted)
        yield _gauge(
            "build_info",
            "What runs.",
            {(VERSION, platform.python_version(), connection.vendor): 1},
            ["version", "python", "database"],
        )
        yield _one(
            "ingest_waiting",
            "Alerts that wait for their commit, in the web process that answers this.",
            writer.waiting(),
        )
        yield from self._work()
        yield from self._signs_of_life()

    def _work(self) -> Iterator[GaugeMetricFamily]:
        try:
            work = work_now(now=self.now)
        except Error:
            yield _one("database_up", "The database answers.", 0)
            return
        yield _one("database_up", "The database answers.", 1)
        yield _one("lane_items_due", "Things that accounts should be doing now.", work.items_due)
        yield _one("lane_oldest_due_seconds", "How late the oldest is.", work.oldest_due_seconds)
        by_status = {(status,): count for status, count in work.orders.items()}
        yield _gauge("orders_working", "Working orders.", by_status, ["status"])
        yield _one(
            "positions_unprotected",
            "Open positions that asked for protection and have none.",
            work.unprotected,
        )

    def _duties(self, counted: Iterable[Metric]) -> Iterator[Metric]:
        """What this machine's processes counted, which needs no Redis, and what those of all
        machines told there: the later."""
        last = {
            sample.labels["duty"]: sample.value
            for family in counted
            if family.name == metrics.LAST_SUCCESS
            for sample in family.samples
        }
        with suppress(RedisError):
            for duty, at in duties.last_successes().items():
                if at is not None:
                    last[duty] = max(at, last.get(duty, at))
        found = GaugeMetricFamily(metrics.LAST_SUCCESS, metrics.LAST_SUCCESS_TEXT, labels=["duty"])
        for duty, at in sorted(last.items()):
            found.add_metric([duty], at)
        yield found

    def _signs_of_life(self) -> Iterator[GaugeMetricFamily]:
        try:
            heard = heartbeat.read()
        except RedisError:
            yield _one("redis_up", "Redis answers.", 0)
            return
        yield _one("redis_up", "Redis answers.", 1)
        signs = {"beat": heard.beat} | {
            f"worker_{queue}": at for queue, at in heard.canaries.items()
        }
        ages = {
            (name,): max(0.0, self.now.timestamp() - at)
            for name, at in signs.items()
            if at is not None
        }
        text = "Since a part was heard from; absent after a minute of silence."
        yield _gauge("heartbeat_age_seconds", text, ages, ["part"])


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tradehub_{name}", text, value=value)


def _gauge(
    name: str, text: str, values: Mapping[Any, float], labels: list[str]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tradehub_{name}", text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family
