"""The promises, held against the evidence: what is missing, and what is double. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sluice.local.evidence import Evidence, LineId


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise about one line; `receiptindex` is None where only the number of lines is known."""

    kind: str
    receiptid: str
    receiptindex: int | None
    where: str

    def to_json(self) -> dict[str, str | int | None]:
        """Return the breach by the names that stand on the line."""
        return asdict(self)


def breaches(evidence: Evidence) -> list[Breach]:
    """Return every line that is missing or double, by receipt and index; empty when all promises hold."""
    return sorted(
        [*_lost_on_the_road(evidence), *_lost_before_it(evidence), *_lost_in_core(evidence), *_double(evidence)],
        key=lambda breach: (breach.receiptid, breach.receiptindex or 0),
    )


def _lost_on_the_road(evidence: Evidence) -> Iterator[Breach]:
    """Yield lines that were in the stream or in landing, and are neither in RAW nor set aside."""
    for line in (evidence.stream | evidence.landed) - evidence.raw.keys() - evidence.set_aside:
        where = "after landing, before RAW" if line in evidence.landed else "after the stream, before landing"
        yield Breach("missing", *line, where)


def _lost_before_it(evidence: Evidence) -> Iterator[Breach]:
    """Yield receipts of which more events were accepted than any store has seen."""
    known: set[LineId] = {*evidence.stream, *evidence.landed, *evidence.raw, *evidence.set_aside}
    seen = Counter(receipt for receipt, _ in known)
    for receipt, accepted in evidence.accepted.items():
        if accepted > seen[receipt]:
            yield Breach("missing", receipt, None, f"{accepted - seen[receipt]} accepted, in no store")


def _lost_in_core(evidence: Evidence) -> Iterator[Breach]:
    for line, event in evidence.raw.items():
        if event not in evidence.core:
            yield Breach("missing", *line, "after RAW, before CORE")


def _double(evidence: Evidence) -> Iterator[Breach]:
    double = {event for event, rows in evidence.core.items() if rows > 1}
    for line, event in evidence.raw.items():
        if event in double:
            yield Breach("double", *line, f"{evidence.core[event]} rows in CORE for {event}")
