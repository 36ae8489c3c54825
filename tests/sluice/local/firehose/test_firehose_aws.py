"""The adapters over boto3: what they make of the services' answers and refusals."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from firehose_fakes import ARRIVED_AT, FakeDestination, FakeLog
from moto import mock_aws

from sluice.local.firehose.aws import KinesisSource, LambdaFunction, S3Destination
from sluice.local.firehose.ports import Destination, Refusal, Shard, UnreachableError

SHARD = "shardId-000000000000"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:transform"


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing here reach a real service."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield


def client(service: str) -> Any:
    """Return a boto3 client."""
    return boto3.client(service)


def stubbed(service: str) -> tuple[Any, Stubber]:
    """Return a client whose answers a test sets."""
    made = client(service)
    return made, Stubber(made)


def test_reads_on_behind_a_position() -> None:
    """Without a position everything is read, in order; with one only what came later."""
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)
    for number in range(3):
        kinesis.put_record(StreamName="events", Data=f"{number}".encode(), PartitionKey="key")
    source = KinesisSource(kinesis, "events", FakeLog())
    page = source.read(SHARD, None)
    assert source.shards() == [Shard(SHARD)]
    assert [item.data for item in page.records] == [b"0", b"1", b"2"]
    assert page.records[0].arrived_at.utcoffset() is not None
    assert [item.data for item in source.read(SHARD, page.records[0].sequence_number).records] == [b"1", b"2"]
    assert not page.ended


def test_parents_are_known() -> None:
    """A merged shard names both of its parents."""
    kinesis, stub = stubbed("kinesis")
    shard = {
        "ShardId": "c",
        "ParentShardId": "a",
        "AdjacentParentShardId": "b",
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
        "SequenceNumberRange": {"StartingSequenceNumber": "1"},
    }
    stub.add_response("list_shards", {"Shards": [shard]})
    with stub:
        assert KinesisSource(kinesis, "events", FakeLog()).shards() == [Shard("c", frozenset("ab"))]


def test_a_closed_shard_ends() -> None:
    """Without a next iterator the shard is at its end; milliseconds behind mean there is more."""
    kinesis, stub = stubbed("kinesis")
    stub.add_response("get_shard_iterator", {"ShardIterator": "i"})
    stub.add_response("get_records", {"Records": [], "MillisBehindLatest": 5})
    with stub:
        page = KinesisSource(kinesis, "events", FakeLog()).read(SHARD, None)
    assert page.ended
    assert page.behind


def test_an_unknown_position_reads_everything_and_says_so() -> None:
    """A position the stream doesn't know, since it was made anew, is a warning and a new beginning."""
    kinesis, stub = stubbed("kinesis")
    stub.add_client_error("get_shard_iterator", "InvalidArgumentException")
    stub.add_response(
        "get_shard_iterator",
        {"ShardIterator": "i"},
        {"StreamName": "events", "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"},
    )
    stub.add_response("get_records", {"Records": [], "NextShardIterator": "j", "MillisBehindLatest": 0})
    log = FakeLog()
    with stub:
        KinesisSource(kinesis, "events", log).read(SHARD, "123")
    assert log.of("position_unknown")[0]["level"] == "WARN"


@pytest.mark.parametrize("code", ["ExpiredIteratorException", "ResourceNotFoundException", "InternalFailure"])
def test_a_read_that_fails_is_unreachable(code: str) -> None:
    """Whatever Kinesis refuses is tried again later."""
    kinesis, stub = stubbed("kinesis")
    stub.add_response("get_shard_iterator", {"ShardIterator": "i"})
    stub.add_client_error("get_records", code)
    with stub, pytest.raises(UnreachableError, match=code):
        KinesisSource(kinesis, "events", FakeLog()).read(SHARD, None)


def invoke(payload: bytes, **answer: str) -> bytes | Refusal:
    """Invoke a function that answers with a payload."""
    made, stub = stubbed("lambda")
    body = StreamingBody(io.BytesIO(payload), len(payload))
    stub.add_response("invoke", {"StatusCode": 200, "Payload": body, **answer})
    with stub:
        return LambdaFunction(made, ARN).invoke(b"{}")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"errorMessage":"2026 Task timed out after 60.00 seconds"}', "Lambda.FunctionTimedOut"),
        (b'{"errorMessage":"boom","errorType":"ValueError"}', "Lambda.FunctionError"),
    ],
)
def test_function_errors_are_refusals(payload: bytes, code: str) -> None:
    """A function that raised or ran out of time gave no answer, whatever its payload is."""
    answer = invoke(payload, FunctionError="Unhandled")
    assert isinstance(answer, Refusal)
    assert answer.error_code == code


def test_answers_pass_as_they_are() -> None:
    """A successful answer is its payload, even when it makes no sense."""
    assert invoke(b"null") == b"null"


def test_a_throttled_function_is_a_refusal_a_missing_one_unreachable() -> None:
    """Throttling counts as an attempt; a function that isn't there is waited for."""
    made, stub = stubbed("lambda")
    stub.add_client_error("invoke", "TooManyRequestsException")
    stub.add_client_error("invoke", "ResourceNotFoundException")
    function = LambdaFunction(made, ARN)
    with stub:
        answer = function.invoke(b"{}")
        assert isinstance(answer, Refusal)
        assert answer.error_code == "Lambda.InvokeLimitExceeded"
        with pytest.raises(UnreachableError):
            function.invoke(b"{}")


def real_destination() -> Destination:
    """Return the adapter over an emulated bucket."""
    s3 = client("s3")
    s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Destination(s3, "landing", gzip=True)


@pytest.mark.parametrize("make", [FakeDestination, real_destination])
def test_put_once_may_be_repeated(make: type[Destination]) -> None:
    """The contract of a destination, real and fake: a second put of a key is no error."""
    destination = make()
    destination.put_once("key", b"body")
    destination.put_once("key", b"body")


def test_objects_look_like_firehoses() -> None:
    """Type, encoding and bytes are those of a GZIP delivery stream."""
    real_destination().put_once("key", b"body")
    found = client("s3").get_object(Bucket="landing", Key="key")
    assert (found["ContentType"], found["ContentEncoding"]) == ("application/octet-stream", "gzip")
    assert found["Body"].read() == b"body"


def test_a_missing_bucket_is_waited_for() -> None:
    """A put that fails is never skipped."""
    with pytest.raises(UnreachableError, match="NoSuchBucket"):
        S3Destination(client("s3"), "nowhere", gzip=True).put_once("key", b"body")


def test_arrival_is_kept_in_utc() -> None:
    """Arrival times are aware and in UTC, to the millisecond."""
    kinesis, stub = stubbed("kinesis")
    record = {
        "SequenceNumber": "1",
        "PartitionKey": "k",
        "Data": b"",
        "ApproximateArrivalTimestamp": ARRIVED_AT,
    }
    stub.add_response("get_shard_iterator", {"ShardIterator": "i"})
    stub.add_response("get_records", {"Records": [record], "NextShardIterator": "j"})
    with stub:
        (read,) = KinesisSource(kinesis, "events", FakeLog()).read(SHARD, None).records
    assert (read.arrived_at, str(read.arrived_at.tzinfo)) == (ARRIVED_AT, "UTC")
