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
class FailedEvent:
    """What was set aside: `payload` is the bytes as they came, never cut."""

    stage: Stage
    processor: str
    failed_at: str
    rejection: Rejection
    identity: Identity
    payload: bytes
    origin: Origin
    attempts: int = 1
    replay_of: str | None = None
    replay_attempt: int = 0

    @property
    def sha256(self) -> str:
        """Return the payload's fingerprint in hexadecimal."""
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def id(self) -> str:
        """Return the id: the same failure met twice gets the same one."""
        name = f"{self.stage.value}\n{self.origin.locator}\n{self.sha256}\n{self.replay_attempt}"
        return str(uuid.uuid5(_NAMESPACE, name))

    @property
    def is_large(self) -> bool:
        """Tell whether the payload must become an object of its own."""
        return len(self.payload) > MAX_INLINE_PAYLOAD_BYTES

    def to_json(self, payload_place: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Return the failed event in its published shape; `payload_place` says where a large payload lies."""
        name, _, version = self.processor.partition("/")
        return {
            "failed_event_id": self.id,
            "failed_at": self.failed_at,
            "stage": self.stage.value,
            "processor": {"name": name, "version": version},
            "error": self.rejection.to_json(),
            "event": self.identity.to_json(),
            "payload": {
                **(payload_place or _inline(self.payload)),
                "size_bytes": len(self.payload),
                "sha256": self.sha256,
            },
            "origin": {"locator": self.origin.locator, **self.origin.facts},
            "attempts": self.attempts,
            "replay_of": self.replay_of,
        }


def _inline(payload: bytes) -> dict[str, str]:
    try:
        return {"encoding": "utf-8", "body": payload.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "body": base64.b64encode(payload).decode()}
