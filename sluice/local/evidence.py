"""What each store of the local road holds, line by line: the evidence that `verify` weighs. Read-only."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chalicelib.core.dead_letters import PREFIX
from chalicelib.core.failed_event import Stage
from sluice.local.stores import Stores

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


def read_evidence(stores: Stores) -> Evidence:
    """Read every store in the order of the road: what moves on meanwhile is then seen further along."""
    return Evidence(
        accepted={entry["receipt"]: entry["accepted"] for entry in stores.requests()},
        stream=frozenset(_in_stream(stores)),
        landed=frozenset(_landed(stores)),
        set_aside=frozenset(set_aside(stores)),
        raw={
            (row["receiptid"], int(row["receiptindex"])): (row["source"], row["id"])
            for row in stores.warehouse.query(_RAW)
        },
        core=Counter((row["source"], row["id"]) for row in stores.warehouse.query(_CORE)),
    )


def _in_stream(stores: Stores) -> Iterator[LineId]:
    for shard in stores.kinesis.list_shards(StreamName=stores.stream)["Shards"]:
        for record in _records(stores, shard["ShardId"]):
            yield from _line_ids(record["Data"].split(b"\n"))


def _records(stores: Stores, shard_id: str) -> Iterator[Any]:
    iterator = stores.kinesis.get_shard_iterator(
        StreamName=stores.stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        page = stores.kinesis.get_records(ShardIterator=iterator, Limit=10_000)
        yield from page["Records"]
        iterator = page.get("NextShardIterator") if page["Records"] else None


def _landed(stores: Stores) -> Iterator[LineId]:
    for key in stores.keys(stores.landing_bucket, "events/"):
        yield from _line_ids(stores.lines(stores.landing_bucket, key))


def set_aside(stores: Stores) -> Iterator[LineId]:
    """Yield the lines that a stage after collect made failed events of."""
    bucket = stores.dead_letter_bucket
    for stage in Stage:
        if stage is not Stage.COLLECT:
            for key in stores.keys(bucket, f"{PREFIX}stage={stage.value}/"):
                yield from filter(None, map(_located, stores.lines(bucket, key)))


def _line_ids(lines: Iterable[bytes]) -> Iterator[LineId]:
    """Yield the ids of lines that bear a receipt; a foreign line, or what is none, has no id to follow."""
    for line in lines:
        try:
            element = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(element, dict) and "receiptid" in element:
            yield element["receiptid"], element["receiptindex"]


def _located(failed_event: bytes) -> LineId | None:
    """Return which line a failed event was; None where it was a file or another producer's line."""
    receipt, _, index = orjson.loads(failed_event)["origin"]["locator"].rpartition(":")
    return (receipt, int(index)) if index.isdecimal() else None
