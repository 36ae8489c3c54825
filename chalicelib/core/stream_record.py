"""A record of the stream and its lines, whoever wrote them: where a line ends, and how one that fails is named.

Every stage that sets aside what lies in a record does it here, so that a line met twice keeps its name.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.errors import Rejection
from chalicelib.core.event import Identity, identify
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from chalicelib.core.json_text import UnreadableError, loads
from chalicelib.core.limits import MAX_TEXT_CHARACTERS

_KPL_MAGIC = b"\xf3\x89\x9a\xc2"
"""The first bytes of a KPL aggregate. Source: Kinesis Producer Library, aggregation format."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record: its bytes, and when the stream took it (RFC 3339, UTC), the same in every try."""

    data: bytes
    arrived_at: str

    @property
    def is_aggregate(self) -> bool:
        """Tell whether a KPL producer packed it: binary, not lines."""
        return self.data.startswith(_KPL_MAGIC)

    def lines(self) -> list[bytes]:
        """Return its lines without their newlines, in order; blank ones are nothing, an aggregate is one line."""
        return [self.data] if self.is_aggregate else [line for line in self.data.split(b"\n") if line.strip()]


@dataclass(frozen=True, slots=True)
class Signature:
    """What the failed events of one record share: who set them aside and when, after how many attempts."""

    stage: Stage
    processor: str
    failed_at: str
    attempts: int = 1
    facts: Mapping[str, str | int | None] = field(default_factory=dict)


def set_aside(record: StreamRecord, faults: Mapping[int, Rejection], signature: Signature) -> tuple[FailedEvent, ...]:
    """Return a failed event for each line that has a fault; `faults` are known by their lines' places."""
    fingerprint = hashlib.sha256(record.data).hexdigest() if faults else ""
    return tuple(
        _failed_event(line, faults[place], Origin(f"{fingerprint}:{place}", record.arrived_at), signature)
        for place, line in enumerate(record.lines())
        if place in faults
    )


def receipt_locator(element: Mapping[str, Any]) -> str | None:
    """Return `receiptid:receiptindex` where both stand on a line; a foreign line may hold anything there."""
    receipt, index = element.get("receiptid"), element.get("receiptindex")
    if not isinstance(receipt, str) or len(receipt) > MAX_TEXT_CHARACTERS:
        return None
    return f"{receipt}:{index}" if isinstance(index, int) and not isinstance(index, bool) else None


def _failed_event(line: bytes, fault: Rejection, foreign: Origin, signature: Signature) -> FailedEvent:
    element = _element(line)
    return FailedEvent(
        stage=signature.stage,
        processor=signature.processor,
        failed_at=signature.failed_at,
        rejection=fault,
        identity=identify(element, {}) if element else Identity(),
        payload=line,
        origin=Origin(receipt_locator(element) or foreign.locator, foreign.arrived_at, signature.facts),
        attempts=signature.attempts,
    )


def _element(line: bytes) -> dict[str, Any]:
    """Return what can be known of a failed line: the object it holds, or an empty one."""
    try:
        element = loads(line)
    except UnreadableError:
        return {}
    return element if isinstance(element, dict) else {}
