"""Kinesis records and the batches they travel in: packing lines, and cutting records into calls.

Lines of one explicit partition key share records and nothing else does; lines without a key may
share under a spread key. Order holds within a record only.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.core.limits import (
    MAX_BYTES_PER_PUT,
    MAX_PARTITION_KEY_CHARACTERS,
    MAX_RECORD_BYTES,
    MAX_RECORDS_PER_PUT,
)
from chalicelib.core.line import Line


@dataclass(frozen=True, slots=True)
class Record:
    """One Kinesis record: lines joined by newlines, and the request's indexes they belong to."""

    data: bytes
    partition_key: str
    indexes: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Return what Kinesis counts: data and partition key."""
        return len(self.data) + len(self.partition_key.encode())


def pack(lines: Sequence[Line], spread_key: str) -> list[Record]:
    """Pack lines into records of up to 25 KB, in order; a longer line has a record of its own.

    `spread_key` is unique to the request; with a number behind it, it spreads lines without a key.
    """
    open_groups: dict[str | None, list[Line]] = {}
    sizes: dict[str | None, int] = {}
    groups: list[list[Line]] = []
    for line in lines:
        key = line.partition_key
        size = sizes.get(key, MAX_RECORD_BYTES) + 1 + len(line.text)
        if size > MAX_RECORD_BYTES:
            open_groups[key] = []
            groups.append(open_groups[key])
            size = len(line.text)
        open_groups[key].append(line)
        sizes[key] = size
    return [_record(group, f"{spread_key}-{number}") for number, group in enumerate(groups)]


def batches(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Cut records into PutRecords calls of at most 500 records and 4.5 MB, in order."""
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and (len(batch) == MAX_RECORDS_PER_PUT or size + record.size_bytes > MAX_BYTES_PER_PUT):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += record.size_bytes
    if batch:
        yield batch


def _record(lines: Sequence[Line], spread_key: str) -> Record:
    explicit = lines[0].partition_key
    return Record(
        data=b"\n".join(line.text for line in lines),
        partition_key=spread_key if explicit is None else _bounded(explicit),
        indexes=tuple(line.index for line in lines),
    )


def _bounded(key: str) -> str:
    if len(key) <= MAX_PARTITION_KEY_CHARACTERS:
        return key
    return hashlib.sha256(key.encode()).hexdigest()
