"""The stores of a road in memory, and receipts, lines and failed events to put into them."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.core.json_text import dumps
from sluice.local.audit.contents import LineId, by_receipt
from sluice.local.audit.stores import StoredObject

LANDING, DEAD_LETTERS = "landing", "dead-letters"


def receipt(number: int) -> str:
    """Return a receipt as the API makes them."""
    return f"01980000-0000-7000-8000-{number:012x}"


def line(number: int, index: int, **attributes: Any) -> bytes:
    """Return a line of ours."""
    return dumps({"id": f"{number}-{index}", "receiptid": receipt(number), "receiptindex": index, **attributes})


def packed(lines: Iterable[bytes]) -> bytes:
    """Return a gzip object of lines."""
    return gzip.compress(b"".join(text + b"\n" for text in lines))


def failed_event(stage: str, locator: str, payload: dict[str, Any] | None = None) -> bytes:
    """Return a failed event as it is stored; its id follows from stage and locator."""
    shown = payload or {"encoding": "utf-8", "body": "x"}
    return dumps(
        {
            "failed_event_id": hashlib.sha256(f"{stage} {locator}".encode()).hexdigest(),
            "stage": stage,
            "payload": shown,
            "origin": {"locator": locator},
        }
    )


@dataclass
class FakeWarehouse:
    """A warehouse that knows which lines are in RAW, and can only be asked for those."""

    raw: set[LineId] = field(default_factory=set)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Answer as the statement words it: receipts with their indexes, some in a row."""
        assert "RAW.EVENTS" in statement
        texts = [f"{name} {' '.join(map(str, indexes))}" for name, indexes in by_receipt(self.raw).items()]
        return [{"receipts": ",".join(texts[start : start + 3])} for start in range(0, len(texts), 3)]


@dataclass
class FakeStores:
    """Buckets, stream and request log of a run. `read` holds every key that was read, in order."""

    contents_cache: Path
    buckets: dict[str, dict[str, bytes]] = field(default_factory=lambda: {LANDING: {}, DEAD_LETTERS: {}})
    shards: dict[str, list[bytes]] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    warehouse: FakeWarehouse = field(default_factory=FakeWarehouse)
    landing_bucket: str = LANDING
    dead_letter_bucket: str = DEAD_LETTERS

    def put(self, key: str, *lines: bytes, bucket: str = LANDING) -> None:
        """Store an object of lines."""
        self.buckets[bucket][key] = packed(lines)

    def requests(self) -> Iterator[dict[str, Any]]:
        """Yield the log."""
        return iter(self.log)

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """List a bucket."""
        for key, body in sorted(self.buckets[bucket].items()):
            if key.startswith(prefix):
                yield StoredObject(key, hashlib.md5(body, usedforsecurity=False).hexdigest())

    def body(self, bucket: str, key: str) -> bytes | None:
        """Read an object."""
        self.read.append(key)
        return self.buckets[bucket].get(key)

    def shard_ids(self) -> list[str]:
        """Name the shards."""
        return list(self.shards)

    def records(self, shard_id: str, after: str | None) -> Iterator[tuple[str, bytes]]:
        """Read a shard; sequence numbers are places."""
        first = 0 if after is None else int(after) + 1
        for place, data in list(enumerate(self.shards[shard_id]))[first:]:
            self.read.append(f"{shard_id}:{place}")
            yield str(place), data
