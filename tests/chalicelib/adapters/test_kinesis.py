"""The stream on Kinesis: what is confirmed, what is worth another try, and what is hopeless."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from chalicelib.adapters.kinesis import KinesisStream
from chalicelib.core.record import Record
from chalicelib.stages.publish import StreamRefusalError

RECORDS = [Record(b"one", "a", (0,)), Record(b"two\nthree", "b", (1, 2))]


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of an emulated Kinesis with one stream `s`."""
    with mock_aws():
        client = boto3.client("kinesis", region_name="eu-central-1")
        client.create_stream(StreamName="s", ShardCount=1)
        client.get_waiter("stream_exists").wait(StreamName="s", WaiterConfig={"Delay": 0})
        yield client


class AnsweringKinesis:
    """A client that gives one answer, or raises it, and keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    def put_records(self, **arguments: Any) -> Any:
        """Answer."""
        self.asked.append(arguments)
        return self._say()

    def describe_stream_summary(self, **_arguments: Any) -> Any:
        """Answer."""
        return self._say()

    def _say(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_records_arrive_as_they_are(kinesis: Any) -> None:
    """Data and partition key, confirmed one by one."""
    assert KinesisStream(kinesis, "s").put(RECORDS) == [True, True]
    (shard,) = kinesis.list_shards(StreamName="s")["Shards"]
    iterator = kinesis.get_shard_iterator(StreamName="s", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    stored = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [(record["Data"], record["PartitionKey"]) for record in stored] == [(b"one", "a"), (b"two\nthree", "b")]


def test_each_entry_has_its_own_verdict() -> None:
    """An entry with an ErrorCode is not confirmed, its neighbour is."""
    client = AnsweringKinesis(
        {"Records": [{"ErrorCode": "ProvisionedThroughputExceededException"}, {"SequenceNumber": "1", "ShardId": "s"}]}
    )
    assert KinesisStream(client, "s").put(RECORDS) == [False, True]


@pytest.mark.parametrize(
    "code",
    ["ProvisionedThroughputExceededException", "InternalFailure", "ThrottlingException", "KMSThrottlingException"],
)
def test_a_call_that_fails_for_a_while_confirms_nothing(code: str) -> None:
    """What a retry may cure is told as not confirmed."""
    client = AnsweringKinesis(ClientError({"Error": {"Code": code, "Message": "m"}}, "PutRecords"))
    assert KinesisStream(client, "s").put(RECORDS) == [False, False]


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="http://127.0.0.1"), ReadTimeoutError(endpoint_url="http://127.0.0.1")],
    ids=["no connection", "no answer"],
)
def test_a_call_without_an_answer_confirms_nothing(error: Exception) -> None:
    """The network may fail: nothing raises, nothing counts as confirmed, health says no."""
    stream = KinesisStream(AnsweringKinesis(error), "s")
    assert stream.put(RECORDS) == [False, False]
    assert not stream.is_active()


def test_a_missing_stream_refuses(kinesis: Any) -> None:
    """No retry makes a stream appear."""
    with pytest.raises(StreamRefusalError, match="ResourceNotFoundException"):
        KinesisStream(kinesis, "missing").put(RECORDS)


def test_health_is_the_streams(kinesis: Any) -> None:
    """An active stream is healthy, a missing one is not, one being deleted neither."""
    assert KinesisStream(kinesis, "s").is_active()
    assert not KinesisStream(kinesis, "missing").is_active()
    deleting = AnsweringKinesis({"StreamDescriptionSummary": {"StreamStatus": "DELETING"}})
    assert not KinesisStream(deleting, "s").is_active()
