"""What is to be done about submitted files: decided from what Snowflake says of them. Nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.core.landing import Pipe, reload_number
from chalicelib.core.ledger import Entry, Outcome, State
from chalicelib.core.times import seconds_between
from chalicelib.stages.budget import Budget
from chalicelib.stages.lookup import Lookup, named
from chalicelib.stages.reports import PipeStatus

MAX_RELOADS = 3
"""Copies that reconcile makes of one file by itself. A file lost so often is a person's business."""

NOWHERE = Outcome(State.FAILED, 0, first_error="Snowflake reports the file nowhere, nor any copy of it")
GONE = Outcome(State.FAILED, 0, first_error="Snowflake reports the file nowhere")


@dataclass(frozen=True, slots=True)
class ReconcileTimes:
    """How long a file may wait before something is done about it, in seconds.

    Noticed, until it is submitted again; submitted, until it is looked for everywhere; found nowhere since it was
    last submitted, until a copy of it is loaded; landed, until somebody must have announced it.
    """

    resubmit_after_s: float = 120
    look_after_s: float = 600
    reload_after_s: float = 1800
    compare_after_s: float = 60


class Step(StrEnum):
    """What comes next for a submitted file that no report names."""

    WAIT = "wait"
    RESUBMIT = "resubmit"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to be done: files that ended, by name, files to submit again, files to load under a new key."""

    ended: Mapping[str, Outcome]
    resubmit: Sequence[Entry]
    reload: Sequence[Entry]


def next_step(entry: Entry, now: str, times: ReconcileTimes) -> Step:
    """Return what comes next for a file that nobody names, by how long ago and how often it was submitted.

    Submitting the same path once more cures a lost call, and does nothing where Snowpipe took the first one.
    """
    age_s = seconds_between(entry.submitted_at or entry.changed_at, now)
    if age_s < times.look_after_s:
        return Step.WAIT
    if entry.attempts <= 1:
        return Step.RESUBMIT
    return Step.RELOAD if age_s >= times.reload_after_s else Step.WAIT


def may_be_reloaded(entry: Entry, status: PipeStatus | None) -> bool:
    """Tell whether a file cannot be waiting in its pipe any more: the pipe runs, and holds nothing as old."""
    if status is None or not status.running:
        return False
    if status.pending_files == 0:
        return True
    return status.oldest_pending_at is not None and status.oldest_pending_at > (entry.submitted_at or "")


@dataclass(frozen=True, slots=True)
class Settle:
    """Decides for one run."""

    lookup: Lookup
    times: ReconcileTimes

    def settle(self, pipe: Pipe, entries: Sequence[Entry], budget: Budget) -> Settlement:
        """Return what is to be done about submitted files of one pipe, the longest submitted first."""
        ended = self._reported(pipe, entries, budget)
        steps = {
            entry: next_step(entry, self.lookup.now, self.times) for entry in entries if entry.file.name not in ended
        }
        first = [entry for entry, step in steps.items() if step == Step.RESUBMIT]
        again = self._reloadable(pipe, [entry for entry, step in steps.items() if step == Step.RELOAD])
        found = self.lookup.search(pipe, [*first, *again])
        ended |= named(pipe, [*first, *again], found or {})
        lost = [] if found is None else [entry for entry in again if entry.file.name not in ended]
        hopeless = {entry.file.name: NOWHERE for entry in lost if _reloads(entry, pipe) >= MAX_RELOADS}
        return Settlement(
            ended | hopeless,
            [entry for entry in first if entry.file.name not in ended],
            [entry for entry in lost if entry.file.name not in hopeless],
        )

    def _reported(self, pipe: Pipe, entries: Sequence[Entry], budget: Budget) -> dict[str, Outcome]:
        """Return what REST reports of files: the recent report, and for the rest one scan of the history."""
        report = self.lookup.recent(pipe, budget)
        ended = named(pipe, entries, report.outcomes) if report else {}
        missed = [
            entry
            for entry in entries
            if entry.file.name not in ended and (self._is_overdue(entry) or (report and not report.complete))
        ]
        if missed:
            since = missed[0].submitted_at or missed[0].changed_at
            ended |= named(pipe, missed, self.lookup.scan(pipe, since, budget))
        return ended

    def _is_overdue(self, entry: Entry) -> bool:
        return seconds_between(entry.submitted_at or entry.changed_at, self.lookup.now) >= self.times.look_after_s

    def _reloadable(self, pipe: Pipe, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries that cannot be waiting in the pipe; the pipe is asked only if there are any at all."""
        if not entries:
            return []
        status = self.lookup.pipe_status(pipe)
        return [entry for entry in entries if may_be_reloaded(entry, status)]


def _reloads(entry: Entry, pipe: Pipe) -> int:
    return reload_number(entry.file.key, pipe.prefix)
