"""The batch's line: valid in CloudWatch's embedded metric format, whole as facts, complete as metrics."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from chalicelib.core.metrics import (
    DIMENSION,
    MAX_METRICS_PER_DIRECTIVE,
    METRICS,
    WATCHED_ERRORS,
    Unit,
    dead_letter_metric,
    dead_letters_by_type,
    log_line,
)
from tests.fakes import RECEIVED_AT

NAME = {"type": "string", "minLength": 1, "maxLength": 250}
CLOUDWATCH_UNITS = {"Count", "Seconds", "Bytes", "Milliseconds", "Percent", "None"}
"""Some of CloudWatch's. Source: CloudWatch API, MetricDatum."""

FORMAT = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "required": ["_aws"],
        "properties": {
            "_aws": {
                "type": "object",
                "required": ["Timestamp", "CloudWatchMetrics"],
                "properties": {
                    "Timestamp": {"type": "integer"},
                    "CloudWatchMetrics": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["Namespace", "Dimensions", "Metrics"],
                            "properties": {
                                "Namespace": {**NAME, "pattern": "^[0-9A-Za-z._/#:-]+$"},
                                "Dimensions": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {"type": "array", "maxItems": 30, "items": NAME},
                                },
                                "Metrics": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": MAX_METRICS_PER_DIRECTIVE,
                                    "items": {
                                        "type": "object",
                                        "required": ["Name"],
                                        "properties": {"Name": NAME, "Unit": {"enum": sorted(CLOUDWATCH_UNITS)}},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    }
)
"""The format's own rules. Source: CloudWatch embedded metric format specification, document structure."""

NUMBERS = st.integers(0, 2**40) | st.floats(0, 1e9) | st.booleans() | st.none()
LETTERS = st.dictionaries(st.sampled_from([error.value for error in ErrorType]), st.integers(0, 5000))


@st.composite
def batches(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a log and facts for it: any of its numbers, texts beside them, dead letters of any types."""
    log = draw(st.sampled_from(sorted(METRICS)))
    numbers = draw(st.dictionaries(st.sampled_from(sorted(METRICS[log])), NUMBERS))
    return log, {
        "receipt": draw(st.text()),
        **numbers,
        **draw(st.fixed_dictionaries({}, optional={"dead_letters": LETTERS})),
    }


def defined(line: dict[str, Any]) -> list[dict[str, str]]:
    """Return the metric definitions of a line."""
    return [metric for directive in line["_aws"]["CloudWatchMetrics"] for metric in directive["Metrics"]]


@given(batches())
def test_every_line_is_valid_embedded_metric_format(batch: tuple[str, dict[str, Any]]) -> None:
    """By the schema, and by what no schema says: each metric is a number at the root, each dimension a text there."""
    line = json.loads(json.dumps(log_line(*_call(batch))))
    if "_aws" not in line:
        assert not [value for field, value in batch[1].items() if field in METRICS[batch[0]] and value is not None]
        return
    FORMAT.validate(line)
    assert all(type(line[metric["Name"]]) in {int, float} for metric in defined(line))
    assert all(type(line[name]) is str for one in line["_aws"]["CloudWatchMetrics"] for [name] in one["Dimensions"])


@given(batches())
def test_every_fact_stands_in_the_line_under_its_own_name(batch: tuple[str, dict[str, Any]]) -> None:
    """Who counts from the lines needs no metric names; nothing that was given is changed."""
    line = log_line(*_call(batch))
    assert {name: line[name] for name in batch[1]} == batch[1]
    assert (line["log"], line[DIMENSION]) == (batch[0], "production")


@given(batches())
def test_what_is_unknown_is_no_metric(batch: tuple[str, dict[str, Any]]) -> None:
    """Exactly the numbers that are there, the dead letters that are there, and 0 for those that have an alarm."""
    log, facts = batch
    known = {METRICS[log][field].name: value for field, value in facts.items() if _is_number(log, field, value)}
    letters = {dead_letter_metric(error): 0 for error in WATCHED_ERRORS.get(log, ())}
    letters |= {dead_letter_metric(error): number for error, number in facts.get("dead_letters", {}).items()}
    line = log_line(*_call(batch))
    names = {metric["Name"] for metric in defined(line)} if "_aws" in line else set()
    assert {name: line[name] for name in names} == known | letters


def test_a_request_gives_a_golden_line() -> None:
    """Exact members and their order: what CloudWatch and `sluice status` read."""
    facts = {"receipt": "r", "offered": 3, "accepted": 1, "rejected": 2, "dead_letters": {"not_json": 2}}
    line = log_line("request", "production", 1_769_862_896_789, facts)
    assert json.dumps(line) == (
        '{"log": "request", "Stage": "production", "receipt": "r", "offered": 3, "accepted": 1, "rejected": 2, '
        '"dead_letters": {"not_json": 2}, "EventsOffered": 3, "EventsAccepted": 1, "EventsRejected": 2, '
        '"DeadLetters.unknown_schema": 0, "DeadLetters.schema_violation": 0, "DeadLetters.type_forbidden": 0, '
        '"DeadLetters.not_json": 2, '
        '"_aws": {"Timestamp": 1769862896789, "CloudWatchMetrics": [{"Namespace": "Sluice", "Dimensions": [["Stage"]], '
        '"Metrics": [{"Name": "EventsOffered", "Unit": "Count"}, {"Name": "EventsAccepted", "Unit": "Count"}, '
        '{"Name": "EventsRejected", "Unit": "Count"}, {"Name": "DeadLetters.unknown_schema", "Unit": "Count"}, '
        '{"Name": "DeadLetters.schema_violation", "Unit": "Count"}, '
        '{"Name": "DeadLetters.type_forbidden", "Unit": "Count"}, '
        '{"Name": "DeadLetters.not_json", "Unit": "Count"}]}]}}'
    )


def test_ages_are_seconds_and_sizes_bytes() -> None:
    """A name says its unit, and the unit given is that one."""
    metrics = [metric for fields in METRICS.values() for metric in fields.values()]
    assert {metric.unit for metric in metrics if metric.name.endswith("Seconds")} == {Unit.SECONDS}
    assert {metric.unit for metric in metrics if metric.name.startswith("Bytes")} == {Unit.BYTES}
    assert {unit.value for unit in Unit} <= CLOUDWATCH_UNITS


def test_a_name_is_one_log_s_alone() -> None:
    """CloudWatch adds up what has one name: two logs' numbers must not meet, but for dead letters, which should."""
    names = [metric.name for fields in METRICS.values() for metric in fields.values()]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch("([A-Z][a-z0-9]+)+", name)] == []


@pytest.mark.parametrize("log", METRICS)
def test_the_fullest_line_fits_into_one_directive(log: str) -> None:
    """All fields and all error types at once stay within the format's 100 metrics."""
    facts = dict.fromkeys(METRICS[log], 1) | {"dead_letters": {error.value: 1 for error in ErrorType}}
    assert len(defined(log_line(log, "production", 0, facts))) <= MAX_METRICS_PER_DIRECTIVE


def test_a_log_without_metrics_is_a_mistake() -> None:
    """A name mistyped at an entry point is found by its first call."""
    with pytest.raises(KeyError, match="requests"):
        log_line("requests", "production", 0, {})


def test_failed_events_are_counted_by_type() -> None:
    """Plain texts and numbers, ready for a line."""
    types = [ErrorType.NOT_JSON, ErrorType.TOO_LARGE, ErrorType.NOT_JSON]
    counted = dead_letters_by_type(map(_failed, types))
    assert json.dumps(counted) == '{"not_json": 2, "too_large": 1}'
    assert {type(name) for name in counted} == {str}


def _failed(error: ErrorType) -> FailedEvent:
    rejection, origin = Rejection(error, "no"), Origin("r:0", RECEIVED_AT)
    return FailedEvent(Stage.COLLECT, "sluice-collect/0.1.0", RECEIVED_AT, rejection, Identity(), b"", origin)


def _call(batch: tuple[str, dict[str, Any]]) -> tuple[str, str, int, dict[str, Any]]:
    return batch[0], "production", 1_769_862_896_789, batch[1]


def _is_number(log: str, field: str, value: object) -> bool:
    return field in METRICS[log] and value is not None
