"""Load: note each landed file in the ledger, then hand it to Snowpipe, whatever was cut off before.

The ledger is the memory, not the queue: a message may go once its files are noted. What Snowpipe does not
take now stays noticed, and reconcile submits it again.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.landing import LandedFile, Pipe, pipe_for
from chalicelib.core.limits import MAX_FILES_PER_INGEST, MAX_ITEMS_PER_WRITE
from chalicelib.stages.budget import Budget
from chalicelib.stages.each import Each, batched, one_by_one

log = logging.getLogger(__name__)

LONGEST_SUBMIT_S = 20.0
"""As long as Snowpipe is asked to take files: what it has not taken then can wait for reconcile."""


class Ledger(Protocol):
    """The memory of every landed file. States only move forward: noticed, submitted."""

    def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
        """Note a file; tell whether it still has to be submitted. Noting it again changes nothing.

        `reload_of` names the file it is a copy of; it is noted even when the file was noted without.
        """

    def mark_submitted(self, files: Sequence[LandedFile]) -> int:
        """Move at most 100 files from noticed to submitted and count the attempt; return how many moved."""


class Ingest(Protocol):
    """Snowpipe, as this stage sees it."""

    def submit(self, pipe: str, files: Mapping[str, int | None], budget: Budget) -> None:
        """Submit paths with their sizes, at most 5,000. Submitting a path again does nothing.

        Raises IngestUnavailableError when Snowpipe did not confirm them within the budget.
        """


class IngestUnavailableError(Exception):
    """Snowpipe did not confirm the files in the time there was; submitting them again is safe."""


@dataclass(frozen=True, slots=True)
class Load:
    """The stage, given its pipes and ports."""

    pipes: Sequence[Pipe]
    ledger: Ledger
    ingest: Ingest
    each: Each = one_by_one

    def load(self, files: Iterable[LandedFile], budget: Budget) -> dict[str, int]:
        """Note files and submit those that were not yet; return how many were noticed, submitted and unconfirmed.

        Raises what the ledger raises, so that the messages come again; never because of Snowpipe.
        """
        waiting = self._notice(files)
        ingest_budget = budget.at_most(LONGEST_SUBMIT_S)
        submitted = sum(self._submit(pipe, waiting[pipe], ingest_budget) for pipe in waiting)
        noticed = sum(len(files) for files in waiting.values())
        return {"noticed": noticed, "submitted": submitted, "unconfirmed": noticed - submitted}

    def _notice(self, files: Iterable[LandedFile]) -> dict[Pipe, list[LandedFile]]:
        """Note each file once; return those still to be submitted, by pipe."""
        announced = {file.name: (file, pipe) for file in files if (pipe := pipe_for(file, self.pipes))}
        new = self.each(lambda pair: self.ledger.notice(pair[0], pair[1].name), announced.values())
        waiting: dict[Pipe, list[LandedFile]] = defaultdict(list)
        for (file, pipe), is_new in zip(announced.values(), new, strict=True):
            if is_new:
                waiting[pipe].append(file)
        return waiting

    def _submit(self, pipe: Pipe, files: Sequence[LandedFile], budget: Budget) -> int:
        """Return how many files Snowpipe took."""
        taken = 0
        try:
            for chunk in submit(pipe, files, self.ingest, budget):
                self.each(self.ledger.mark_submitted, batched(chunk, MAX_ITEMS_PER_WRITE))
                taken += len(chunk)
        except IngestUnavailableError as fault:
            log.warning("%d files stay noticed: %s", len(files) - taken, fault)
        return taken


def submit(pipe: Pipe, files: Sequence[LandedFile], ingest: Ingest, budget: Budget) -> Iterator[list[LandedFile]]:
    """Submit files in as many calls as it takes; yield what each call confirmed, so that it can be marked at once.

    Raises IngestUnavailableError at the first call that was not confirmed.
    """
    for chunk in batched(files, MAX_FILES_PER_INGEST):
        ingest.submit(pipe.name, {pipe.path(file): file.size_bytes for file in chunk}, budget)
        yield chunk
