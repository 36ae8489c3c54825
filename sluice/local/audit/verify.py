"""The promises, held against the evidence: what is missing, what is double, what nobody looks after. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain

from chalicelib.core.ledger import UNFINISHED, Entry, State
from sluice.local.audit.contents import by_receipt
from sluice.local.audit.evidence import Evidence
from sluice.local.audit.survey import Sightings, Survey

MISSING = "missing"
"""A line that was accepted and is at no end of the road."""

DOUBLE = "double"
"""An event that CORE holds more than once."""

UNANNOUNCED = "unannounced"
"""A file in landing that the ledger does not know."""

UNFINISHED_FILE = "unfinished"
"""A file in the ledger of which nobody knows yet what became of it."""

UNREADABLE = "unreadable"
"""An object that holds something else than it should."""

KINDS = (MISSING, DOUBLE, UNANNOUNCED, UNFINISHED_FILE, UNREADABLE)

_UNDER_WAY = frozenset({MISSING, UNANNOUNCED, UNFINISHED_FILE})
"""Kinds that only say something once they last: a road in use always has lines on their way."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise: about a line, or about the object named by `file`.

    `receiptindex` is None where only the number of lines is known, `receiptid` for another producer's event.
    """

    kind: str
    receiptid: str | None
    receiptindex: int | None
    where: str
    file: str | None = None

    def to_json(self) -> dict[str, str | int | None]:
        """Return the breach by the names that stand on the line."""
        return asdict(self)


def breaches(evidence: Evidence) -> list[Breach]:
    """Return every breach, by receipt and index; empty when all promises hold."""
    found = chain(
        _lost_on_the_road(evidence.survey.lines),
        _lost_before_it(evidence.survey),
        _in_core(evidence),
        _files(evidence),
        (Breach(UNREADABLE, None, None, why, key) for key, why in evidence.survey.faults.items()),
    )
    return sorted(found, key=lambda breach: (breach.receiptid or "", breach.receiptindex or 0, breach.file or ""))


def lasting(before: Iterable[Breach], now: Iterable[Breach]) -> list[Breach]:
    """Return the breaches of a later read that count: those seen before, too, and those that never pass."""
    known: dict[tuple[str, ...], set[int | None]] = defaultdict(set)
    for breach in before:
        known[_about(breach)].add(breach.receiptindex)

    def lasts(breach: Breach) -> bool:
        indexes = known.get(_about(breach), set())
        is_known = breach.receiptindex in indexes or None in indexes or (breach.receiptindex is None and bool(indexes))
        return is_known or not is_under_way(breach)

    return list(filter(lasts, now))


def is_under_way(breach: Breach) -> bool:
    """Tell whether time alone may mend it."""
    return breach.kind in _UNDER_WAY


def _about(breach: Breach) -> tuple[str, ...]:
    """Return what a breach is about: a receipt, a file, or another producer's event."""
    return breach.kind, breach.receiptid or breach.file or breach.where


def _lost_on_the_road(lines: Sightings) -> Iterator[Breach]:
    """Yield lines that were in the stream or in landing, and are neither in RAW nor set aside; a spilled one waits."""
    for line in (lines.stream | lines.landed) - lines.arrived - lines.spilled:
        where = "after landing, before RAW" if line in lines.landed else "after the stream, before landing"
        yield Breach(MISSING, *line, where)


def _lost_before_it(survey: Survey) -> Iterator[Breach]:
    """Yield what was accepted and is in no store."""
    seen, rejected = by_receipt(survey.lines.accepted), by_receipt(survey.lines.rejected)
    for receipt, request in survey.requests.items():
        found = seen.get(receipt, [])
        lost = request.accepted - len(found)
        if lost > 0:
            yield from _named(receipt, lost, set(range(request.offered)).difference(found, rejected.get(receipt, [])))


def _named(receipt: str, lost: int, possible: set[int]) -> list[Breach]:
    """Name each lost line where it can be known which they are; one breach for all where not."""
    if len(possible) == lost:
        return [Breach(MISSING, receipt, index, "accepted, in no store") for index in possible]
    return [Breach(MISSING, receipt, None, f"{lost} accepted, in no store")]


def _in_core(evidence: Evidence) -> Iterator[Breach]:
    for found in evidence.core:
        event = f"source {found.source} id {found.id}"
        if found.rows:
            yield Breach(DOUBLE, found.receiptid, found.receiptindex, f"{found.rows} rows in CORE for {event}")
        else:
            yield Breach(MISSING, found.receiptid, found.receiptindex, f"after RAW, before CORE: {event}")


def _files(evidence: Evidence) -> Iterator[Breach]:
    """Yield files that nobody looks after, or whose outcome is open."""
    for key in evidence.survey.files - evidence.ledger.keys():
        yield Breach(UNANNOUNCED, None, None, "in landing, not in the ledger", key)
    for key, entry in evidence.ledger.items():
        if _is_open(entry):
            yield Breach(UNFINISHED_FILE, None, None, f"{entry.state.value} since {entry.changed_at}", key)


def _is_open(entry: Entry) -> bool:
    return entry.state in UNFINISHED or (entry.state is State.UNKNOWN and entry.reloaded_as is None)
