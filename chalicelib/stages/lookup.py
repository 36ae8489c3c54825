"""Look up what became of submitted files: recent report, narrow history scan, COPY_HISTORY, then RAW by file name.

One lookup serves one run. Each source is asked as late and as little as will do; a source that does not
answer for a pipe is not asked about that pipe again.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Entry, Outcome, Report, State
from chalicelib.core.times import later
from chalicelib.stages.budget import Budget
from chalicelib.stages.load import IngestUnavailableError
from chalicelib.stages.reports import History, HistoryUnavailableError, PipeStatus, Reports

log = logging.getLogger(__name__)

LONGEST_REPORT_S = 20.0
"""As long as a pipe is asked for its reports."""

SCAN_S = 3_600.0
"""The range of one history scan: it is heavily rate limited, wide ranges most of all. Source: Snowpipe REST API."""

_NOTHING = Report(complete=True, outcomes={})


@dataclass(slots=True)
class Lookup:
    """What Snowflake said in this run, which began at `now`."""

    reports: Reports
    history: History
    now: str
    rest_away: set[str] = field(default_factory=set)
    sql_away: set[str] = field(default_factory=set)
    rest_answered: bool = False
    _recent: dict[str, Report | None] = field(default_factory=dict)
    _scans: dict[str, Report] = field(default_factory=dict)
    _statuses: dict[str, PipeStatus | None] = field(default_factory=dict)

    def recent(self, pipe: Pipe, budget: Budget) -> Report | None:
        """Return what the pipe reports of the last 10 minutes, asked once; None when it did not answer."""
        if pipe.name not in self._recent:
            self._recent[pipe.name] = self._ask_recent(pipe, budget)
        return self._recent[pipe.name]

    def scan(self, pipe: Pipe, since: str, budget: Budget) -> Mapping[str, Outcome]:
        """Return what ended within an hour from a time. Asked once a run: later questions get the first answer."""
        if pipe.name not in self._scans:
            self._scans[pipe.name] = self._ask_scan(pipe, since, budget)
        return self._scans[pipe.name].outcomes

    def search(self, pipe: Pipe, entries: Sequence[Entry]) -> Mapping[str, Outcome] | None:
        """Return what SQL knows of files, by path; None when it did not answer, and nothing is certain then."""
        paths = [pipe.path(entry.file) for entry in entries]
        if not paths or pipe.name in self.sql_away:
            return None
        try:
            copied = self.history.copied(pipe, paths, min(entry.noticed_at for entry in entries))
            rest = [path for path in paths if path not in copied]
            rows = self.history.rows_in_raw(pipe, rest) if rest else {}
        except HistoryUnavailableError as fault:
            self._sql_is_away(pipe, fault)
            return None
        return {**{path: Outcome(State.LOADED, count) for path, count in rows.items() if count > 0}, **copied}

    def pipe_status(self, pipe: Pipe) -> PipeStatus | None:
        """Return how a pipe is, asked once; None when SQL did not answer."""
        if pipe.name not in self._statuses:
            self._statuses[pipe.name] = self._ask_status(pipe)
        return self._statuses[pipe.name]

    def facts(self, pipes: Sequence[Pipe]) -> dict[str, float | int]:
        """Return what is known of Snowflake itself, as facts of the run; what did not answer is left out."""
        facts: dict[str, float | int] = {}
        if self.rest_away or self.rest_answered:
            facts["snowpipe_available"] = int(not self.rest_away)
        statuses = [status for pipe in pipes if (status := self.pipe_status(pipe))]
        if len(statuses) < len(pipes):
            return facts
        facts["stopped_pipes"] = sum(not status.running for status in statuses)
        try:
            state = self.history.warehouse_state()
        except HistoryUnavailableError as fault:
            log.warning("the tasks are not known: %s", fault)
            return facts
        return {**facts, "suspended_tasks": len(state.suspended_tasks), "core_behind_s": state.core_behind_s}

    def _ask_recent(self, pipe: Pipe, budget: Budget) -> Report | None:
        if pipe.name in self.rest_away:
            return None
        try:
            report = self.reports.recent(pipe.name, budget.at_most(LONGEST_REPORT_S))
        except IngestUnavailableError as fault:
            self.rest_is_away(pipe, fault)
            return None
        self.rest_answered = True
        return report

    def _ask_scan(self, pipe: Pipe, since: str, budget: Budget) -> Report:
        """Ask for the history; being refused for asking too often does not mean that Snowpipe is away."""
        if pipe.name in self.rest_away:
            return _NOTHING
        end = min(later(since, SCAN_S), self.now)
        try:
            return self.reports.between(pipe.name, since, end, budget.at_most(LONGEST_REPORT_S))
        except IngestUnavailableError as fault:
            log.warning("no load history of %s from %s: %s", pipe.name, since, fault)
            return _NOTHING

    def _ask_status(self, pipe: Pipe) -> PipeStatus | None:
        if pipe.name in self.sql_away:
            return None
        try:
            return self.history.pipe_status(pipe.name)
        except HistoryUnavailableError as fault:
            self._sql_is_away(pipe, fault)
            return None

    def rest_is_away(self, pipe: Pipe, fault: Exception) -> None:
        """Leave a pipe's REST calls alone for the rest of the run."""
        log.warning("Snowpipe does not answer for %s: %s", pipe.name, fault)
        self.rest_away.add(pipe.name)

    def _sql_is_away(self, pipe: Pipe, fault: Exception) -> None:
        log.warning("Snowflake does not answer over SQL for %s: %s", pipe.name, fault)
        self.sql_away.add(pipe.name)


def named(pipe: Pipe, entries: Iterable[Entry], outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Return the outcomes of those entries that are named, by the file's name in the ledger."""
    found = ((entry.file.name, outcomes.get(pipe.path(entry.file))) for entry in entries)
    return {name: outcome for name, outcome in found if outcome}
