"""The counts of the road, each derived from the stores that know it, none kept in memory. Pure.

They add up whatever was killed: an event that arrived was accepted, also when its API died before it could
answer or log, or when it was reported unavailable because the stream's answer was lost.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sluice.local.audit.contents import LineId
from sluice.local.audit.rows import RowCounts
from sluice.local.audit.survey import Request, Survey

_NOTHING = Request(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Offered:
    """What was posted, by what became of it; an event that was not confirmed and did not arrive is unavailable."""

    accepted: int = 0
    rejected: int = 0
    unavailable: int = 0

    @property
    def received(self) -> int:
        """Return how many events that are."""
        return self.accepted + self.rejected + self.unavailable


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of the road: every event that came to its start has left it, was set aside, or is in flight."""

    leg: str
    received: int
    delivered: int
    set_aside: int

    def to_json(self) -> dict[str, str | int]:
        """Return the leg by the names of its counts."""
        return {**asdict(self), "in_flight": self.received - self.delivered - self.set_aside}


def offered(survey: Survey) -> Offered:
    """Weigh, receipt by receipt, what the request log says against what was seen on the road."""
    seen, refused = _per_receipt(survey.lines.accepted), _per_receipt(survey.lines.rejected)
    receipts = survey.requests.keys() | seen.keys() | refused.keys()
    weighed = [_weigh(survey.requests.get(receipt, _NOTHING), seen[receipt], refused[receipt]) for receipt in receipts]
    return Offered(*map(sum, zip(*weighed, strict=True))) if weighed else Offered()


def counts(survey: Survey, rows: RowCounts, posted: Offered) -> dict[str, Any]:
    """Return the counts of `status --json`; `dead_lettered` is one number a stage, `posted` what `offered` returns.

    `in_flight` is what was accepted and is neither in RAW nor set aside after collect, `spilled` that part of it
    that waits for the stream. Lines of other producers, which bear no receipt, count as landed and as
    dead-lettered only.
    """
    lines = survey.lines
    return {
        "received": posted.received,
        "accepted": posted.accepted,
        "rejected": posted.rejected,
        "unavailable": posted.unavailable,
        "spilled": len(lines.waiting),
        "landed": survey.landed_lines,
        "loaded": rows.loaded,
        "dead_lettered": dict(survey.failed),
        "in_flight": posted.accepted - len(lines.arrived),
        "duplicates": rows.duplicates,
        "conflicts": rows.conflicts,
    }


def legs(survey: Survey, rows: RowCounts, posted: Offered) -> list[Leg]:
    """Return the legs of the road in order; what one delivers the next receives.

    The API hands unavailable events back to their senders: they never come to its leg. Of the last leg nothing
    can be set aside.
    """
    lines = survey.lines
    streamed, landed, loaded = posted.accepted - len(lines.waiting), len(lines.delivered), len(lines.raw)
    not_loaded = lines.set_aside - lines.raw
    return [
        Leg("api → stream", posted.accepted + posted.rejected, streamed, posted.rejected),
        Leg("stream → landing", streamed, landed, len(not_loaded - lines.landed)),
        Leg("landing → RAW", landed, loaded, len(not_loaded & lines.landed)),
        Leg("RAW → CORE", loaded, loaded - min(loaded, rows.waiting), 0),
    ]


def _weigh(logged: Request, seen: int, refused: int) -> tuple[int, int, int]:
    """Return what was accepted, rejected and unavailable of one receipt."""
    accepted, rejected = max(logged.accepted, seen), max(logged.rejected, refused)
    more = accepted - logged.accepted
    return accepted, rejected, max(0, logged.unavailable - more)


def _per_receipt(lines: Iterable[LineId]) -> Counter[str]:
    return Counter(receipt for receipt, _ in lines)
