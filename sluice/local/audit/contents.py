"""What one object of a bucket holds: lines, or failed events. Pure; objects never change, so this never does."""

import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from chalicelib.core.failed_event import Stage
from chalicelib.core.firehose_errors import Unreadable, read_errors
from chalicelib.core.limits import MAX_EVENTS

LineId: TypeAlias = tuple[str, int]
"""A line of ours by its receipt and its index in it."""

Indexes: TypeAlias = Mapping[str, Sequence[int]]
"""Lines of ours: the indexes of each receipt."""

RECEIPT_PATTERN = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""Only the API makes such receipts; whatever else a foreign producer writes there is no line of ours."""

_RECEIPT = re.compile(RECEIPT_PATTERN)
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Contents:
    """What one object holds.

    `lines` counts its lines, whoever wrote them; `ours` are the lines of ours in it, or that its failed events
    were. `failed` are the ids of failed events, `files` the landing keys of files they point to, `faults` says
    what could not be read.
    """

    lines: int = 0
    ours: Indexes = field(default_factory=dict)
    failed: Sequence[str] = ()
    files: Sequence[str] = ()
    faults: Sequence[str] = ()

    def line_ids(self) -> Iterator[LineId]:
        """Yield the lines of ours."""
        return ((receipt, index) for receipt, indexes in self.ours.items() for index in indexes)


Reader: TypeAlias = Callable[[str, bytes], Contents]
"""Reads an object, given its key and its bytes."""


def read_lines(_key: str, body: bytes) -> Contents:
    """Read a file of lines: in landing, or spilled."""
    text = _unpack(body)
    if text is None:
        return Contents(faults=("not one whole gzip stream",))
    lines = [line for line in text.split(b"\n") if line]
    return Contents(len(lines), by_receipt(filter(None, map(line_id, lines))))


def read_failed_events(_key: str, body: bytes) -> Contents:
    """Read an object of failed events."""
    text = _unpack(body)
    if text is None:
        return Contents(faults=("not one whole gzip stream",))
    read = [_read_failed_event(line) for line in text.split(b"\n") if line]
    known = [failed for failed in read if failed]
    return Contents(
        lines=len(read),
        ours=by_receipt(line for _, line, _ in known if line),
        failed=tuple(failed_id for failed_id, _, _ in known),
        files=tuple(file for _, _, file in known if file),
        faults=("a line is no failed event",) if len(known) < len(read) else (),
    )


def read_firehose_errors(key: str, body: bytes) -> Contents:
    """Read an object of Firehose's own error lines as the failed events they are."""
    entries = list(read_errors(body, key))
    failed = [entry for entry in entries if not isinstance(entry, Unreadable)]
    return Contents(
        lines=len(failed),
        ours=by_receipt(filter(None, (located(event.origin.locator) for event in failed))),
        failed=tuple(event.id for event in failed),
        faults=tuple(f"entry {entry.place}: {entry.reason}" for entry in entries if isinstance(entry, Unreadable)),
    )


def line_id(text: bytes) -> LineId | None:
    """Return which line of ours a text is; None for a foreign line, or what is none."""
    try:
        element = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return _ours(element.get("receiptid"), element.get("receiptindex")) if isinstance(element, dict) else None


def located(locator: str) -> LineId | None:
    """Return which line of ours a failed event's locator names; None for a file or a foreign line."""
    receipt, _, index = locator.rpartition(":")
    return _ours(receipt, int(index)) if index.isascii() and index.isdecimal() and len(index) < 10 else None  # noqa: PLR2004


def by_receipt(lines: Iterable[LineId]) -> dict[str, list[int]]:
    """Group lines of ours by their receipts."""
    grouped: dict[str, list[int]] = defaultdict(list)
    for receipt, index in lines:
        grouped[receipt].append(index)
    return dict(grouped)


def _ours(receipt: Any, index: Any) -> LineId | None:
    if not isinstance(receipt, str) or not _RECEIPT.fullmatch(receipt) or type(index) is not int:
        return None
    return (receipt, index) if 0 <= index < MAX_EVENTS else None


def _read_failed_event(line: bytes) -> tuple[str, LineId | None, str | None] | None:
    """Return a failed event's id, the line it was, and the file it points to; None for what is no failed event."""
    try:
        failed = orjson.loads(line)
        payload = failed["payload"]
        is_file = failed["stage"] == Stage.LOAD.value and payload["encoding"] == "s3"
        return str(failed["failed_event_id"]), located(failed["origin"]["locator"]), payload["key"] if is_file else None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def _unpack(body: bytes) -> bytes | None:
    """Return the text of an object, gzip or plain; None where gzip is damaged."""
    try:
        return gzip.decompress(body) if body.startswith(_GZIP_MAGIC) else body
    except (OSError, EOFError, zlib.error):
        return None
