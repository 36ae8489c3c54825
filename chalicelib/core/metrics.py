"""The log line of a batch, which is its metrics too: what is counted, what it is called in CloudWatch, in which unit.

Nothing here knows the time or where the line goes. Alarms on these metrics are in `infra/template.yaml`,
what each alarm means in `docs/alarms.md`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from chalicelib.core.errors import ErrorType
from chalicelib.core.failed_event import FailedEvent

NAMESPACE = "Sluice"
DIMENSION = "Stage"
"""The one dimension, the deploy stage: the line carries it under exactly this name, as the format demands."""

MAX_METRICS_PER_DIRECTIVE = 100
"""Source: CloudWatch embedded metric format specification, MetricDirective object."""


class Unit(StrEnum):
    """The units used here, out of CloudWatch's. Source: CloudWatch API, MetricDatum."""

    COUNT = "Count"
    SECONDS = "Seconds"
    BYTES = "Bytes"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a fact is called in CloudWatch."""

    name: str
    unit: Unit = Unit.COUNT


METRICS: Mapping[str, Mapping[str, Metric]] = {
    "request": {
        "body_bytes": Metric("BytesReceived", Unit.BYTES),
        "offered": Metric("EventsOffered"),
        "accepted": Metric("EventsAccepted"),
        "rejected": Metric("EventsRejected"),
        "unavailable": Metric("EventsUnavailable"),
        "spilled": Metric("EventsSpilled"),
    },
    "transform": {
        "records": Metric("RecordsTransformed"),
        "lines": Metric("LinesChecked"),
        "failed": Metric("LinesFailed"),
        "ok": Metric("RecordsPassed"),
        "dropped": Metric("RecordsDropped"),
        "processing_failed": Metric("RecordsLeftToFirehose"),
    },
    "load": {
        "noticed": Metric("FilesNoticed"),
        "submitted": Metric("FilesSubmitted"),
        "unconfirmed": Metric("FilesUnconfirmed"),
    },
    "reconcile": {
        "submitted_found": Metric("FilesInspected"),
        "loaded": Metric("FilesLoaded"),
        "partial": Metric("FilesPartlyLoaded"),
        "failed": Metric("FilesFailed"),
        "unknown": Metric("FilesUnknown"),
        "resubmitted": Metric("FilesResubmitted"),
        "reloaded": Metric("FilesReloaded"),
        "unfinished": Metric("FilesUnfinished"),
        "oldest_unfinished_s": Metric("OldestUnfinishedFileSeconds", Unit.SECONDS),
        "suspended_tasks": Metric("TasksSuspended"),
        "stopped_pipes": Metric("PipesStopped"),
        "core_behind_s": Metric("CoreBehindSeconds", Unit.SECONDS),
        "snowpipe_available": Metric("SnowpipeAvailable"),
    },
    "compare": {
        "files": Metric("FilesCompared"),
        "unannounced": Metric("FilesUnannounced"),
        "firehose_failed": Metric("FirehoseFailedObjects"),
    },
    "drain": {
        "objects": Metric("SpillObjectsDrained"),
        "lines": Metric("LinesDrained"),
        "records": Metric("RecordsDrained"),
        "unconfirmed": Metric("LinesUnconfirmed"),
        "unreadable": Metric("SpillObjectsUnreadable"),
        "left_objects": Metric("SpillObjectsLeft"),
        "oldest_spill_s": Metric("OldestSpillSeconds", Unit.SECONDS),
    },
}
"""Each log's numbers by the field that holds them. Facts that stand here are metrics, the others plain fields."""

WATCHED_ERRORS: Mapping[str, tuple[ErrorType, ...]] = {
    "request": (ErrorType.UNKNOWN_SCHEMA, ErrorType.SCHEMA_VIOLATION, ErrorType.TYPE_FORBIDDEN),
    "transform": (ErrorType.AGGREGATED_RECORD, ErrorType.TRANSFORM_ERROR),
}
"""The error types that have an alarm, by the log that always counts them, 0 included."""

_UNITS = {metric.name: metric.unit.value for fields in METRICS.values() for metric in fields.values()}


def dead_letter_metric(error_type: str) -> str:
    """Return the name of the metric that counts failed events of one type."""
    return f"DeadLetters.{error_type}"


def dead_letters_by_type(failed_events: Iterable[FailedEvent]) -> dict[str, int]:
    """Count failed events by error type: the fact `dead_letters` of a line."""
    return dict(Counter(failed.rejection.type.value for failed in failed_events))


def log_line(log: str, deploy_stage: str, at_ms: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch's line: its log's name, the deploy stage, the facts, and their numbers as metrics.

    `at_ms` is Unix time in milliseconds. A fact that is None or absent makes no metric: unknown is not 0.
    `dead_letters` is `{error type: number}`; absent, nothing was set aside. Raises KeyError for a log without metrics.
    Source: CloudWatch embedded metric format specification.
    """
    numbers = {metric.name: +facts[field] for field, metric in METRICS[log].items() if facts.get(field) is not None}
    numbers |= _dead_letters(log, facts.get("dead_letters") or {})
    line = {"log": log, DIMENSION: deploy_stage, **facts, **numbers}
    if numbers:
        line["_aws"] = {"Timestamp": at_ms, "CloudWatchMetrics": _directives(tuple(numbers))}
    return line


def _dead_letters(log: str, by_type: Mapping[str, int]) -> dict[str, int]:
    """Return failed events by metric: those of watched types always, the others where there are any."""
    counted = dict.fromkeys(_WATCHED_METRICS.get(log, ()), 0)
    return counted | {dead_letter_metric(error_type): number for error_type, number in by_type.items()}


_WATCHED_METRICS = {log: tuple(map(dead_letter_metric, types)) for log, types in WATCHED_ERRORS.items()}


@lru_cache(maxsize=256)
def _directives(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what tells CloudWatch which members are metrics: the same object each time, not to be changed."""
    metrics = [{"Name": name, "Unit": _UNITS.get(name, Unit.COUNT.value)} for name in names]
    return [{"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics}]
