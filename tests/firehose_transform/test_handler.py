"""The transform Lambda: a captured invocation in, exact answer and dead letters out."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.metrics import log_line
from firehose_transform import handler as module
from firehose_transform.handler import handler

TESTS = Path(__file__).parents[1]
INVOCATION = json.loads((TESTS / "events" / "firehose-transform.json").read_text())


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of an emulated S3 with an empty dead-letter bucket."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SLUICE_DEPLOY_STAGE", "local")
    monkeypatch.setenv("SLUICE_DEAD_LETTER_BUCKET", "letters")
    module._s3.cache_clear()  # noqa: SLF001 - a client made outside the emulator would leave it
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="letters")
        yield client
    module._s3.cache_clear()  # noqa: SLF001 - likewise


def stored(s3: Any) -> dict[str, list[Any]]:
    """Return each object's failed events by key; when each was met is left out, it is the clock's."""
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="letters").get("Contents", [])]
    bodies = {key: gzip.decompress(s3.get_object(Bucket="letters", Key=key)["Body"].read()) for key in keys}
    return {
        key: [{**json.loads(line), "failed_at": None} for line in body.splitlines()] for key, body in bodies.items()
    }


def golden(name: str) -> Any:
    """Return what is expected."""
    return json.loads((TESTS / "golden" / name).read_text())


def test_a_captured_invocation_is_answered_exactly(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Six records: good, half good, all bad, aggregated, blank, no UTF-8; five failed events in one object."""
    assert handler(INVOCATION, None) == golden("firehose-transform.answer.json")
    assert stored(s3) == golden("firehose-transform.dead-letters.json")
    line = json.loads(capsys.readouterr().out)
    facts = {
        "invocation_id": INVOCATION["invocationId"],
        "records": 6,
        "lines": 7,
        "failed": 5,
        "ok": 2,
        "dropped": 4,
        "processing_failed": 0,
        "dead_letters": {"schema_violation": 2, "not_json": 1, "aggregated_record": 1, "not_utf8": 1},
    }
    assert line == log_line("transform", "local", line["_aws"]["Timestamp"], facts)
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60


def test_firehose_may_try_again(s3: Any) -> None:
    """The same invocation twice gives the same answer and no second object."""
    first = handler(INVOCATION, None)
    once = stored(s3)
    assert handler(INVOCATION, None) == first
    assert stored(s3) == once


def test_without_a_bucket_firehose_keeps_what_failed(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good and blank records are answered, those with failures are ProcessingFailed, nothing raises."""
    monkeypatch.setenv("SLUICE_DEAD_LETTER_BUCKET", "missing")
    told = [entry["result"] for entry in handler(INVOCATION, None)["records"]]
    assert told == ["Ok", "ProcessingFailed", "ProcessingFailed", "ProcessingFailed", "Dropped", "ProcessingFailed"]


def test_no_record_no_answer(s3: Any) -> None:
    """An empty invocation is answered emptily."""
    assert handler({**INVOCATION, "records": []}, None) == {"records": []}
