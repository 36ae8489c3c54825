"""What one run of reconcile counts: how many files it did what with, and how many are unfinished since when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.core.ledger import Entry
from chalicelib.core.times import seconds_between

_COUNTED = ("submitted_found", "loaded", "partial", "failed", "unknown", "resubmitted", "reloaded", "unfinished")


@dataclass(slots=True)
class Tally:
    """The counts so far, each there from the beginning: an alarm must see a 0."""

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_COUNTED, 0)))
    oldest_noticed_at: str | None = None

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        self.counts[name] += number

    def leave_unfinished(self, entries: Sequence[Entry]) -> None:
        """Count files that stay noticed or submitted, and remember since when the oldest is known."""
        self.add("unfinished", len(entries))
        known = [self.oldest_noticed_at] if self.oldest_noticed_at else []
        self.oldest_noticed_at = min([*known, *(entry.noticed_at for entry in entries)], default=None)

    def facts(self, now: str) -> dict[str, float]:
        """Return the counts, and the age of the oldest unfinished file in seconds: 0 where there is none."""
        oldest_s = seconds_between(self.oldest_noticed_at, now) if self.oldest_noticed_at else 0.0
        return {**self.counts, "oldest_unfinished_s": max(0.0, oldest_s)}
