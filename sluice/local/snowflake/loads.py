"""The pipes' memory: which files were named, what became of each, and which are still waiting.

A path is remembered for 14 days whatever became of it, as Snowpipe does. Knows nothing of S3 or HTTP.
"""

# ruff: noqa: S608 -- the table's name is ours, values are bound

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from sluice.local.snowflake.engine import Engine, only_row
from sluice.local.snowflake.outcomes import LoadEvent, Outcome, Status, outcome_table

# Source: "Manage Snowpipe" and the Snowpipe REST reference.
PATH_MEMORY = timedelta(days=14)
REPORT_WINDOW = timedelta(minutes=10)
REPORT_LIMIT = 10_000

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file as insertFiles names it."""

    path: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class QueuedFile:
    """A file that waits to be loaded."""

    id: int
    pipe: str
    path: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Pending:
    """How much waits at a pipe."""

    files: int
    oldest_path: str | None
    oldest_at: datetime | None


def utc_now() -> datetime:
    """Give the time; the one clock of this module's users."""
    return datetime.now(UTC)


class Loads:
    """Reads and writes the FILES table."""

    def __init__(self, engine: Engine, now: Clock = utc_now) -> None:
        self._engine = engine
        self._now = now
        self._table = f"{engine.schema}.FILES"

    def accept(self, pipe: str, files: Iterable[NamedFile], status: Status = Status.QUEUED) -> list[str]:
        """Queue files durably; give the paths that are skipped because they are remembered.

        With Status.LOST they are remembered, and that is all that ever happens to them.
        """
        named = {file.path: file.size for file in files}
        now = self._now()
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            known = self._remembered(duck, pipe, list(named), now - PATH_MEMORY)
            fresh = [(path, size) for path, size in named.items() if path not in known]
            self._remember(duck, [pipe, status, now], fresh)
        return [path for path in named if path in known]

    def waiting(self, pipe: str, max_files: int, max_bytes: int, unknown_bytes: int) -> list[QueuedFile]:
        """Take a pipe's oldest queued files, at most so many and so large together (read-only)."""
        sql = f"SELECT ID, PIPE, PATH, SIZE FROM {self._table} WHERE STATUS = 'QUEUED' AND PIPE = ? ORDER BY ID LIMIT ?"
        with self._engine.cursor() as duck:
            rows = duck.execute(sql, [pipe, max_files]).fetchall()
        return _within([QueuedFile(*row) for row in rows], max_bytes, unknown_bytes)

    def finish(self, duck: duckdb.DuckDBPyConnection, outcomes: list[Outcome]) -> None:
        """Write what became of files, in the caller's transaction."""
        duck.register("OUTCOMES", outcome_table(outcomes, self._next(duck, "MARK")))
        sql = (
            f"UPDATE {self._table} AS FILES SET STATUS = O.STATUS, FINISHED_AT = ?, MARK = O.MARK, SIZE = O.SIZE, "
            "ROWS_PARSED = O.PARSED, ROWS_INSERTED = O.INSERTED, ERROR = O.ERROR, "
            "ERROR_LINE = O.ERROR_LINE, ERROR_CHARACTER = O.ERROR_CHARACTER, SYSTEM_ERROR = O.SYSTEM_ERROR "
            "FROM OUTCOMES AS O WHERE FILES.ID = O.ID"
        )
        duck.execute(sql, [self._now()])
        duck.unregister("OUTCOMES")

    def since_mark(self, pipe: str, mark: int | None) -> list[LoadEvent]:
        """List what finished after a mark, at most ten minutes ago (read-only); oldest first."""
        events = self.between(pipe, self._now() - REPORT_WINDOW, None)
        return [event for event in events if mark is None or event.mark > mark]

    def between(self, pipe: str, start: datetime, end: datetime | None) -> list[LoadEvent]:
        """List what finished in [start, end) (read-only); oldest first."""
        sql = (
            "SELECT PATH, STATUS, RECEIVED_AT, FINISHED_AT, MARK, SIZE, ROWS_PARSED, ROWS_INSERTED, "
            f"ERROR, ERROR_LINE, ERROR_CHARACTER, SYSTEM_ERROR FROM {self._table} "
            "WHERE PIPE = ? AND FINISHED_AT >= ? AND FINISHED_AT < ? ORDER BY MARK"
        )
        with self._engine.cursor() as duck:
            rows = duck.execute(sql, [pipe, start, end or self._now() + timedelta(days=1)]).fetchall()
        return [LoadEvent(row[0], Status(row[1]), *row[2:]) for row in rows]

    def last_mark(self) -> int:
        """Give the newest mark; 0 when nothing has finished yet (read-only)."""
        with self._engine.cursor() as duck:
            return self._next(duck, "MARK") - 1

    def pending(self, pipe: str) -> Pending:
        """Count what waits at a pipe (read-only)."""
        sql = (
            f"SELECT count(*), arg_min(PATH, ID), min(RECEIVED_AT) FROM {self._table} "
            "WHERE PIPE = ? AND STATUS = 'QUEUED'"
        )
        with self._engine.cursor() as duck:
            return Pending(*only_row(duck, sql, [pipe]))

    def forget(self, pipe: str) -> None:
        """Drop all memory of a pipe, as CREATE OR REPLACE PIPE does."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            duck.execute(f"DELETE FROM {self._table} WHERE PIPE = ?", [pipe])

    def _remembered(self, duck: duckdb.DuckDBPyConnection, pipe: str, paths: list[str], since: datetime) -> set[str]:
        sql = f"SELECT PATH FROM {self._table} WHERE PIPE = ? AND RECEIVED_AT > ? AND PATH IN (SELECT unnest(?))"
        return {row[0] for row in duck.execute(sql, [pipe, since, paths]).fetchall()}

    def _remember(
        self, duck: duckdb.DuckDBPyConnection, shared: list[Any], files: list[tuple[str, int | None]]
    ) -> None:
        """Write files down; `shared` is pipe, status and time of all of them."""
        first = self._next(duck, "ID")
        columns = {
            "ID": list(range(first, first + len(files))),
            "PATH": [path for path, _ in files],
            "SIZE": [size for _, size in files],
        }
        duck.register("NAMED", pa.table(columns, schema=_NAMED))
        sql = (
            f"INSERT INTO {self._table} (ID, PIPE, PATH, STATUS, RECEIVED_AT, SIZE) "
            "SELECT ID, ?, PATH, ?, ?, SIZE FROM NAMED"
        )
        duck.execute(sql, shared)
        duck.unregister("NAMED")

    def _next(self, duck: duckdb.DuckDBPyConnection, column: str) -> int:
        return int(only_row(duck, f"SELECT COALESCE(max({column}), 0) + 1 FROM {self._table}")[0])


_NAMED = pa.schema([("ID", pa.int64()), ("PATH", pa.string()), ("SIZE", pa.int64())])


def _within(files: list[QueuedFile], max_bytes: int, unknown_bytes: int) -> list[QueuedFile]:
    """Keep the first files whose sizes add up to the limit, and at least one."""
    kept: list[QueuedFile] = []
    total = 0
    for file in files:
        total += file.size or unknown_bytes
        if kept and total > max_bytes:
            break
        kept.append(file)
    return kept
