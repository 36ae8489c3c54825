"""The stores of a local run: where events, files, failed events and rows lie. Read-only, nothing is judged here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
from botocore.exceptions import ClientError

from sluice.local.clients import clients
from sluice.local.layout import Layout
from sluice.local.run_file import Run
from sluice.local.stack import infra_outputs
from sluice.local.warehouse import Warehouse

_DEPTH = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
_GONE = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a bucket; its etag is another when its bytes are."""

    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class Stores:
    """How to reach every store; `contents_cache` remembers what objects hold, which never changes."""

    request_log: Path
    contents_cache: Path
    kinesis: Any
    stream: str
    s3: Any
    landing_bucket: str
    dead_letter_bucket: str
    warehouse: Warehouse
    dynamodb: Any
    ledger_table: str
    sqs: Any
    load_queue_url: str

    @classmethod
    def of(cls, layout: Layout, run: Run) -> Self:
        """Return the stores of a run, as its infra stack names them."""
        client, outputs = clients(run.ports.aws), infra_outputs(run.ports.aws)
        return cls(
            request_log=layout.request_log,
            contents_cache=layout.state / "contents.json",
            kinesis=client("kinesis"),
            stream=outputs["StreamName"],
            s3=client("s3"),
            landing_bucket=outputs["LandingBucket"],
            dead_letter_bucket=outputs["DeadLetterBucket"],
            warehouse=Warehouse.of(run.ports),
            dynamodb=client("dynamodb"),
            ledger_table=outputs["LedgerTable"],
            sqs=client("sqs"),
            load_queue_url=outputs["LoadQueueUrl"],
        )

    def requests(self) -> Iterator[dict[str, Any]]:
        """Yield the request log's entries: `receipt offered accepted rejected unavailable` and more.

        A line that a killed process did not finish is none; what it was about shows where its lines arrived.
        """
        if self.request_log.exists():
            with self.request_log.open("rb") as log:
                yield from filter(None, map(_log_entry, log))

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects of a bucket under a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return (StoredObject(entry["Key"], entry["ETag"]) for page in pages for entry in page.get("Contents", []))

    def body(self, bucket: str, key: str) -> bytes | None:
        """Return an object's bytes; None when it is no longer there."""
        try:
            return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise

    def records(self, shard_id: str, after: str | None) -> Iterator[tuple[str, bytes]]:
        """Yield sequence number and data of a shard's records after one of them, or from the oldest on."""
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        iterator = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard_id, **start)["ShardIterator"]
        while iterator:
            page = self.kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            yield from ((record["SequenceNumber"], record["Data"]) for record in page["Records"])
            more = page["Records"] or page.get("MillisBehindLatest")
            iterator = page.get("NextShardIterator") if more else None

    def shard_ids(self) -> list[str]:
        """Return every shard that can be read."""
        return [shard["ShardId"] for shard in self.kinesis.list_shards(StreamName=self.stream)["Shards"]]

    def queues(self) -> dict[str, int]:
        """Return how many messages wait, or are being worked on: `load` and its redrive queue `load_dead`."""
        names = [*_DEPTH, "RedrivePolicy"]
        load = self.sqs.get_queue_attributes(QueueUrl=self.load_queue_url, AttributeNames=names)["Attributes"]
        dead_name = orjson.loads(load["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
        dead_url = self.sqs.get_queue_url(QueueName=dead_name)["QueueUrl"]
        dead = self.sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=list(_DEPTH))["Attributes"]
        return {"load": _depth(load), "load_dead": _depth(dead)}


def _depth(attributes: dict[str, str]) -> int:
    return sum(int(attributes[name]) for name in _DEPTH)


def _log_entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and "receipt" in entry else None
