"""Beat's scheduler: Celery's own, in memory, which leaves a sign of life at every tick.

In memory, since a schedule file is what a kill -9 of beat corrupts. What is due every few seconds
is due at once after a start: the first canary tells that the hub is ready.
"""

from datetime import timedelta
from typing import Any

import structlog
from celery.beat import Scheduler
from celery.schedules import crontab
from redis import RedisError

from tradehub.lib.clock import utc_now
from tradehub.lib.heartbeat import beat_pulse

PULSE_SECONDS = 2.0
log = structlog.get_logger(__name__)


class PulsingScheduler(Scheduler):
    _pulsed_at = 0.0

    def setup_schedule(self) -> None:
        super().setup_schedule()
        self.merge_inplace(self.app.conf.beat_schedule)
        for entry in self.schedule.values():
            if not isinstance(entry.schedule, crontab):
                entry.last_run_at -= timedelta(days=1)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        now = utc_now()
        if abs(now.timestamp() - self._pulsed_at) >= PULSE_SECONDS:
            self._pulsed_at = now.timestamp()
            try:
                beat_pulse(now)
            except RedisError as error:
                log.warning("beat can't reach Redis", error=str(error))
        return min(super().tick(*args, **kwargs), PULSE_SECONDS)
