"""Judge one Firehose record: its good lines as they came, and a failed event for each bad one.

The stream is a trust boundary: others may write to it, so every line is checked again.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.contracts.contract import DetailBudget
from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.event import Identity, identify
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from chalicelib.core.json_text import UnreadableError, loads
from chalicelib.core.limits import MAX_TEXT_CHARACTERS
from chalicelib.core.line import decode_line
from chalicelib.core.times import to_text
from firehose_transform.protocol import FirehoseRecord

_KPL_MAGIC = b"\xf3\x89\x9a\xc2"
"""The first bytes of a KPL aggregate. Source: Kinesis Producer Library, aggregation format."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one record: `good` is its good lines, each newline-ended; `lines` counts all."""

    record_id: str
    lines: int
    good: bytes
    failed: tuple[FailedEvent, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """The judge, given the contracts, the name it signs failures with, and the time of this call."""

    registry: Registry
    processor: str
    now: str
    details: DetailBudget = field(default_factory=DetailBudget)

    def judge(self, record: FirehoseRecord) -> Verdict:
        """Judge every line of a record. Never raises because of what the record holds."""
        data = base64.b64decode(record["data"])
        aggregated = data.startswith(_KPL_MAGIC)
        lines = [data] if aggregated else [line for line in data.split(b"\n") if line.strip()]
        faults = [_AGGREGATED if aggregated else self._fault(line) for line in lines]
        good = b"".join(line + b"\n" for line, fault in zip(lines, faults, strict=True) if not fault)
        failed = tuple(
            self._failed(fault, line, record, f"{hashlib.sha256(data).hexdigest()}:{place}")
            for place, (line, fault) in enumerate(zip(lines, faults, strict=True))
            if fault
        )
        return Verdict(record["recordId"], len(lines), good, failed)

    def _fault(self, line: bytes) -> Rejection | None:
        """Return why a line may not land, or None."""
        decoded = decode_line(line)
        if isinstance(decoded, Rejection):
            return decoded
        event, _ = decoded
        contract = self.registry.find(event.type, event.dataschema)
        return contract if isinstance(contract, Rejection) else contract.judge(event.data, self.details)

    def _failed(self, fault: Rejection, line: bytes, record: FirehoseRecord, foreign_locator: str) -> FailedEvent:
        element = _element(line)
        return FailedEvent(
            stage=Stage.TRANSFORM,
            processor=self.processor,
            failed_at=self.now,
            rejection=fault,
            identity=identify(element, {}) if element else Identity(),
            payload=line,
            origin=Origin(_receipt_locator(element) or foreign_locator, _arrived_at(record)),
        )


_AGGREGATED = Rejection(ErrorType.AGGREGATED_RECORD, "the record is a KPL aggregate")


def _element(line: bytes) -> dict[str, Any]:
    """Return what can be known of a bad line: the object it holds, or an empty one."""
    try:
        element = loads(line)
    except UnreadableError:
        return {}
    return element if isinstance(element, dict) else {}


def _receipt_locator(element: dict[str, Any]) -> str | None:
    """Return `receiptid:receiptindex` where both stand on the line; a foreign line may hold anything there."""
    receipt, index = element.get("receiptid"), element.get("receiptindex")
    known = isinstance(receipt, str) and len(receipt) <= MAX_TEXT_CHARACTERS and isinstance(index, int)
    return f"{receipt}:{index}" if known else None


def _arrived_at(record: FirehoseRecord) -> str:
    """Return when the stream took the record: the same however often Firehose tries."""
    return to_text(datetime.fromtimestamp(record["approximateArrivalTimestamp"] / 1000, UTC))
