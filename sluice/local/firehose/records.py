"""The values that pass through the engine: a record as it was read, and what became of it. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_RECORD_ID_DIGITS = 128

Positions: TypeAlias = Mapping[str, str]
"""For each shard the sequence number of a record in it: everything up to and with that record is meant."""


def epoch_ms(moment: datetime) -> int:
    """Return an aware time in whole milliseconds since 1970, as Firehose writes times."""
    return (moment - _EPOCH_AT) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Record:
    """One Kinesis record as it was read from its shard."""

    shard_id: str
    sequence_number: str
    partition_key: str
    data: bytes
    arrived_at: datetime

    @property
    def record_id(self) -> str:
        """Return the id the transform must echo: opaque, and 160 characters as on AWS."""
        return f"{self.shard_id}{self.sequence_number:0>{_RECORD_ID_DIGITS}}{0:012d}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A record whose `data`, transformed, goes to the destination."""

    record: Record
    data: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record the transform asked to drop: it leaves no trace."""

    record: Record


@dataclass(frozen=True, slots=True)
class Failed:
    """A record that goes, as it came, to the error output."""

    record: Record
    error_code: str
    error_message: str
    attempts: int
    ended_at: datetime


Settled: TypeAlias = Delivered | Dropped | Failed
"""A record and what became of it: always exactly one of the three."""


def size_bytes(settled: Settled) -> int:
    """Return how much of the delivery buffer a settled record takes, before compression."""
    match settled:
        case Delivered(_, data):
            return len(data)
        case Failed(record):
            return len(record.data)
        case Dropped():
            return 0


def positions_of(records: Iterable[Record]) -> dict[str, str]:
    """Return each shard's last sequence number among records in reading order."""
    return {record.shard_id: record.sequence_number for record in records}
