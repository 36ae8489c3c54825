"""Compare: find the files that landed and that nobody announced, and load them.

A comparison lists all of landing and asks the ledger about what landed since the last whole one, and some days
before that: an upload in parts is dated when it began. Cut off, the next run goes on where it stopped.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.landing import LandedFile, Pipe, pipe_for
from chalicelib.core.ledger import Compared
from chalicelib.core.times import later
from chalicelib.stages.budget import Budget
from chalicelib.stages.each import Each, batched, one_by_one
from chalicelib.stages.landing import Landing, ListedFile
from chalicelib.stages.load import Load

log = logging.getLogger(__name__)

FIREHOSE_FAILED = "firehose-failed/"
"""Where Firehose puts what it could not deliver. Source: infra/template.yaml, ErrorOutputPrefix."""

FIREHOSE_FAILED_WITHIN_S = 2 * 3_600.0
"""How far back Firehose's failures count: two runs, so that none falls between them."""

LOOK_BACK_S = 3 * 86_400.0
"""How far behind the last whole comparison files are asked about once more."""

ASKED_AT_ONCE = 100
"""Source: DynamoDB BatchGetItem, `Keys`."""

STRIDE = 10
"""Questions asked side by side; between strides the budget is looked at and the place is known."""

_RESERVE_S = 40.0
"""Kept of the budget for the stride that has begun: its files may have to be submitted. A quarter of a small budget."""


class CompareLedger(Protocol):
    """The ledger, as far as the comparison is concerned."""

    def known(self, names: Collection[str]) -> frozenset[str]:
        """Return those of at most 100 names that the ledger has."""

    def compared(self) -> Compared:
        """Return how far landing was compared."""

    def mark_compared(self, compared: Compared) -> None:
        """Keep how far landing was compared."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The stage, given its ports. Objects younger than `compare_after_s` may still be announced."""

    pipes: Sequence[Pipe]
    ledger: CompareLedger
    landing: Landing
    load: Load
    now: Callable[[], str]
    compare_after_s: float = 60.0
    each: Each = one_by_one

    def run(self, budget: Budget, *, everything: bool = False) -> dict[str, int]:
        """Compare as far as the budget goes; return how many files were compared and how many nobody had announced.

        `everything` begins anew and leaves no file out, however old. Raises what the ledger and landing raise.
        """
        before = Compared() if everything else self.ledger.compared()
        now = self.now()
        began_at = before.began_at if before.after and before.began_at else now
        since = later(before.through, -LOOK_BACK_S) if before.through else ""
        until = later(now, -self.compare_after_s)
        counts = Counter(files=0, unannounced=0, firehose_failed=self._firehose_failed(now))
        reserve_s = min(_RESERVE_S, budget.remaining_s() / 4)
        after = before.after
        for stride in batched(self._listed(before.after), STRIDE * ASKED_AT_ONCE):
            if not budget.allows(reserve_s):
                log.warning("the time is up: the comparison goes on behind %s", after)
                self.ledger.mark_compared(Compared(before.through, began_at, after))
                return dict(counts)
            due = [listed.file for listed in stride if since <= listed.modified_at < until]
            counts.update(self._compare(due, budget, is_taken=not counts["unconfirmed"]))
            after = stride[-1].file.key
        self.ledger.mark_compared(Compared(through=later(began_at, -self.compare_after_s)))
        return dict(counts)

    def _listed(self, after: str | None) -> Iterator[ListedFile]:
        """Yield landing's files prefix by prefix, in the order of their keys, from behind a key."""
        for prefix in sorted(pipe.prefix for pipe in self.pipes):
            if after is None or after < prefix:
                yield from self.landing.files(prefix)
            elif after.startswith(prefix):
                yield from self.landing.files(prefix, after)

    def _compare(self, files: Sequence[LandedFile], budget: Budget, *, is_taken: bool) -> dict[str, int]:
        """Load those files that the ledger does not know. What Snowpipe does not take now reconcile submits."""
        asked = [file for file in files if pipe_for(file, self.pipes)]
        known = frozenset[str]().union(*self.each(self._known, batched(asked, ASKED_AT_ONCE)))
        unknown = [file for file in asked if file.name not in known]
        loaded = self.load.load(unknown, budget if is_taken else budget.at_most(0))
        return {"files": len(asked), "unannounced": len(unknown), "unconfirmed": loaded["unconfirmed"]}

    def _known(self, files: Sequence[LandedFile]) -> frozenset[str]:
        return self.ledger.known([file.name for file in files])

    def _firehose_failed(self, now: str) -> int:
        """Count the objects that Firehose lately put where it puts what it could not deliver."""
        since = later(now, -FIREHOSE_FAILED_WITHIN_S)
        return sum(listed.modified_at >= since for listed in self.landing.files(FIREHOSE_FAILED))
