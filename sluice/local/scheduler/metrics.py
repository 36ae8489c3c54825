"""The metrics of all functions on their way from their logs to the emulator, which then looks at its alarms."""

import time
from threading import Lock
from typing import Any, Protocol

from sluice.local.scheduler.emf import Gathered, Metric, Points, by_namespace, metric_data, read_metrics
from sluice.local.scheduler.emulated import NoAnswerError
from sluice.local.scheduler.ticker import Say

STEADY_S = 15.0
"""How often a metric that stays the same is handed on."""


class Monitoring(Protocol):
    """Where metrics go."""

    def put_metrics(self, namespace: str, data: list[dict[str, Any]]) -> None:
        """Put metrics of one namespace. Raises NoAnswerError."""


class Metrics:
    """What was heard and is not handed on yet; threads share one."""

    def __init__(self, monitoring: Monitoring, say: Say) -> None:
        self._monitoring = monitoring
        self._say = say
        self._gathered = Gathered(STEADY_S)
        self._lock = Lock()

    def hear(self, log: str) -> list[tuple[Metric, float]]:
        """Take in what a function logged, and return it."""
        found = list(read_metrics(log))
        with self._lock:
            self._gathered.add(found)
        return found

    def hand_on(self, now: float | None = None) -> None:
        """Hand on what is new; what is not taken now is handed on later."""
        with self._lock:
            points = self._gathered.take(time.monotonic() if now is None else now)
        for namespace, part in by_namespace(points).items():
            self._put(namespace, part)

    def _put(self, namespace: str, points: Points) -> None:
        try:
            self._monitoring.put_metrics(namespace, metric_data(points))
        except NoAnswerError as error:
            self._say(str(error))
            with self._lock:
                self._gathered.give_back(points)
