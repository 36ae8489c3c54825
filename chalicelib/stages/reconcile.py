"""Reconcile: find out what became of every submitted file, and submit again what got stuck.

    noticed ──────────────► submit again
    submitted ─ named ────► loaded, or failed event ─► alert ─► failed | partial
              └ nowhere ──► submit again ─ still nowhere ─► load a copy ─► unknown

Two runs at once are harmless: every change of state is conditional, everything else may be done twice. A run
that ends early leaves the rest to the next one.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.core.ledger import Entry, Outcome, State
from chalicelib.core.limits import MAX_ITEMS_PER_WRITE
from chalicelib.core.metrics import dead_letters_by_type
from chalicelib.core.times import seconds_between
from chalicelib.stages.budget import Budget
from chalicelib.stages.each import Each, batched, one_by_one
from chalicelib.stages.landing import Landing, LandingUnavailableError
from chalicelib.stages.load import LONGEST_SUBMIT_S, Ingest, IngestUnavailableError, submit
from chalicelib.stages.lookup import Lookup
from chalicelib.stages.reload import Copy, Reload, bring, plan_reload
from chalicelib.stages.reports import History, HistoryUnavailableError, PipeStatus, Reports, WarehouseState
from chalicelib.stages.set_aside_files import Alerts, DeadLetterStore, FailedFile, SetAside
from chalicelib.stages.settlement import GONE, ReconcileTimes, Settle
from chalicelib.stages.tally import Tally

__all__ = [
    "History",
    "HistoryUnavailableError",
    "PipeStatus",
    "Reconcile",
    "ReconcileTimes",
    "Reports",
    "WarehouseState",
]

log = logging.getLogger(__name__)

CHUNK = 1_000
"""Entries read, looked up and written at a time: what a run holds in memory."""

MAX_SET_ASIDE = 1_000
"""Files one run sets aside; the next run takes the rest."""

_RESERVE_S = 25.0
"""Kept of the budget for setting files aside and for the last questions; a quarter of a small budget."""


class Ledger(Protocol):
    """The ledger, as far as reconcile is concerned. A change tells whether, or of how many files, it was made."""

    def get(self, name: str) -> Entry | None:
        """Return a file's entry as it is now."""

    def in_state(self, state: State, before: str | None = None) -> Iterator[Entry]:
        """Yield the files in a state that came into it before a time, the longest there first."""

    def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
        """Note a file once; tell whether it still has to be submitted."""

    def mark_submitted(self, files: Sequence[LandedFile]) -> int:
        """Move at most 100 files from noticed to submitted."""

    def mark_resubmitted(self, entries: Sequence[Entry]) -> int:
        """Count one more attempt for at most 100 files, but for those that somebody counted since they were read."""

    def mark_unknown(self, file: LandedFile, reloaded_as: str) -> bool:
        """Move a submitted file to unknown: its copy is loaded instead."""

    def mark_reloaded(self, file: LandedFile, reloaded_as: str) -> bool:
        """Note which copy is loaded instead of an ended file."""

    def finish(self, ends: Sequence[tuple[LandedFile, Outcome]]) -> int:
        """Move at most 100 unfinished files to what became of them."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The stage, given its pipes and ports. `now` is RFC 3339 in UTC; `processor` signs failed events."""

    pipes: Sequence[Pipe]
    ledger: Ledger
    ingest: Ingest
    reports: Reports
    history: History
    landing: Landing
    dead_letters: DeadLetterStore
    alerts: Alerts
    now: Callable[[], str]
    processor: str
    times: ReconcileTimes = field(default_factory=ReconcileTimes)
    each: Each = one_by_one

    def run(self, budget: Budget) -> dict[str, Any]:
        """Reconcile as far as the budget goes; return the facts of the run, as `core.metrics` names them.

        `unfinished` and `oldest_unfinished_s` are lower bounds when the run was cut off by its budget. What
        Snowflake did not answer is left out. Raises what the ledger raises.
        """
        return _Run(self, budget, Lookup(self.reports, self.history, self.now())).run()


@dataclass(slots=True)
class _Run:
    """One run: what it has seen and done so far."""

    stage: Reconcile
    budget: Budget
    lookup: Lookup
    tally: Tally = field(default_factory=Tally)
    failed: list[FailedFile] = field(default_factory=list)
    reserve_s: float = 0.0

    def run(self) -> dict[str, Any]:
        """Do everything there is to do."""
        self.reserve_s = min(_RESERVE_S, self.budget.remaining_s() / 4)
        for chunk in self._chunks(State.NOTICED):
            self._submit_noticed(chunk)
        for chunk in self._chunks(State.SUBMITTED):
            self._settle_submitted(chunk)
        dead_letters = self._set_aside()
        tally = self.tally.facts(self.lookup.now)
        return {**tally, "dead_letters": dead_letters, **self.lookup.facts(self.stage.pipes)}

    def _chunks(self, state: State) -> Iterator[list[Entry]]:
        """Yield the entries of a state as they were when the run began, as long as the budget lasts.

        The chunk at which it ends is counted, so that the facts never say that nothing is left.
        """
        for chunk in batched(self.stage.ledger.in_state(state, self.lookup.now), CHUNK):
            if not self.budget.allows(self.reserve_s):
                log.warning("the time is up: files stay %s until the next run", state.value)
                self.tally.leave_unfinished(chunk)
                return
            yield chunk

    def _submit_noticed(self, chunk: Sequence[Entry]) -> None:
        """Submit files that were noticed a while ago: the message that announced them may be gone."""
        self.tally.leave_unfinished(chunk)
        patience_s = self.stage.times.resubmit_after_s
        stuck = [entry for entry in chunk if seconds_between(entry.changed_at, self.lookup.now) >= patience_s]
        for pipe, entries in self._by_pipe(stuck):
            files = [entry.file for entry in entries]
            self.tally.add("resubmitted", self._submit(pipe, files, self.stage.ledger.mark_submitted))

    def _settle_submitted(self, chunk: Sequence[Entry]) -> None:
        """Find out what became of files, and do what is to be done about each."""
        self.tally.add("submitted_found", len(chunk))
        done: set[str] = set()
        for pipe, entries in self._by_pipe(chunk):
            settlement = Settle(self.lookup, self.stage.times).settle(pipe, entries, self.budget)
            self._end(entries, settlement.ended)
            self._resubmit(pipe, settlement.resubmit)
            done |= settlement.ended.keys() | self._reload(pipe, settlement.reload)
        self.tally.leave_unfinished([entry for entry in chunk if entry.file.name not in done])

    def _end(self, entries: Sequence[Entry], ended: Mapping[str, Outcome]) -> None:
        """Mark the files that were loaded; keep the others until all of the run's are set aside together."""
        loaded = [(entry.file, ended[entry.file.name]) for entry in entries if _state(entry, ended) == State.LOADED]
        moved = self.stage.each(self.stage.ledger.finish, batched(loaded, MAX_ITEMS_PER_WRITE))
        self.tally.add("loaded", sum(moved))
        for entry in entries:
            if _state(entry, ended) in {State.FAILED, State.PARTIAL}:
                self._fail(entry, ended[entry.file.name])

    def _fail(self, entry: Entry, outcome: Outcome) -> None:
        """Remember a file to be set aside, or, when there are too many for one run, leave it as it is."""
        if len(self.failed) < MAX_SET_ASIDE:
            self.failed.append(FailedFile.of(entry, outcome))
        else:
            self.tally.leave_unfinished([entry])

    def _resubmit(self, pipe: Pipe, entries: Sequence[Entry]) -> None:
        by_file = {entry.file: entry for entry in entries}
        mark = self.stage.ledger.mark_resubmitted
        self.tally.add(
            "resubmitted", self._submit(pipe, list(by_file), lambda files: mark([by_file[file] for file in files]))
        )

    def _submit(self, pipe: Pipe, files: Sequence[LandedFile], mark: Callable[[Sequence[LandedFile]], int]) -> int:
        """Submit files and mark each that Snowpipe took; return how many were marked."""
        marked = 0
        if not files or pipe.name in self.lookup.rest_away:
            return marked
        try:
            for taken in submit(pipe, files, self.stage.ingest, self.budget.at_most(LONGEST_SUBMIT_S)):
                self.lookup.rest_answered = True
                marked += sum(self.stage.each(mark, batched(taken, MAX_ITEMS_PER_WRITE)))
        except IngestUnavailableError as fault:
            self.lookup.rest_is_away(pipe, fault)
        return marked

    def _reload(self, pipe: Pipe, lost: Sequence[Entry]) -> set[str]:
        """Load copies of lost files, and last of all call the originals unknown; return the names dealt with."""
        plan = [plan_reload(entry, pipe) for entry in lost]
        brought = list(zip(plan, self.stage.each(self._bring, plan), strict=True))
        for reload in (reload for reload, copy in brought if copy == Copy.GONE):
            self._fail(reload.entry, GONE)
        waiting = [reload.to for reload, copy in brought if copy == Copy.NOTICED]
        self._submit(pipe, waiting, self.stage.ledger.mark_submitted)
        made = [reload for reload, copy in brought if copy in {Copy.NOTICED, Copy.SUBMITTED}]
        mark = self.stage.ledger.mark_unknown
        moved = self.stage.each(lambda reload: mark(reload.entry.file, reload.to.name), made)
        self.tally.add("reloaded", len(made))
        self.tally.add("unknown", sum(moved))
        self.tally.add("unfinished", len(made))
        return {reload.entry.file.name for reload, copy in brought if copy}

    def _bring(self, reload: Reload) -> Copy | None:
        """Copy one file if it is still lost; None when that must wait for the next run."""
        if not self.budget.allows(self.reserve_s):
            return None
        now = self.stage.ledger.get(reload.entry.file.name)
        if now is None or (now.state, now.attempts) != (reload.entry.state, reload.entry.attempts):
            return None
        try:
            return bring(reload, self.stage.ledger, self.stage.landing)
        except LandingUnavailableError as fault:
            log.warning("%s is loaded again later: %s", reload.entry.file.name, fault)
            return None

    def _set_aside(self) -> dict[str, int]:
        """Set the failed files aside; return how many failed events there are of each type."""
        stage = self.stage
        ports = (stage.landing, stage.dead_letters, stage.alerts, stage.ledger)
        done = SetAside(*ports, stage.now, stage.processor, stage.each).set_aside(self.failed, self.budget)
        for one in done:
            self.tally.add(one.file.outcome.state.value)
        names = {one.file.entry.file.name for one in done}
        self.tally.leave_unfinished([one.entry for one in self.failed if one.entry.file.name not in names])
        return dead_letters_by_type(one.event for one in done)

    def _by_pipe(self, entries: Sequence[Entry]) -> Iterator[tuple[Pipe, list[Entry]]]:
        """Yield entries by their pipe, in their order. Those of a pipe that is no more stay, and are counted."""
        by_name: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_name[entry.pipe].append(entry)
        yield from ((pipe, by_name.pop(pipe.name)) for pipe in self.stage.pipes if pipe.name in by_name)
        for name, strangers in by_name.items():
            log.error("%d files wait for the pipe %s, which is not configured", len(strangers), name)


def _state(entry: Entry, ended: Mapping[str, Outcome]) -> State | None:
    outcome = ended.get(entry.file.name)
    return outcome.state if outcome else None
