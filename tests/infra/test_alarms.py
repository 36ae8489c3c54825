"""The alarms: each reads a number that is really reported, tells somebody, and is explained in docs/alarms.md."""

import operator
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.metrics import DIMENSION, METRICS, NAMESPACE, WATCHED_ERRORS, dead_letter_metric, log_line
from sluice.local.template import load_template

ROOT = Path(__file__).parents[2]
TEMPLATE = load_template(ROOT / "infra/template.yaml")
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
ALARMS = {name: it["Properties"] for name, it in RESOURCES.items() if it["Type"] == "AWS::CloudWatch::Alarm"}
OURS = {name: it for name, it in ALARMS.items() if it["Namespace"] == NAMESPACE}
SCHEDULED = {"reconcile", "compare", "drain"}
"""The logs to which a line is added though nobody posts anything."""

SAID_BY_SNOWFLAKE = {"TasksSuspended", "PipesStopped", "CoreBehindSeconds"}
"""What reconcile cannot tell while Snowflake does not answer."""

OF_AWS = {
    ("AWS/Firehose", "KinesisMillisBehindLatest"): ("DeliveryStreamName", {"Ref": "DeliveryStream"}),
    ("AWS/Firehose", "DeliveryToS3.DataFreshness"): ("DeliveryStreamName", {"Ref": "DeliveryStream"}),
    ("AWS/Firehose", "DeliveryToS3.Success"): ("DeliveryStreamName", {"Ref": "DeliveryStream"}),
    ("AWS/Kinesis", "WriteProvisionedThroughputExceeded"): ("StreamName", {"Ref": "EventStream"}),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName", {"Fn::GetAtt": "LoadQueue.QueueName"}),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", {"Fn::GetAtt": "LoadDeadQueue.QueueName"}),
}
"""Metrics that AWS reports, each with its dimension. Source: the documents named in docs/alarms.md."""

HOLDS = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
STATISTICS = {"Sum": sum, "Maximum": max, "SampleCount": len}
LONGEST_EVALUATION_S = 86_400
"""Source: CloudWatch API, PutMetricAlarm: periods times their length, for periods under a day."""

DOCS = (ROOT / "docs/alarms.md").read_text(encoding="utf-8")


def short_name(alarm: str) -> str:
    """Return an alarm's name without `sluice-<stage>-`."""
    name: str = ALARMS[alarm]["AlarmName"]["Fn::Sub"]
    assert name.startswith("sluice-${Stage}-")
    return name.removeprefix("sluice-${Stage}-")


def rows(heading: str) -> dict[str, str]:
    """Return a table of docs/alarms.md: what stands behind the first cell, by the first cell without backticks."""
    lines = DOCS.split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    cells = (line.strip("| ").split(" | ", 1) for line in lines)
    return {first.replace("`", ""): rest for first, rest in cells}


def quiet_line(log: str) -> dict[str, Any]:
    """Return the line of a batch in which nothing happened."""
    return log_line(log, "local", 0, dict.fromkeys(METRICS[log], 0))


def log_of(metric: str) -> str:
    """Return the log whose every line reports a metric."""
    (log,) = [log for log in METRICS if metric in quiet_line(log)]
    return log


def threshold(alarm: str) -> float:
    """Return an alarm's threshold, its parameter's default included."""
    value = ALARMS[alarm]["Threshold"]
    return float(TEMPLATE["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value)


def fires(alarm: str, values: list[float]) -> bool:
    """Tell whether a period with these values breaches; the emulator takes all periods together as one."""
    properties = ALARMS[alarm]
    return bool(HOLDS[properties["ComparisonOperator"]](STATISTICS[properties["Statistic"]](values), threshold(alarm)))


@pytest.mark.parametrize("alarm", OURS)
def test_our_alarms_read_what_every_line_of_one_log_reports(alarm):
    """The metric is on every line of exactly one log, 0 included, under the alarm's one dimension."""
    log = log_of(OURS[alarm]["MetricName"])
    (directive,) = quiet_line(log)["_aws"]["CloudWatchMetrics"]

    assert OURS[alarm]["MetricName"] in {metric["Name"] for metric in directive["Metrics"]}
    assert directive["Dimensions"] == [[DIMENSION]]
    assert OURS[alarm]["Dimensions"] == [{"Name": DIMENSION, "Value": {"Ref": "Stage"}}]


@pytest.mark.parametrize("alarm", ALARMS.keys() - OURS.keys())
def test_other_alarms_read_what_aws_reports(alarm):
    """Namespace, metric and dimension are ones AWS documents, and the resource is ours."""
    properties = ALARMS[alarm]
    dimension, resource = OF_AWS[properties["Namespace"], properties["MetricName"]]

    assert properties["Dimensions"] == [{"Name": dimension, "Value": resource}]
    assert (RESOURCES[alarm].get("Condition") == "WithFirehose") == (properties["Namespace"] == "AWS/Firehose")


def test_every_number_has_an_alarm_or_a_reason():
    """Each metric is read by an alarm, or docs/alarms.md says why none does; never both."""
    read = {properties["MetricName"] for properties in OURS.values()}
    reasons = rows("| metrics | why not |")
    excused = {name for names in reasons for name in names.split() if re.fullmatch("[A-Z][A-Za-z0-9]+", name)}
    known = {metric.name for fields in METRICS.values() for metric in fields.values()}

    assert excused | {name for name in read if "." not in name} == known
    assert not excused & read


def test_watched_error_types_are_those_with_an_alarm():
    """What is reported as 0 for an alarm's sake has one, and none is missing."""
    watched = {dead_letter_metric(error) for errors in WATCHED_ERRORS.values() for error in errors}

    assert {it["MetricName"] for it in OURS.values() if it["MetricName"].startswith("DeadLetters.")} == watched


def test_a_failed_file_is_told_once():
    """Reconcile itself sends a message for it, so no alarm reads the counts of failed files."""
    read = {properties["MetricName"] for properties in OURS.values()}

    assert not read & {
        "FilesFailed",
        "FilesPartlyLoaded",
        dead_letter_metric("load_failed"),
        dead_letter_metric("load_partial"),
    }


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarms_tell_the_topic_and_only_when_they_begin(alarm):
    """One message for one trouble: none when it ends. No metric math, which the local emulator refuses."""
    properties = ALARMS[alarm]

    assert properties["AlarmActions"] == [{"Ref": "AlertTopic"}]
    assert not {"OKActions", "InsufficientDataActions", "Metrics"} & properties.keys()
    assert properties["AlarmDescription"].endswith(" See docs/alarms.md.")
    assert properties["Period"] * properties["EvaluationPeriods"] <= LONGEST_EVALUATION_S


def test_two_alarms_never_say_the_same():
    """Names are unique, and no metric has two alarms."""
    assert len({short_name(alarm) for alarm in ALARMS}) == len(ALARMS)
    assert len({(it["Namespace"], it["MetricName"]) for it in ALARMS.values()}) == len(ALARMS)


@pytest.mark.parametrize("alarm", OURS)
def test_silence_is_an_alarm_only_where_somebody_reports_all_the_time(alarm):
    """Breaching for scheduled functions' own numbers, unchanged for Snowflake's, not breaching for counts."""
    metric, missing = OURS[alarm]["MetricName"], OURS[alarm]["TreatMissingData"]

    if missing == "breaching":
        assert log_of(metric) in SCHEDULED
    assert (missing == "ignore") == (metric in SAID_BY_SNOWFLAKE)


def test_every_scheduled_function_is_missed_once():
    """One alarm, and only one, fires when reconcile, compare or drain does not run."""
    missed = [log_of(it["MetricName"]) for it in OURS.values() if it["TreatMissingData"] == "breaching"]

    assert sorted(missed) == sorted(SCHEDULED)


@pytest.mark.parametrize("alarm", OURS)
def test_a_quiet_road_sets_off_nothing(alarm):
    """Zeros for as long as you like stay below every threshold: so in the local emulator, which knows no more."""
    assert not fires(alarm, [0.0] * 1000)


@pytest.mark.parametrize("alarm", [name for name, it in OURS.items() if it["Statistic"] != "SampleCount"])
def test_trouble_sets_it_off(alarm):
    """One value over the threshold among zeros is enough."""
    assert fires(alarm, [0.0, threshold(alarm) + 1, 0.0])


def test_thresholds_have_the_unit_of_their_metric():
    """A parameter in seconds is compared with seconds, one in milliseconds with milliseconds."""
    by_parameter = [(it["Threshold"]["Ref"], it["MetricName"]) for it in ALARMS.values() if "Ref" in _of(it)]
    in_seconds = {"ApproximateAgeOfOldestMessage", "DeliveryToS3.DataFreshness"}

    assert by_parameter
    for parameter, metric in by_parameter:
        assert parameter.endswith("Seconds") == (metric.endswith("Seconds") or metric in in_seconds)
        assert parameter.endswith("Milliseconds") == ("Millis" in metric)


def test_only_our_alarms_may_publish():
    """CloudWatch may publish to the topic for this stage's alarms of this account; other publishers need a role."""
    (statement,) = RESOURCES["AlertTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sns:Publish", {"Ref": "AlertTopic"})
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(":alarm:sluice-${Stage}-*")


def test_the_docs_explain_exactly_these_alarms():
    """A row for each alarm and an alarm for each row; the row names the metric, the threshold and what to do."""
    explained = rows("| alarm | fires when | meaning | what to do |")
    explained.pop("---|---|---|---", None)

    assert {name for name in explained if "---" not in name} == {short_name(alarm) for alarm in ALARMS}
    for alarm, properties in ALARMS.items():
        when, meaning, remedy = explained[short_name(alarm)].split(" | ")
        assert f"`{properties['MetricName']}`" in when
        assert all(f"`{parameter}`" in when for parameter in _of(properties).values())
        assert meaning
        assert remedy


def test_the_docs_explain_every_threshold():
    """Each parameter an alarm compares with, and its default, stands in the table of thresholds."""
    used = {it["Threshold"]["Ref"] for it in ALARMS.values() if "Ref" in _of(it)}
    explained = {
        name: rest for name, rest in rows("| parameter | default | keep in mind |").items() if "---" not in name
    }

    assert explained.keys() == used
    assert all(explained[name].startswith(f"{TEMPLATE['Parameters'][name]['Default']} | ") for name in used)


def _of(properties: dict[str, Any]) -> dict[str, str]:
    """Return the reference a threshold is, or nothing."""
    value = properties["Threshold"]
    return value if isinstance(value, dict) else {}
