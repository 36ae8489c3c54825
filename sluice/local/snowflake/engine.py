"""The stand-in's one DuckDB: opening it, locking its directory, writing to it. Knows nothing of Snowflake."""

import fcntl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import duckdb

from sluice.local.snowflake.functions import MACROS
from sluice.local.snowflake.sessions import Sessions

STANDIN_SCHEMA = "_STANDIN"
_MEMORY_LIMIT = "384MB"
_THREADS = 2
_TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.OBJECTS (
  KIND VARCHAR, DATABASE_NAME VARCHAR, SCHEMA_NAME VARCHAR, NAME VARCHAR,
  STATEMENT VARCHAR, STATE VARCHAR, CREATED_AT TIMESTAMPTZ
);
CREATE TABLE IF NOT EXISTS {schema}.STREAM_POSITIONS (STREAM VARCHAR, TABLE_NAME VARCHAR, POSITION BIGINT);
ALTER TABLE {schema}.STREAM_POSITIONS ADD COLUMN IF NOT EXISTS MOVED_AT TIMESTAMPTZ;
UPDATE {schema}.STREAM_POSITIONS SET MOVED_AT = now() WHERE MOVED_AT IS NULL;
CREATE TABLE IF NOT EXISTS {schema}.FILES (
  ID BIGINT, PIPE VARCHAR, PATH VARCHAR, STATUS VARCHAR, RECEIVED_AT TIMESTAMPTZ, FINISHED_AT TIMESTAMPTZ,
  MARK BIGINT, SIZE BIGINT, ROWS_PARSED BIGINT, ROWS_INSERTED BIGINT,
  ERROR VARCHAR, ERROR_LINE BIGINT, ERROR_CHARACTER BIGINT, SYSTEM_ERROR VARCHAR
);
CREATE TABLE IF NOT EXISTS {schema}.NOT_EMULATED (STATEMENT VARCHAR, SEEN_AT TIMESTAMPTZ);
"""


class DirectoryInUseError(Exception):
    """Another process has this data directory open."""


class Engine:
    """The open database. `writing` is held by whoever writes; `changed` is set when rows may have come."""

    def __init__(self, directory: Path, database: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(directory / "lock")
        self.database = database.upper()
        self.schema = f"{self.database}.{STANDIN_SCHEMA}"
        self.sessions = Sessions(directory, self.database)
        self.writing = threading.RLock()
        self.changed = threading.Event()
        self._open(directory)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Open a DuckDB connection for one thread; close it after use."""
        return self.sessions.duck_conn.cursor()

    @contextmanager
    def transaction(self, duck: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Commit what is done inside as one, alone; joins a transaction that is open already."""
        with self.writing:
            if not _begun(duck):
                yield
                return
            try:
                yield
            except BaseException:
                duck.execute("ROLLBACK")
                raise
            duck.execute("COMMIT")

    def close(self) -> None:
        """Write everything to the database file and let go of the directory."""
        with self.writing:
            self.sessions.duck_conn.execute(f"CHECKPOINT {self.database}")
            self.sessions.duck_conn.close()
        self._lock.close()

    def _open(self, directory: Path) -> None:
        duck = self.sessions.duck_conn
        duck.execute(f"SET memory_limit = '{_MEMORY_LIMIT}'; SET threads = {_THREADS}")
        duck.execute("SET temp_directory = ?", [str(directory / "spill")])
        for database in {self.database, *(file.stem for file in directory.glob("*.db"))}:
            self.sessions.attach(database)
            duck.execute("\n".join(macro.format(database=database) for macro in MACROS))
        duck.execute(_TABLES.format(schema=self.schema))


def only_row(duck: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Give the one row of a query, with its result closed: an open one blocks the connection."""
    rows: list[tuple[Any, ...]] = duck.execute(sql, list(parameters)).fetchall()
    return rows[0]


def _locked(path: Path) -> TextIO:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise DirectoryInUseError(
            f"{path.parent} is in use by another Snowflake stand-in; stop that one first"
        ) from None
    return file


def _begun(duck: duckdb.DuckDBPyConnection) -> bool:
    try:
        duck.execute("BEGIN")
    except duckdb.TransactionException:
        return False
    return True
