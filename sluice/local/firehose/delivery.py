"""The objects of one delivery: their keys and their bytes, planned as a whole before any is written. No I/O.

A plan is what makes a kill harmless: it is kept until every object of it is in S3, and carrying it out twice
writes the same keys, so no line ever lands twice.
"""

import gzip
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from sluice.local.firehose.delivery_stream import DeliveryStream
from sluice.local.firehose.prefixes import ErrorOutputType, Facts, Prefix
from sluice.local.firehose.records import (
    Delivered,
    Failed,
    Positions,
    Record,
    Settled,
    epoch_ms,
    positions_of,
)

_ERROR_OUTPUT: Final[ErrorOutputType] = "processing-failed"
_COMPRESSION_LEVEL = 1
"""The local stack shares two cores with everything else; nobody pays for these bytes."""


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """An object to put."""

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What to write, and how far the source has been dealt with once it is written."""

    objects: tuple[PlannedObject, ...] = ()
    positions: Positions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Names:
    """Where the random parts of keys come from."""

    uuid: Callable[[], str]
    random_string: Callable[[], str]


def plan_delivery(settled: Sequence[Settled], stream: DeliveryStream, names: Names) -> Delivery:
    """Plan one object for what is delivered, one for what failed, each in reading order."""
    delivered = [item for item in settled if isinstance(item, Delivered)]
    failed = [item for item in settled if isinstance(item, Failed)]
    planned: list[PlannedObject] = []
    if delivered:
        key = _key(stream, stream.prefix, [item.record for item in delivered], names)
        planned.append(PlannedObject(key, _body(stream, [item.data for item in delivered])))
    if failed:
        key = _key(stream, stream.error_prefix, [item.record for item in failed], names)
        planned.append(PlannedObject(key, _body(stream, [error_line(item, stream) for item in failed])))
    return Delivery(tuple(planned), positions_of(item.record for item in settled))


def error_line(failed: Failed, stream: DeliveryStream) -> bytes:
    """Return a failed record's line in Firehose's error output: whole, as it was before the transform."""
    line = {
        "rawData": b64encode(failed.record.data).decode(),
        "errorCode": failed.error_code,
        "errorMessage": failed.error_message,
        "attemptsMade": failed.attempts,
        "arrivalTimestamp": epoch_ms(failed.record.arrived_at),
        "attemptEndingTimestamp": epoch_ms(failed.ended_at),
        "lambdaARN": stream.transform.function_arn if stream.transform else None,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _key(stream: DeliveryStream, prefix: Prefix, records: Sequence[Record], names: Names) -> str:
    """Return `<prefix><stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>.gz`, timed by the oldest record."""
    oldest_arrived_at = min(record.arrived_at for record in records)
    facts = Facts(oldest_arrived_at, names.random_string(), _ERROR_OUTPUT)
    time = f"{oldest_arrived_at:%Y-%m-%d-%H-%M-%S}"
    return f"{prefix.evaluate(facts)}{stream.name}-{stream.version}-{time}-{names.uuid()}{stream.file_extension}"


def _body(stream: DeliveryStream, pieces: Sequence[bytes]) -> bytes:
    """Return the pieces without anything between them: Firehose adds no newline, the transform does."""
    joined = b"".join(pieces)
    return gzip.compress(joined, _COMPRESSION_LEVEL, mtime=0) if stream.gzip else joined
