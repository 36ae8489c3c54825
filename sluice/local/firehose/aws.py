"""The engine's ports over boto3: the only module here that speaks to a service."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sluice.local.firehose.ports import Log, Page, Refusal, Shard, UnreachableError
from sluice.local.firehose.records import Record
from sluice.local.template import Resource, Stack

RECORDS_A_READ = 2_000
"""Keeps memory modest; Kinesis would give up to 10,000 records or 10 MB."""
_FUNCTION_TIMEOUT_S = 300
"""Source: Firehose developer guide: "Firehose supports a Lambda invocation time of up to 5 minutes"."""

# The engine itself tries again, so boto3 doesn't.
_CONFIG = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1})
_FUNCTION_CONFIG = _CONFIG.merge(Config(read_timeout=_FUNCTION_TIMEOUT_S + 10))


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    """Turn every failure of a call into an `UnreachableError`.

    Also where AWS would give up at once, such as on a function that doesn't exist: here that means an
    emulator that is being set up again, and the records are safe in the stream until it is.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise UnreachableError(f"{what}: {error}") from error


class KinesisSource:
    """A Kinesis stream.

    Every read asks for an iterator of its own, by sequence number. It costs a call; in return nothing
    expires, nothing outlives an emulator's restart, and the emulator's iterators, which are list indices and
    so slip past records whenever old ones leave the stream, do no harm.
    """

    def __init__(self, client: Any, stream_name: str, log: Log) -> None:
        self._client = client
        self._stream_name = stream_name
        self._log = log

    def shards(self) -> Sequence[Shard]:
        """Return every shard that can be read."""
        with _reaching("ListShards"):
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self._stream_name)
            return [_shard(shard) for page in pages for shard in page["Shards"]]

    def read(self, shard_id: str, after: str | None) -> Page:
        """Return the records after a sequence number, or from the oldest there is."""
        with _reaching("GetRecords"):
            answer = self._client.get_records(ShardIterator=self._iterator(shard_id, after), Limit=RECORDS_A_READ)
        return Page(
            records=tuple(_record(shard_id, record) for record in answer["Records"]),
            behind=answer.get("MillisBehindLatest", 0) > 0,
            ended=not answer.get("NextShardIterator"),
        )

    def _iterator(self, shard_id: str, after: str | None) -> str:
        """Return an iterator behind a sequence number, else at the oldest record.

        AWS starts at LATEST instead, so there `deploy` lets nobody in before a canary has landed. Here events
        may be posted before the engine is up for the first time, and none may be missing.
        """
        ask = partial(self._client.get_shard_iterator, StreamName=self._stream_name, ShardId=shard_id)
        if after is None:
            return str(ask(ShardIteratorType="TRIM_HORIZON")["ShardIterator"])
        try:
            answer = ask(ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=after)
        except self._client.exceptions.InvalidArgumentException:
            self._log("position_unknown", level="WARN", shard=shard_id, sequence_number=after, reading="all")
            return self._iterator(shard_id, None)
        return str(answer["ShardIterator"])


def _shard(shard: Mapping[str, Any]) -> Shard:
    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return Shard(shard["ShardId"], frozenset(parent for parent in parents if parent))


def _record(shard_id: str, record: Mapping[str, Any]) -> Record:
    return Record(
        shard_id=shard_id,
        sequence_number=record["SequenceNumber"],
        partition_key=record["PartitionKey"],
        data=record["Data"],
        arrived_at=record["ApproximateArrivalTimestamp"].astimezone(UTC),
    )


class LambdaFunction:
    """The transform Lambda, by its ARN."""

    def __init__(self, client: Any, function_arn: str) -> None:
        self._client = client
        self._function_arn = function_arn

    def invoke(self, event: bytes) -> bytes | Refusal:
        """Return the function's answer, or why it gave none."""
        with _reaching("Invoke"):
            try:
                answer = self._client.invoke(FunctionName=self._function_arn, Payload=event)
            except self._client.exceptions.TooManyRequestsException as error:
                return Refusal("Lambda.InvokeLimitExceeded", str(error))
            except self._client.exceptions.RequestTooLargeException as error:  # one record of over 4 MB
                return Refusal("Lambda.FunctionError", str(error))
            payload = bytes(answer["Payload"].read())
        return _refusal(payload) if "FunctionError" in answer else payload


def _refusal(payload: bytes) -> Refusal:
    """Name what ended a function: AWS says so only in the text of its error."""
    if b"Task timed out" in payload:
        return Refusal(
            "Lambda.FunctionTimedOut",
            "The Lambda function timed out. Increase the Timeout setting of the function.",
        )
    return Refusal(
        "Lambda.FunctionError",
        "The Lambda function was successfully invoked but it returned an error result.",
    )


class S3Destination:
    """An S3 bucket."""

    def __init__(self, client: Any, bucket: str, *, gzip: bool) -> None:
        encoding = {"ContentEncoding": "gzip"} if gzip else {}
        self._put = partial(client.put_object, Bucket=bucket, ContentType="application/octet-stream", **encoding)

    def put_once(self, key: str, body: bytes) -> None:
        """Put an object unless the key exists already: its name is unique, so that is the same object."""
        with _reaching("PutObject"):
            try:
                self._put(Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] != "PreconditionFailed":
                    raise


def source(stream_name: str, log: Log) -> KinesisSource:
    """Return a Kinesis stream as a source."""
    return KinesisSource(boto3.client("kinesis", config=_CONFIG), stream_name, log)


def function(function_arn: str) -> LambdaFunction:
    """Return a Lambda function."""
    return LambdaFunction(boto3.client("lambda", config=_FUNCTION_CONFIG), function_arn)


def destination(bucket: str, *, gzip: bool) -> S3Destination:
    """Return an S3 bucket as a destination."""
    return S3Destination(boto3.client("s3", config=_CONFIG), bucket, gzip=gzip)


def deployed_stack(name: str) -> Stack:
    """Return what CloudFormation knows of a stack; raise `UnreachableError`."""
    with _reaching("DescribeStacks"):
        client = boto3.client("cloudformation", config=_CONFIG)
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        resources = client.describe_stack_resources(StackName=name)["StackResources"]
    return Stack(
        stack_id=stack["StackId"],
        parameters={item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])},
        resources={
            item["LogicalResourceId"]: Resource(item["ResourceType"], item["PhysicalResourceId"])
            for item in resources
            if item.get("PhysicalResourceId")
        },
    )
