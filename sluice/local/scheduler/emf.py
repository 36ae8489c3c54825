"""CloudWatch's embedded metric format: the metrics that a function's log lines hold. Pure.

Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as CloudWatch knows it apart from others."""

    namespace: str
    name: str
    unit: str
    dimensions: Dimensions


Points = Mapping[Metric, Mapping[float, int]]
"""How often each value was seen, by metric."""


def read_metrics(log: str) -> Iterator[tuple[Metric, float]]:
    """Yield every metric and value in a log; lines of another kind hold none."""
    for line in log.splitlines():
        if line.startswith("{") and '"_aws"' in line:
            yield from _of_line(line)


def _of_line(line: str) -> Iterator[tuple[Metric, float]]:
    try:
        fields = json.loads(line)
    except ValueError:  # the first line of a tail may be cut off
        return
    for directive in fields["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            at = tuple((name, str(fields[name])) for name in dimensions)
            for metric in directive["Metrics"]:
                known = Metric(directive["Namespace"], metric["Name"], metric.get("Unit", "None"), at)
                yield from ((known, value) for value in _values(fields.get(metric["Name"])))


def _values(value: Any) -> list[float]:
    """Return a metric's values: there may be none, one, or several."""
    return [] if value is None else [float(each) for each in (value if isinstance(value, list) else [value])]


class Gathered:
    """Values that wait to be handed on: at once when they say something new, else every `steady_s` seconds.

    Every value is handed on in the end, with how often it was seen, so sums and averages stay right.
    """

    def __init__(self, steady_s: float) -> None:
        self._steady_s = steady_s
        self._waiting: dict[Metric, Counter[float]] = {}
        self._handed_on: dict[Metric, tuple[float, frozenset[float]]] = {}

    def add(self, found: Iterable[tuple[Metric, float]]) -> None:
        """Take values in."""
        for metric, value in found:
            self._waiting.setdefault(metric, Counter())[value] += 1

    def take(self, now: float) -> Points:
        """Return what is to be handed on at `now`, and forget it."""
        due = {metric: values for metric, values in self._waiting.items() if self._is_due(metric, values, now)}
        for metric, values in due.items():
            del self._waiting[metric]
            self._handed_on[metric] = (now, frozenset(values))
        return due

    def give_back(self, points: Points) -> None:
        """Take back what could not be handed on: it is due again at once."""
        for metric, values in points.items():
            self._waiting.setdefault(metric, Counter()).update(values)
            self._handed_on.pop(metric, None)

    def _is_due(self, metric: Metric, values: Counter[float], now: float) -> bool:
        at, known = self._handed_on.get(metric, (-self._steady_s, frozenset()))
        return now - at >= self._steady_s or frozenset(values) != known


def by_namespace(points: Points) -> dict[str, Points]:
    """Return the points of each namespace: one PutMetricData call holds one."""
    spaces: dict[str, dict[Metric, Mapping[float, int]]] = {}
    for metric, values in points.items():
        spaces.setdefault(metric.namespace, {})[metric] = values
    return dict(spaces)


def metric_data(points: Points) -> list[dict[str, Any]]:
    """Return points as PutMetricData's `MetricData`."""
    return [
        {
            "MetricName": metric.name,
            "Unit": metric.unit,
            "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            "Values": list(values),
            "Counts": list(values.values()),
        }
        for metric, values in points.items()
    ]
