"""Metrics out of log lines: every value once, as CloudWatch would read it."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.metrics import log_line
from sluice.local.scheduler.emf import Gathered, Metric, by_namespace, metric_data, read_metrics

STEADY_S = 15.0
LATENCY = Metric("Sluice", "Latency", "Seconds", (("Stage", "local"),))
FILES = Metric("Sluice", "Files", "Count", (("Stage", "local"),))


def _line(*, dimensions: list[list[str]] | None = None, **fields: object) -> str:
    metrics = [{"Name": "Latency", "Unit": "Seconds"}, {"Name": "Files", "Unit": "Count"}]
    directive = {"Namespace": "Sluice", "Dimensions": dimensions or [["Stage"]], "Metrics": metrics}
    return json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "Stage": "local", **fields})


def test_metrics_are_found_among_other_lines() -> None:
    """A log holds START, REPORT and what a library says; metrics are JSON lines of their own."""
    log = f'START RequestId: 1\n{_line(Latency=1.5, Files=3)}\n{{"a": 1}}\nREPORT Duration: 1\n{_line(Files=0)}\n'
    assert list(read_metrics(log)) == [(LATENCY, 1.5), (FILES, 3.0), (FILES, 0.0)]


def test_line_that_is_cut_off_holds_nothing() -> None:
    """Lambda gives the last 4 KB of a log."""
    assert list(read_metrics(_line(Files=1)[3:] + "\n" + _line(Files=2)[:-1])) == []


def test_several_values_and_dimensions() -> None:
    """A list is several values; each set of dimensions is a metric of its own."""
    found = list(read_metrics(_line(dimensions=[["Stage"], ["Stage", "Shard"]], Shard="a", Files=[1, 2])))
    both = Metric("Sluice", "Files", "Count", (("Stage", "local"), ("Shard", "a")))
    assert found == [(FILES, 1.0), (FILES, 2.0), (both, 1.0), (both, 2.0)]


def test_line_of_the_app_is_read() -> None:
    """What the app writes for CloudWatch is understood here too."""
    line = json.dumps(log_line("reconcile", "local", 1, {"unknown": 2, "dead_letters": {"load_failed": 3}}))
    found = {metric.name: value for metric, value in read_metrics(line)}
    assert 2.0 in found.values()
    assert found["DeadLetters.load_failed"] == 3.0


def test_steady_value_is_handed_on_now_and_then() -> None:
    """A new value goes at once, one that stays the same with how often it was seen."""
    gathered = Gathered(STEADY_S)
    handed_on = []
    for second in range(40):
        gathered.add([(FILES, 5.0 if second == 20 else 0.0)])
        handed_on.append(gathered.take(float(second)))
    assert {second: dict(points[FILES]) for second, points in enumerate(handed_on) if points} == {
        0: {0.0: 1},
        15: {0.0: 15},
        20: {0.0: 4, 5.0: 1},
        21: {0.0: 1},
        36: {0.0: 15},
    }


@given(
    st.lists(st.lists(st.tuples(st.sampled_from([LATENCY, FILES]), st.sampled_from([0.0, 1.0, 2.5])), max_size=5)),
    st.data(),
)
def test_no_value_is_lost_or_doubled(seconds: list[list[tuple[Metric, float]]], data: st.DataObject) -> None:
    """Whatever the emulator refuses now is handed on later."""
    gathered, taken, total = Gathered(STEADY_S), Counter[tuple[Metric, float]](), Counter[tuple[Metric, float]]()
    for now, found in enumerate(seconds):
        gathered.add(found)
        total.update(found)
        points = gathered.take(float(now))
        if data.draw(st.booleans()):
            gathered.give_back(points)
        else:
            taken.update({(metric, value): times for metric in points for value, times in points[metric].items()})
    rest = gathered.take(len(seconds) + STEADY_S)
    taken.update({(metric, value): times for metric in rest for value, times in rest[metric].items()})
    assert taken == total


def test_data_is_in_the_shape_of_put_metric_data() -> None:
    """One call a namespace; a value once, with its count."""
    other = Metric("Other", "Files", "Count", ())
    spaces = by_namespace({FILES: {0.0: 3, 2.0: 1}, other: {1.0: 1}})
    assert metric_data(spaces["Sluice"]) == [
        {
            "MetricName": "Files",
            "Unit": "Count",
            "Dimensions": [{"Name": "Stage", "Value": "local"}],
            "Values": [0.0, 2.0],
            "Counts": [3, 1],
        }
    ]
    assert list(spaces["Other"]) == [other]


@pytest.mark.parametrize("value", [None, []])
def test_metric_without_a_value_is_left_out(value: object) -> None:
    """A line may announce more than it holds."""
    assert list(read_metrics(_line(Files=value))) == []
