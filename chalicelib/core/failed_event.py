"""A failed event: one shape for whatever any stage must set aside, whole and explained.

`failed_event.schema.json` beside this module is its published schema. Where failed events are kept is
the business of `dead_letters`.
"""

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chalicelib.core.errors import Rejection
from chalicelib.core.event import Identity
from chalicelib.core.limits import MAX_INLINE_PAYLOAD_BYTES

_NAMESPACE = uuid.UUID("8c1f5a52-6a53-5c0e-9a57-1f5c2f0f5a11")
"""The name space of failed event ids. It never changes: the same failure keeps its id for ever."""


class Stage(StrEnum):
    """The steps of the road that can set an event aside."""

    COLLECT = "collect"
    TRANSFORM = "transform"
    FIREHOSE = "firehose"
    POLL = "poll"
    STREAM = "stream"
    DROP = "drop"
    LOAD = "load"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a failed event comes from.

    `locator` names it the same way however often it fails: `receiptid:receiptindex` where there is one.
    `arrived_at` (RFC 3339, UTC) files it. `facts` are whatever else helps a person: shard, object key, row.
    """

    locator: str
    arrived_at: str
    facts: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A payload that lies in an S3 object already, with its fingerprint in hexadecimal: pointed at, not copied."""

    bucket: str
    key: str
    version_id: str | None
    size_bytes: int
    sha256: str

    def to_json(self) -> dict[str, str | int | None]:
        """Return the payload in its published shape."""
        return {
            "encoding": "s3",
            "bucket": self.bucket,
            "key": self.key,
            "version_id": self.version_id,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """What was set aside: `payload` is the bytes as they came, never cut, or says where they lie."""

    stage: Stage
    processor: str
    failed_at: str
    rejection: Rejection
    identity: Identity
    payload: bytes | StoredPayload
    origin: Origin
    attempts: int = 1
    replay_of: str | None = None
    replay_attempt: int = 0

    @property
    def sha256(self) -> str:
        """Return the payload's fingerprint in hexadecimal."""
        if isinstance(self.payload, StoredPayload):
            return self.payload.sha256
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def id(self) -> str:
        """Return the id: the same failure met twice gets the same one."""
        name = f"{self.stage.value}\n{self.origin.locator}\n{self.sha256}\n{self.replay_attempt}"
        return str(uuid.uuid5(_NAMESPACE, name))

    @property
    def large_payload(self) -> bytes | None:
        """Return the payload when it must become an object of its own."""
        if isinstance(self.payload, StoredPayload) or len(self.payload) <= MAX_INLINE_PAYLOAD_BYTES:
            return None
        return self.payload

    def to_json(self, place: StoredPayload | None = None) -> dict[str, Any]:
        """Return the failed event in its published shape; `place` says where a large payload was put."""
        payload = place or self.payload
        name, _, version = self.processor.partition("/")
        return {
            "failed_event_id": self.id,
            "failed_at": self.failed_at,
            "stage": self.stage.value,
            "processor": {"name": name, "version": version},
            "error": self.rejection.to_json(),
            "event": self.identity.to_json(),
            "payload": payload.to_json() if isinstance(payload, StoredPayload) else _inline(payload, self.sha256),
            "origin": {"locator": self.origin.locator, **self.origin.facts},
            "attempts": self.attempts,
            "replay_of": self.replay_of,
        }


def _inline(payload: bytes, sha256: str) -> dict[str, str | int]:
    return {**_as_text(payload), "size_bytes": len(payload), "sha256": sha256}


def _as_text(payload: bytes) -> dict[str, str | int]:
    try:
        return {"encoding": "utf-8", "body": payload.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "body": base64.b64encode(payload).decode()}
