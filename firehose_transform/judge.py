"""Judge one Firehose record: its good lines as they came, and a failed event for each bad one.

The stream is a trust boundary: others may write to it, so every line is checked again.
"""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib.contracts.contract import DetailBudget
from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.failed_event import FailedEvent, Stage
from chalicelib.core.line import decode_line
from chalicelib.core.stream_record import Signature, StreamRecord, set_aside
from chalicelib.core.times import to_text
from firehose_transform.protocol import FirehoseRecord


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
        found = StreamRecord(base64.b64decode(record["data"]), _arrived_at(record))
        lines = found.lines()
        faults = {
            place: fault
            for place, line in enumerate(lines)
            if (fault := _AGGREGATED if found.is_aggregate else self._fault(line))
        }
        good = b"".join(line + b"\n" for place, line in enumerate(lines) if place not in faults)
        failed = set_aside(found, faults, Signature(Stage.TRANSFORM, self.processor, self.now))
        return Verdict(record["recordId"], len(lines), good, failed)

    def _fault(self, line: bytes) -> Rejection | None:
        """Return why a line may not land, or None."""
        decoded = decode_line(line)
        if isinstance(decoded, Rejection):
            return decoded
        event, _ = decoded
        contract = self.registry.find(event.type, event.dataschema)
        return contract if isinstance(contract, Rejection) else contract.judge(event.data, self.details)


_AGGREGATED = Rejection(ErrorType.AGGREGATED_RECORD, "the record is a KPL aggregate")


def _arrived_at(record: FirehoseRecord) -> str:
    """Return when the stream took the record: the same however often Firehose tries."""
    return to_text(datetime.fromtimestamp(record["approximateArrivalTimestamp"] / 1000, UTC))
