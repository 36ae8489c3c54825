"""Firehose's own error lines, read into failed events: what it could not transform or deliver, and kept itself.

They lie under the error prefix of landing, one JSON object a record: `rawData` is the record in base64 as it was
on the stream, and neither shard, sequence number nor partition key is known of it.
Source: Amazon Data Firehose developer guide, "Handle data transformation failures"; older deliveries write numbers
as strings and the keys in another order.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from chalicelib.core.errors import ErrorType, Rejection, shorten
from chalicelib.core.failed_event import FailedEvent, Stage
from chalicelib.core.stream_record import Signature, StreamRecord, set_aside
from chalicelib.core.times import to_text

PREFIX = "firehose-failed/"
"""Where Firehose puts them in the landing bucket: the delivery stream's ErrorOutputPrefix."""

PROCESSOR = "firehose/1"
"""Whom the failed events name: Firehose itself, which tells no version of its own."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31
"""zlib's `wbits` for a stream with gzip's header and trailer."""

_LAMBDA_CODES = "Lambda."
_WHOLE_NUMBER = re.compile(r"\d{1,15}")
_LARGEST_NUMBER = 10**15

_TIME_IN_KEY = re.compile(r"-(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)-[0-9a-f-]{36}[^/]*$")
"""`<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>`. Source: Amazon Data Firehose, "Object name format"."""

_NO_TIME = "1970-01-01T00:00:00.000Z"
"""Files what bears no time at all: always the same, so that it is never kept twice."""

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Part of an error object that is no error line: the object's key, its place among the entries, and why."""

    key: str
    place: int
    reason: str


Entry: TypeAlias = Mapping[str, Any]


def read_errors(body: bytes, key: str) -> Iterator[FailedEvent | Unreadable]:
    """Read one error object, plain or gzip, also several joined: a failed event for each line of each record.

    Whatever is none becomes an Unreadable in its place; nothing raises. A record of blanks holds no line.
    """
    for place, entry in enumerate(entry for part in _parts(body) for entry in _entries(part)):
        yield from [Unreadable(key, place, entry)] if isinstance(entry, str) else _failed_events(entry, key, place)


def _parts(body: bytes) -> Iterator[bytes | str]:
    """Yield the text of each file that was joined into `body`; a sentence for one that cannot be unpacked."""
    rest = body
    while rest:
        if rest.startswith(_GZIP_MAGIC):
            text, rest = _unpack(rest)
            yield text
        else:
            plain, magic, rest = rest.partition(_GZIP_MAGIC)  # JSON text never holds these two bytes
            yield plain
            rest = magic + rest


def _unpack(body: bytes) -> tuple[bytes | str, bytes]:
    """Return the text of the gzip stream at the front, or why there is none, and what follows it."""
    stream = zlib.decompressobj(_GZIP)
    try:
        text = stream.decompress(body)
    except zlib.error as error:
        return f"the gzip stream is damaged: {error}", b""
    return (text, stream.unused_data) if stream.eof else ("the gzip stream is cut off", b"")


def _entries(part: bytes | str) -> Iterator[Entry | str]:
    """Yield each JSON object of a text, normally one a line; a sentence for what is none."""
    if isinstance(part, str):
        yield part
        return
    for line in part.split(b"\n"):
        if line.strip():
            yield from _entries_of_line(line)


def _entries_of_line(line: bytes) -> Iterator[Entry | str]:
    """Yield a line's objects: one, or several where files without a last newline were joined."""
    try:
        yield _entry(orjson.loads(line))
    except orjson.JSONDecodeError:
        yield from _joined_entries(line.decode(errors="replace"))


def _joined_entries(text: str) -> Iterator[Entry | str]:
    """Yield the objects that stand one behind the other; a sentence in place of what is left over."""
    rest = text.strip()
    while rest:
        try:
            value, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            yield "this is not JSON"
            return
        yield _entry(value)
        rest = rest[end:].lstrip()


def _entry(value: Any) -> Entry | str:
    return value if isinstance(value, dict) else "this is JSON, but no object"


def _failed_events(entry: Entry, key: str, place: int) -> Iterator[FailedEvent | Unreadable]:
    """Yield a failed event for each line of an entry's record."""
    raw = entry.get("rawData")
    try:
        data = base64.b64decode(raw, validate=True) if isinstance(raw, str) else None
    except ValueError:
        data = None
    if data is None:
        yield Unreadable(key, place, "rawData is missing" if raw is None else "rawData is not base64")
        return
    arrived_at = _moment(entry.get("arrivalTimestamp")) or _moment_in(key) or _NO_TIME
    record = StreamRecord(data, arrived_at)
    signature = Signature(
        Stage.FIREHOSE,
        PROCESSOR,
        failed_at=_moment(entry.get("attemptEndingTimestamp")) or arrived_at,
        attempts=max(1, _number(entry.get("attemptsMade")) or 1),
        facts={"object_key": key, "row": place},
    )
    fault = _fault(entry)
    yield from set_aside(record, dict.fromkeys(range(len(record.lines())), fault), signature)


def _fault(entry: Entry) -> Rejection:
    code = _text(entry, "errorCode", "lastErrorCode")
    message = _text(entry, "errorMessage", "lastErrorMessage")
    kind = ErrorType.TRANSFORM_ERROR if code.startswith(_LAMBDA_CODES) else ErrorType.FIREHOSE_DELIVERY
    return Rejection(kind, shorten(": ".join(filter(None, (code, message))) or "Firehose gave no reason"))


def _text(entry: Entry, *names: str) -> str:
    """Return the first of some attributes that says something, as text that can be written again."""
    said = next((entry[name] for name in names if entry.get(name)), "")
    return str(said).encode(errors="replace").decode()


def _number(value: object) -> int | None:
    """Return a whole number that is written as one or as text; None for anything else."""
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < _LARGEST_NUMBER else None  # type: ignore[operator, call-overload]


def _moment(value: object) -> str | None:
    """Return a time given in milliseconds since 1970; None for what is none."""
    number = _number(value)
    try:
        return None if number is None else to_text(datetime.fromtimestamp(number / 1000, UTC))
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return None


def _moment_in(key: str) -> str | None:
    """Return the time in an object's name: when Firehose got the oldest record in it."""
    found = _TIME_IN_KEY.search(key)
    try:
        return found and to_text(datetime.fromisoformat("{}T{}:{}:{}+00:00".format(*found.groups())))
    except ValueError:
        return None
