"""What Snowflake can be asked about files: the ports of reconcile, and the values they answer with.

REST (`Reports`) needs no virtual warehouse. Of SQL (`History`) `copied` and `rows_in_raw` need one that runs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Outcome, Report
from chalicelib.stages.budget import Budget


class Reports(Protocol):
    """A pipe's reports over REST. Both raise IngestUnavailableError (`stages.load`)."""

    def recent(self, pipe: str, budget: Budget) -> Report:
        """Return what ended within the last 10 minutes: insertReport."""

    def between(self, pipe: str, start: str, end: str, budget: Budget) -> Report:
        """Return what ended from `start` until just before `end`, RFC 3339 in UTC: loadHistoryScan."""


@dataclass(frozen=True, slots=True)
class PipeStatus:
    """Whether a pipe runs and what waits in it; `oldest_pending_at` is RFC 3339 in UTC."""

    running: bool
    pending_files: int = 0
    oldest_pending_at: str | None = None


@dataclass(frozen=True, slots=True)
class WarehouseState:
    """The tasks that were stopped, and how far CORE is behind RAW in seconds."""

    suspended_tasks: tuple[str, ...]
    core_behind_s: float


class History(Protocol):
    """Snowflake over SQL. Everything here raises HistoryUnavailableError."""

    def copied(self, pipe: Pipe, paths: Collection[str], since: str) -> Mapping[str, Outcome]:
        """Return the outcome of those paths that COPY_HISTORY names since a time, RFC 3339 in UTC."""

    def rows_in_raw(self, pipe: Pipe, paths: Collection[str]) -> Mapping[str, int]:
        """Return how many rows the pipe's table holds of those paths that it holds any of."""

    def pipe_status(self, pipe: str) -> PipeStatus:
        """Return how a pipe is."""

    def warehouse_state(self) -> WarehouseState:
        """Return how the tasks are."""


class HistoryUnavailableError(Exception):
    """Snowflake did not answer over SQL; asking again later is safe."""
