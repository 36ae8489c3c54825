"""The objects of the dead-letter bucket: their keys and bytes, made from failed events.

Keys come from content and from the time of the data, so writing the same failure again overwrites itself.
Putting the objects is an adapter's business.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from chalicelib.core.failed_event import FailedEvent, Stage, StoredPayload

PREFIX = "failed/v1/"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One object for the dead-letter bucket."""

    key: str
    body: bytes
    content_type: str


def put_all(failed_events: Sequence[FailedEvent], bucket: str, put: Callable[[DeadLetter], str | None]) -> None:
    """Put large payloads first, then the failed events that point at them, in one object.

    `put` stores one object and returns its version id; whatever it raises ends the putting.
    """
    versions = {letter.key: put(letter) for letter in payload_objects(failed_events)}
    put(failed_events_object(failed_events, bucket, versions))


def payload_objects(failed_events: Sequence[FailedEvent]) -> list[DeadLetter]:
    """Return the objects that hold payloads over 1 MiB; they are to be put before their failed events."""
    return [
        DeadLetter(payload_key(failed), large, "application/octet-stream")
        for failed in failed_events
        if (large := failed.large_payload) is not None
    ]


def failed_events_object(
    failed_events: Sequence[FailedEvent], bucket: str, versions: Mapping[str, str | None]
) -> DeadLetter:
    """Return the one object of a handler call: gzip NDJSON under the hour of its earliest arrival.

    All failed events are of one stage; there is at least one. `versions` holds the version id of each
    payload object, by its key.
    """
    stage = failed_events[0].stage
    arrived_at = min(failed.origin.arrived_at for failed in failed_events)
    digest = hashlib.sha256("\n".join(failed.id for failed in failed_events).encode()).hexdigest()
    lines = [orjson.dumps(failed.to_json(_place(failed, bucket, versions))) + b"\n" for failed in failed_events]
    return DeadLetter(
        f"{hour_prefix(stage, arrived_at)}{digest}-{len(failed_events)}.ndjson.gz",
        gzip.compress(b"".join(lines), mtime=0),
        "application/x-ndjson",
    )


def hour_prefix(stage: Stage, arrived_at: str) -> str:
    """Return where failed events of one stage and hour lie; `arrived_at` is RFC 3339 in UTC."""
    return f"{PREFIX}stage={stage.value}/dt={arrived_at[:10]}/hh={arrived_at[11:13]}/"


def payload_key(failed: FailedEvent) -> str:
    """Return where a failed event's large payload lies: the same bytes always in the same place."""
    return f"payloads/v1/{failed.sha256}"


def _place(failed: FailedEvent, bucket: str, versions: Mapping[str, str | None]) -> StoredPayload | None:
    if (large := failed.large_payload) is None:
        return None
    key = payload_key(failed)
    return StoredPayload(bucket, key, versions.get(key), len(large), failed.sha256)
