"""What each store of the local road holds, line by line: the evidence that `verify` weighs. Read-only."""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from chalicelib.core.dead_letters import PREFIX
from chalicelib.core.failed_event import Stage
from sluice.local.warehouse import Warehouse

LineId = tuple[str, int]
"""A line by its receipt and its index in it."""

EventId = tuple[str, str]
"""An event by its source and id."""

_RAW = "SELECT RECEIPTID, RECEIPTINDEX, SOURCE, ID FROM RAW.EVENTS WHERE RECEIPTID IS NOT NULL"
_CORE = "SELECT SOURCE, ID FROM CORE.EVENTS"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of every line. `accepted` is what the API answered, by receipt."""

    accepted: Mapping[str, int]
    stream: frozenset[LineId]
    landed: frozenset[LineId]
    raw: Mapping[LineId, EventId]
    set_aside: frozenset[LineId]
    core: Counter[EventId]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the evidence lies."""

    request_log: Path
    kinesis: Any
    stream: str
    s3: Any
    landing_bucket: str
    dead_letter_bucket: str
    warehouse: Warehouse

    def evidence(self) -> Evidence:
        """Read every store in the order of the road: what moves on meanwhile is then seen further along."""
        return Evidence(
            accepted=self._accepted(),
            stream=frozenset(self._in_stream()),
            landed=frozenset(self._landed()),
            set_aside=frozenset(self._set_aside()),
            raw=self._raw(),
            core=Counter((row["source"], row["id"]) for row in self.warehouse.query(_CORE)),
        )

    def _accepted(self) -> dict[str, int]:
        log = self.request_log.read_bytes() if self.request_log.exists() else b""
        return {entry["receipt"]: entry["accepted"] for entry in map(orjson.loads, log.splitlines())}

    def _in_stream(self) -> Iterator[LineId]:
        for shard in self.kinesis.list_shards(StreamName=self.stream)["Shards"]:
            for record in self._records(shard["ShardId"]):
                yield from _line_ids(record["Data"].split(b"\n"))

    def _records(self, shard_id: str) -> Iterator[Any]:
        iterator = self.kinesis.get_shard_iterator(
            StreamName=self.stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = self.kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            yield from page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] else None

    def _landed(self) -> Iterator[LineId]:
        for body in self._objects(self.landing_bucket, "events/"):
            yield from _line_ids(body.splitlines())

    def _set_aside(self) -> Iterator[LineId]:
        """Yield the lines that a stage after collect made failed events of."""
        for stage in Stage:
            if stage is not Stage.COLLECT:
                for body in self._objects(self.dead_letter_bucket, f"{PREFIX}stage={stage.value}/"):
                    yield from map(_located, map(orjson.loads, body.splitlines()))

    def _raw(self) -> dict[LineId, EventId]:
        rows = self.warehouse.query(_RAW)
        return {(row["receiptid"], int(row["receiptindex"])): (row["source"], row["id"]) for row in rows}

    def _objects(self, bucket: str, prefix: str) -> Iterator[bytes]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield gzip.decompress(self.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())


def _line_ids(lines: Iterable[bytes]) -> Iterator[LineId]:
    """Yield the ids of lines that bear a receipt; a foreign line, or what is none, has no id to follow."""
    for line in lines:
        try:
            element = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(element, dict) and "receiptid" in element:
            yield element["receiptid"], element["receiptindex"]


def _located(failed: Mapping[str, Any]) -> LineId:
    receipt, _, index = failed["origin"]["locator"].rpartition(":")
    return receipt, int(index)
