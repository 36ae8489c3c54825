"""Fakes with state for what happens to files after they landed: landing, Snowflake, alerts, the clock."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.failed_event import StoredPayload
from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.core.ledger import Outcome, Report
from chalicelib.core.times import later
from chalicelib.stages.budget import Budget
from chalicelib.stages.landing import FileGoneError, LandingUnavailableError, ListedFile
from chalicelib.stages.load import IngestUnavailableError
from chalicelib.stages.reports import HistoryUnavailableError, PipeStatus, WarehouseState
from tests.fakes import RECEIVED_AT, Cut


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    at: str = RECEIVED_AT

    def __call__(self) -> str:
        """Return the time."""
        return self.at

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.at = later(self.at, seconds)


@dataclass
class FakeSnowflake:
    """Snowflake in memory, as reconcile asks it. Outcomes are by path; `asked` is every question, in order."""

    recent_outcomes: dict[str, Outcome] = field(default_factory=dict)
    complete: bool = True
    scanned: dict[str, Outcome] = field(default_factory=dict)
    copied_outcomes: dict[str, Outcome] = field(default_factory=dict)
    raw: dict[str, int] = field(default_factory=dict)
    status: PipeStatus = field(default_factory=lambda: PipeStatus(running=True))
    state: WarehouseState = field(default_factory=lambda: WarehouseState((), 0.0))
    rest_down: Collection[str] = ()
    scan_refused: bool = False
    sql_down: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def recent(self, pipe: str, budget: Budget) -> Report:
        """Answer with what ended lately."""
        self._ask("recent", pipe)
        self._rest(pipe)
        return Report(self.complete, self.recent_outcomes)

    def between(self, pipe: str, start: str, end: str, budget: Budget) -> Report:
        """Answer with what the history holds."""
        self._ask("between", pipe, start, end)
        self._rest(pipe)
        if self.scan_refused:
            raise IngestUnavailableError("429")
        return Report(complete=True, outcomes=self.scanned)

    def copied(self, pipe: Pipe, paths: Collection[str], since: str) -> Mapping[str, Outcome]:
        """Answer with what COPY_HISTORY holds."""
        self._ask("copied", pipe.name, *paths, since)
        self._sql()
        return {path: self.copied_outcomes[path] for path in paths if path in self.copied_outcomes}

    def rows_in_raw(self, pipe: Pipe, paths: Collection[str]) -> Mapping[str, int]:
        """Answer with what RAW holds."""
        self._ask("rows_in_raw", pipe.table, *paths)
        self._sql()
        return {path: self.raw[path] for path in paths if path in self.raw}

    def pipe_status(self, pipe: str) -> PipeStatus:
        """Answer how the pipe is."""
        self._ask("pipe_status", pipe)
        self._sql()
        return self.status

    def warehouse_state(self) -> WarehouseState:
        """Answer how the tasks are."""
        self._ask("warehouse_state")
        self._sql()
        return self.state

    def questions(self) -> list[str]:
        """Return what was asked, without what about."""
        return [question for question, *_ in self.asked]

    def _ask(self, *question: str) -> None:
        self.asked.append(question)

    def _rest(self, pipe: str) -> None:
        if pipe in self.rest_down:
            raise IngestUnavailableError(f"{pipe} is down")

    def _sql(self) -> None:
        if self.sql_down:
            raise HistoryUnavailableError("SQL is down")


@dataclass
class FakeLanding:
    """Landing in memory: each object's bytes and when it landed, by key. It may be cut off around each copy."""

    cut: Cut = field(default_factory=Cut)
    now: Callable[[], str] = lambda: RECEIVED_AT
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    down: bool = False
    copies: list[tuple[str, str]] = field(default_factory=list)

    def put(self, key: str, body: bytes = b"x", at: str | None = None) -> LandedFile:
        """Let a file land."""
        self.objects[key] = (body, at or self.now())
        return LandedFile("landing", key, len(body))

    def files(self, prefix: str, after: str | None = None) -> Iterator[ListedFile]:
        """List a prefix."""
        for key in sorted(self.objects):
            if key.startswith(prefix) and (after is None or key > after):
                body, at = self.objects[key]
                yield ListedFile(LandedFile("landing", key, len(body)), at)

    def copy(self, key: str, to_key: str) -> None:
        """Copy an object."""
        self.cut.step()
        self.objects[to_key] = (self._body(key), self.now())
        self.copies.append((key, to_key))
        self.cut.step()

    def fingerprint(self, key: str) -> StoredPayload:
        """Read an object."""
        body = self._body(key)
        return StoredPayload("landing", key, None, len(body), hashlib.sha256(body).hexdigest())

    def _body(self, key: str) -> bytes:
        if self.down:
            raise LandingUnavailableError("landing is down")
        if key not in self.objects:
            raise FileGoneError(key)
        return self.objects[key][0]


@dataclass
class FakeAlerts:
    """A topic in memory that works or does not."""

    cut: Cut = field(default_factory=Cut)
    works: bool = True
    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def publish(self, subject: str, message: Mapping[str, Any]) -> bool:
        """Send one alert, or not."""
        self.cut.step()
        if self.works:
            self.sent.append((subject, message))
        self.cut.step()
        return self.works
