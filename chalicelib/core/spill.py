"""Spills: the objects that hold lines which the stream did not take, and how they are read again.

Keys come from content and from the time of the data, so writing the same lines again overwrites itself.
Putting the objects is an adapter's business.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.core.errors import Rejection
from chalicelib.core.line import Line, Receipt, decode_line

PREFIX = "spill/v1/"

MAX_SPILL_BYTES = 64 * 1024 * 1024
"""A spill, unzipped. A body of 4 MB makes 25 MB of lines at worst: 5,000 receipts, and each `1e15` written out."""

_LINES_AT_ONCE = 250
"""What a drain holds in memory: 64 MB when each of them is as long as a line may be."""

_GZIP_LEVEL = 6
"""Half the time of level 9, on a CPU that answers posts, for 2 % more bytes."""

_GZIP = 16 + zlib.MAX_WBITS
"""Source: zlib, decompressobj, `wbits`."""

_KEY = re.compile(PREFIX + r"dt=\d{4}-\d\d-\d\d/hh=\d\d/([0-9a-f]{64})-([1-9]\d{0,8})\.ndjson\.gz", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spill:
    """One object to be put: gzip NDJSON."""

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredSpill:
    """One object as it is listed under the prefix: `stored_s` is when it was put, in unix seconds."""

    key: str
    size_bytes: int
    stored_s: float

    @property
    def line_count(self) -> int | None:
        """Return how many lines it holds, None when it is not one of ours."""
        known = _KEY.fullmatch(self.key)
        return int(known[2]) if known and self.size_bytes <= MAX_SPILL_BYTES else None


@dataclass(frozen=True, slots=True)
class SpilledLine:
    """A line that waits for the stream: its text, what it must stay together with, and whose it is.

    `receipt` is `receiptid:receiptindex`, `received_at` RFC 3339 in UTC.
    """

    text: bytes
    partition_key: str | None
    receipt: str
    received_at: str

    @classmethod
    def of(cls, line: Line, receipt: Receipt) -> "SpilledLine":
        """Return a line of a request that is being answered."""
        return cls(line.text, line.partition_key, f"{receipt.id}:{line.index}", receipt.received_at)

    def as_line(self, index: int) -> Line:
        """Return the line as `pack` wants it, under any index."""
        return Line(self.text, index, self.partition_key)


class UnreadableSpillError(ValueError):
    """An object under the prefix that holds something else than lines with their receipts."""


def spill_object(lines: Sequence[SpilledLine]) -> Spill:
    """Return the one object of these lines, in order, under the hour of the earliest. There is at least one."""
    received_at = min(line.received_at for line in lines)
    digest = hashlib.sha256("\n".join(line.receipt for line in lines).encode()).hexdigest()
    key = f"{PREFIX}dt={received_at[:10]}/hh={received_at[11:13]}/{digest}-{len(lines)}.ndjson.gz"
    text = b"".join(line.text + b"\n" for line in lines)
    return Spill(key, gzip.compress(text, _GZIP_LEVEL, mtime=0))


def read_spill(body: bytes) -> list[SpilledLine]:
    """Read an object's lines, in order. Raises UnreadableSpillError when one of them is not a line of ours."""
    lines = _gunzip(body).split(b"\n")
    if lines.pop() or not lines:
        raise UnreadableSpillError("its last line does not end, or it has none")
    return [_read_line(text) for text in lines]


def oldest_first(stored: Iterable[StoredSpill]) -> list[StoredSpill]:
    """Sort by the hour of the data, then by when each object was put."""
    return sorted(stored, key=lambda spill: (spill.key.rpartition("/")[0], spill.stored_s, spill.key))


def loads(stored: Iterable[StoredSpill]) -> Iterator[list[StoredSpill]]:
    """Cut objects into loads that are drained together, in order: up to 250 lines, or one larger object.

    Many small posts then cost one call to the stream, not one each. Each object has a `line_count`.
    """
    load: list[StoredSpill] = []
    count = 0
    for spill in stored:
        lines = spill.line_count or 0
        if load and count + lines > _LINES_AT_ONCE:
            yield load
            load, count = [], 0
        load.append(spill)
        count += lines
    if load:
        yield load


def _gunzip(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=_GZIP)
    try:
        text = stream.decompress(body, MAX_SPILL_BYTES)
    except zlib.error as error:
        raise UnreadableSpillError(f"not gzip: {error}") from error
    if not stream.eof or stream.unused_data:
        raise UnreadableSpillError(f"not one whole gzip stream of up to {MAX_SPILL_BYTES} bytes")
    return text


def _read_line(text: bytes) -> SpilledLine:
    decoded = decode_line(text)
    if isinstance(decoded, Rejection):
        raise UnreadableSpillError(f"not a line: {decoded.message}")
    event, enrichment = decoded
    try:
        receipt = f"{enrichment['receiptid']}:{enrichment['receiptindex']}"
        return SpilledLine(text, event.partition_key, receipt, str(enrichment["receivedat"]))
    except KeyError as missing:
        raise UnreadableSpillError(f"a line without its {missing}") from None
