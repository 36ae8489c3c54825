"""Snowflake over SQL, for what Snowpipe's reports no longer say, and for how pipes and tasks are. Read-only.

The connector is imported on first use: it costs half a second, which no other function should pay.
Untested on a real account: that SHOW TASKS and the SYSTEM$ functions need no running virtual warehouse, and that
FILE_NAME is relative to STAGE_LOCATION.
"""

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters import clock
from chalicelib.adapters.snowflake_session import SignIn, sign_in
from chalicelib.adapters.snowpipe import SnowflakeAccount
from chalicelib.core.errors import shorten
from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Outcome, State
from chalicelib.core.times import to_text
from chalicelib.stages.reports import HistoryUnavailableError, PipeStatus, WarehouseState

STREAMS = ("RAW.EVENTS_STREAM",)
"""The streams that CORE is filled from."""

_HISTORY = timedelta(days=14) - timedelta(minutes=5)
"""How far back COPY_HISTORY may be asked, a little less. Source: the COPY_HISTORY table function."""

_PATHS_A_QUERY = 200
"""A statement may have 1 MB, and a path 1,024 bytes. Source: Snowflake, query size limits."""

_STATES = {"Loaded": State.LOADED, "Partially loaded": State.PARTIAL, "Load failed": State.FAILED}
"""`Load in progress` is no outcome. Source: the COPY_HISTORY table function."""

_COPY_HISTORY = """
SELECT FILE_NAME, STAGE_LOCATION, STATUS, ROW_COUNT, ROW_PARSED, FIRST_ERROR_MESSAGE, FIRST_ERROR_LINE_NUMBER
FROM TABLE({database}.INFORMATION_SCHEMA.COPY_HISTORY(TABLE_NAME => %s, START_TIME => %s::TIMESTAMP_LTZ))
WHERE PIPE_CATALOG_NAME = %s AND PIPE_SCHEMA_NAME = %s AND PIPE_NAME = %s AND LTRIM(FILE_NAME, '/') IN (%s)
ORDER BY LAST_LOAD_TIME
"""
_ROWS = "SELECT FILENAME, COUNT(*) AS N FROM {table} WHERE FILENAME IN (%s) GROUP BY FILENAME"
_STREAM = "SELECT SYSTEM$STREAM_HAS_DATA(%s) AS HAS_DATA, SYSTEM$STREAM_GET_TABLE_TIMESTAMP(%s) AS MOVED_AT"

Row = Mapping[str, Any]


class SnowflakeSql:
    """One Snowflake account over SQL; implements the port `History`. Not for use by several threads.

    `read_key` returns the PEM private key, without a passphrase. One session is kept, and made anew after an error.
    `copied` and `rows_in_raw` need a virtual warehouse, which Snowflake starts for them.
    """

    def __init__(
        self,
        settings: SnowflakeAccount,
        read_key: Callable[[], str],
        now: Callable[[], str] = clock.now,
        sign_in: SignIn = sign_in,
    ) -> None:
        self._settings = settings
        self._read_key = read_key
        self._now = now
        self._sign_in = sign_in
        self._connection: Any = None

    def copied(self, pipe: Pipe, paths: Collection[str], since: str) -> dict[str, Outcome]:
        """Return the outcome of those paths that COPY_HISTORY names since a time, at most 14 days back."""
        statement = _COPY_HISTORY.format(database=pipe.table.partition(".")[0])
        outcomes: dict[str, Outcome] = {}
        for chunk in _chunks(paths):
            by_key = {pipe.prefix + path: path for path in chunk}
            names = [*by_key.values(), *by_key]
            rows = self._query(statement, (pipe.table, self._bounded(since), *pipe.name.split("."), names))
            known = ((by_key.get(_key(row, pipe.prefix)), row) for row in rows if row["STATUS"] in _STATES)
            outcomes |= {path: _outcome(row) for path, row in known if path is not None}
        return outcomes

    def rows_in_raw(self, pipe: Pipe, paths: Collection[str]) -> dict[str, int]:
        """Return how many rows the pipe's table holds of those paths that it holds any of."""
        statement = _ROWS.format(table=pipe.table)
        found = [
            row for chunk in _chunks(paths) for row in self._query(statement, ([pipe.prefix + path for path in chunk],))
        ]
        return {row["FILENAME"].removeprefix(pipe.prefix): int(row["N"]) for row in found}

    def pipe_status(self, pipe: str) -> PipeStatus:
        """Return whether a pipe runs, and what waits in it."""
        (row,) = self._query("SELECT SYSTEM$PIPE_STATUS(%s) AS STATUS", (pipe,))
        status = json.loads(row["STATUS"])
        return PipeStatus(
            running=status["executionState"] == "RUNNING",
            pending_files=int(status.get("pendingFileCount") or 0),
            oldest_pending_at=status.get("oldestFileTimestamp") or None,
        )

    def warehouse_state(self) -> WarehouseState:
        """Return the tasks of our database that are not started, and how long ago CORE last took from RAW.

        The latter is 0 while nothing waits. After a quiet time the first rows make it as long as that time was,
        until the task has run: only a value that stays says that CORE is behind.
        """
        tasks = self._query(f"SHOW TASKS IN DATABASE {self._settings.database}")
        if not tasks:
            raise HistoryUnavailableError(f"no task of {self._settings.database} is visible: grant MONITOR on each")
        names = {".".join(row[part] for part in ("database_name", "schema_name", "name")): row for row in tasks}
        suspended = sorted(name for name, row in names.items() if row["state"].lower() != "started")
        return WarehouseState(tuple(suspended), max(map(self._behind_s, STREAMS)))

    def _behind_s(self, stream: str) -> float:
        name = f"{self._settings.database}.{stream}"
        (row,) = self._query(_STREAM, (name, name))
        if not row["HAS_DATA"]:
            return 0.0
        now_s = datetime.fromisoformat(self._now()).timestamp()
        return max(0.0, now_s - int(row["MOVED_AT"]) / 1e9)

    def _bounded(self, since: str) -> str:
        earliest = datetime.fromisoformat(self._now()) - _HISTORY
        return to_text(max(datetime.fromisoformat(since), earliest))

    def _query(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return a statement's rows by column name; a session that has gone stale is replaced once.

        Raises HistoryUnavailableError.
        """
        from snowflake.connector.errors import Error, OperationalError  # noqa: PLC0415 - half a second

        kept = self._connection is not None
        try:
            return self._rows(statement, parameters)
        except Error as error:
            self._forget_session()
            if not kept or isinstance(error, OperationalError):  # the network is gone: so it is for the next session
                raise HistoryUnavailableError(shorten(str(error))) from error
        return self._query(statement, parameters)

    def _rows(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        from snowflake.connector import DictCursor  # noqa: PLC0415 - half a second

        if self._connection is None:
            self._connection = self._sign_in(self._settings, self._read_key())
        with self._connection.cursor(DictCursor) as cursor:
            cursor.execute(statement, parameters)
            rows: list[Row] = cursor.fetchall()
            return rows

    def _forget_session(self) -> None:
        from snowflake.connector.errors import Error  # noqa: PLC0415 - half a second

        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Error):
                connection.close(retry=False)


def _chunks(paths: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(set(paths))
    return (ordered[start : start + _PATHS_A_QUERY] for start in range(0, len(ordered), _PATHS_A_QUERY))


def _key(row: Row, prefix: str) -> str:
    """Return the key of a file in COPY_HISTORY: where its stage is, and its name there."""
    _, is_url, place = str(row["STAGE_LOCATION"]).partition("://")
    folder = place.partition("/")[2] if is_url else prefix
    return f"{folder.rstrip('/')}/{row['FILE_NAME'].lstrip('/')}".lstrip("/")


def _outcome(row: Row) -> Outcome:
    error = row["FIRST_ERROR_MESSAGE"]
    return Outcome(
        _STATES[row["STATUS"]],
        rows=int(row["ROW_COUNT"] or 0),
        rows_parsed=None if row["ROW_PARSED"] is None else int(row["ROW_PARSED"]),
        first_error=None if error is None else shorten(error),
        error_line=None if row["FIRST_ERROR_LINE_NUMBER"] is None else int(row["FIRST_ERROR_LINE_NUMBER"]),
    )
