"""A PutRecords call of which only some records pass: taken apart, and its answers put together again. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
Answer = dict[str, Any]

THROTTLED = "ProvisionedThroughputExceededException"


def size_bytes(record: Record) -> int:
    """Return what a record counts for: its data, which is base64 here, and its partition key."""
    data: str = record["Data"]
    return len(data) * 3 // 4 - data[-2:].count("=") + len(record["PartitionKey"].encode())


def refusal(stream: str) -> Answer:
    """Return a record's answer when its shard takes no more. Source: Kinesis API reference, PutRecords."""
    return {"ErrorCode": THROTTLED, "ErrorMessage": f"Rate exceeded for a shard of stream {stream}."}


def passed(records: Sequence[Record], passes: Sequence[bool]) -> list[Record]:
    """Return the records that pass, in order."""
    return [record for record, it_passes in zip(records, passes, strict=True) if it_passes]


def merge(passes: Sequence[bool], answered: Sequence[Answer], refused: Answer) -> Answer:
    """Return the answer to the whole call: one entry a record, in the order of the records.

    `answered` holds the entries of those that pass, in order. Raises ValueError when they are too many or too few.
    """
    if len(answered) != sum(passes):
        raise ValueError(f"{sum(passes)} records were handed on, {len(answered)} answered")
    entries = iter(answered)
    merged = [next(entries) if it_passes else refused for it_passes in passes]
    return {"FailedRecordCount": sum("ErrorCode" in entry for entry in merged), "Records": merged}
