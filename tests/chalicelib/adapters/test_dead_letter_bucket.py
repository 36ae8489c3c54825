"""The dead-letter bucket on S3: objects, versions, and failures that are told."""

import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.dead_letter_bucket import DeadLetterBucket
from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from tests.fakes import RECEIVED_AT


@pytest.fixture
def s3() -> Iterator[Any]:
    """Return a client of an emulated S3 with a bucket `letters` that keeps versions."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="letters")
        client.put_bucket_versioning(Bucket="letters", VersioningConfiguration={"Status": "Enabled"})
        yield client


def failed(payload: bytes, index: int = 0) -> FailedEvent:
    """Return a failed event."""
    rejection = Rejection(ErrorType.NOT_JSON, "no", (Detail("", "nan", "no"),))
    return FailedEvent(
        Stage.COLLECT,
        "sluice-collect/0.1.0",
        RECEIVED_AT,
        rejection,
        Identity(),
        payload,
        Origin(f"r:{index}", RECEIVED_AT),
    )


def stored(s3: Any) -> dict[str, bytes]:
    """Return every object."""
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="letters").get("Contents", [])]
    return {key: s3.get_object(Bucket="letters", Key=key)["Body"].read() for key in keys}


def test_failed_events_are_kept_in_one_object(s3: Any) -> None:
    """One gzip NDJSON object under stage and hour, and the same one when kept again."""
    bucket = DeadLetterBucket(s3, "letters")
    assert bucket.keep([failed(b"a", 0), failed(b"b", 1)])
    once = stored(s3)
    assert bucket.keep([failed(b"a", 0), failed(b"b", 1)])
    assert stored(s3) == once
    ((key, body),) = once.items()
    assert key.startswith("failed/v1/stage=collect/dt=2026-01-31/hh=12/")
    assert [json.loads(line)["payload"]["body"] for line in gzip.decompress(body).splitlines()] == ["a", "b"]


def test_a_large_payload_is_found_by_key_and_version(s3: Any) -> None:
    """The failed event names bucket, key and version of the object that holds every byte."""
    payload = b"\xff" * (1024 * 1024 + 1)
    assert DeadLetterBucket(s3, "letters").keep([failed(payload)])
    (entry,) = [json.loads(gzip.decompress(body)) for key, body in stored(s3).items() if key.startswith("failed/")]
    place = entry["payload"]
    found = s3.get_object(Bucket=place["bucket"], Key=place["key"], VersionId=place["version_id"])
    assert found["Body"].read() == payload


def test_a_bucket_that_fails_is_told_and_logged(s3: Any, caplog: pytest.LogCaptureFixture) -> None:
    """False, nothing raised, and the ids stand in the log as an error."""
    event = failed(b"a")
    with caplog.at_level(logging.ERROR):
        assert not DeadLetterBucket(s3, "missing").keep([event])
    assert event.id in caplog.text
