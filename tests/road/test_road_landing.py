"""However a file is announced, and whatever it is called: it is loaded exactly once."""

import gzip
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus

import pytest
from http_cases import order
from local_road import LocalRoad, wait_until

pytestmark = pytest.mark.road


def _file(source: str) -> bytes:
    """Return a landed file of one line, as another producer might have written it."""
    line = {**order(source=source, id="e-1"), "specversion": "1.0", "dataschema": "sluice:order.placed/1-0-0"}
    return gzip.compress(json.dumps(line).encode() + b"\n")


def _rows(road: LocalRoad, source: str) -> int:
    return int(road.sql(f"select count(*) as n from raw.events where source = '{source}'")[0]["n"])  # noqa: S608


def _await_one_row(road: LocalRoad, source: str, key: str) -> None:
    """Wait until the file is loaded and the ledger says so; look again later, when nothing may have been added."""
    wait_until(lambda: _rows(road, source) >= 1, "a row in RAW")
    wait_until(lambda: [entry["state"] for entry in road.ledger(key)] == ["loaded"], "a ledger that knows it")
    assert _rows(road, source) == 1


@pytest.mark.parametrize("name", ["a+b.gz", "a b.gz", "ünï-日本-🛶.gz", "a%2Bb.gz", "a&b=c;d,e'f.gz"])
def test_a_key_that_is_easily_misread(road: LocalRoad, name: str) -> None:
    """Keys come URL-encoded from S3 and are paths in Snowpipe."""
    source, key = f"/landing/{uuid.uuid4()}", f"events/odd/{uuid.uuid4()}/{name}"
    road.client("s3").put_object(Bucket=_landing(road), Key=key, Body=_file(source))
    _await_one_row(road, source, key)


def test_a_lost_notification(road: LocalRoad) -> None:
    """A file that nobody announced is found by comparing landing with the ledger."""
    source, key = f"/landing/{uuid.uuid4()}", f"events/lost/{uuid.uuid4()}.gz"
    with _without_notifications(road):
        road.client("s3").put_object(Bucket=_landing(road), Key=key, Body=_file(source))
    _await_one_row(road, source, key)


def test_a_notification_that_comes_three_times(road: LocalRoad) -> None:
    """S3 and SQS deliver at least once."""
    source, key = f"/landing/{uuid.uuid4()}", f"events/thrice/{uuid.uuid4()} +.gz"
    road.client("s3").put_object(Bucket=_landing(road), Key=key, Body=_file(source))
    for _ in range(2):
        _announce(road, key)
    _await_one_row(road, source, key)
    _announce(road, key)
    wait_until(lambda: _depth(road) == 0, "an empty queue")
    _await_one_row(road, source, key)


def _landing(road: LocalRoad) -> str:
    return road.infra()["LandingBucket"]


def _announce(road: LocalRoad, key: str) -> None:
    """Send what S3 sends."""
    described = {"bucket": {"name": _landing(road)}, "object": {"key": quote_plus(key, safe="/")}}
    body = json.dumps({"Records": [{"eventSource": "aws:s3", "s3": described}]})
    road.client("sqs").send_message(QueueUrl=road.infra()["LoadQueueUrl"], MessageBody=body)


def _depth(road: LocalRoad) -> int:
    """Return how many messages wait in the load queue or are being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queue = road.infra()["LoadQueueUrl"]
    found = road.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


@contextmanager
def _without_notifications(road: LocalRoad) -> Iterator[None]:
    """Let the bucket announce nothing for as long as the block lasts."""
    s3, bucket = road.client("s3"), _landing(road)
    before: dict[str, Any] = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)
