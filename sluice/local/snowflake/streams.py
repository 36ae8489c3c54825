"""Append-only streams: a view over the rows of a table after a remembered position."""

# ruff: noqa: S608 -- names come parsed from the registry

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sluice.local.snowflake.engine import Engine, only_row
from sluice.local.snowflake.names import InvalidNameError, ObjectName, parse_name

_VIEW = """
CREATE OR REPLACE VIEW {stream} AS
SELECT *, 'INSERT' AS "METADATA$ACTION", FALSE AS "METADATA$ISUPDATE", md5(rowid::VARCHAR) AS "METADATA$ROW_ID"
FROM {table}
WHERE rowid > (SELECT POSITION FROM {positions} WHERE STREAM = '{stream}')
"""


class Streams:
    """Knows every stream's position. Positions are DuckDB row ids, which only grow in an insert-only table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._positions = f"{engine.schema}.STREAM_POSITIONS"

    def create(self, stream: ObjectName, table: ObjectName) -> None:
        """Make a stream that begins after the table's last row; an older one of that name is replaced."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            duck.execute(f"DELETE FROM {self._positions} WHERE STREAM = ?", [str(stream)])
            last = _last_row(duck, str(table))
            row = [str(stream), str(table), last, datetime.now(UTC)]
            duck.execute(f"INSERT INTO {self._positions} VALUES (?, ?, ?, ?)", row)
            duck.execute(_VIEW.format(stream=stream, table=table, positions=self._positions))

    def drop(self, stream: ObjectName) -> None:
        """Forget a stream."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            duck.execute(f"DROP VIEW IF EXISTS {stream}")
            duck.execute(f"DELETE FROM {self._positions} WHERE STREAM = ?", [str(stream)])

    def has_data(self, stream: ObjectName) -> bool:
        """Say whether the table has rows after the stream's position (read-only)."""
        with self._engine.cursor() as duck:
            table, position = self._all(duck).get(str(stream), (None, 0))
            return table is not None and _last_row(duck, table) > position

    def table_timestamp(self, stream: ObjectName) -> int:
        """Answer SYSTEM$STREAM_GET_TABLE_TIMESTAMP: when the stream's offset last moved, in ns since 1970."""
        sql = f"SELECT max(epoch_ns(MOVED_AT)) FROM {self._positions} WHERE STREAM = ?"
        with self._engine.cursor() as duck:
            return only_row(duck, sql, [str(stream)])[0] or 0

    def read_by(self, sql: str, database: str | None, schema: str | None) -> list[ObjectName]:
        """List the streams that a statement reads; empty for what cannot be parsed."""
        with self._engine.cursor() as duck:
            known = self._all(duck)
        if not any(parse_name(stream).name in sql.upper() for stream in known):
            return []
        names = _tables(sql, database, schema)
        return [name for name in names if str(name) in known]

    @contextmanager
    def advancing(self, duck: duckdb.DuckDBPyConnection, streams: list[ObjectName]) -> Iterator[None]:
        """Run a statement and move these streams past what it saw, in one transaction."""
        with self._engine.transaction(duck):
            yield
            for stream in streams:
                table = self._all(duck)[str(stream)][0]
                last = _last_row(duck, table)
                row = [last, datetime.now(UTC), str(stream), last]
                sql = f"UPDATE {self._positions} SET POSITION = ?, MOVED_AT = ? WHERE STREAM = ? AND POSITION <> ?"
                duck.execute(sql, row)

    def _all(self, duck: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, int]]:
        rows = duck.execute(f"SELECT STREAM, TABLE_NAME, POSITION FROM {self._positions}").fetchall()
        return {stream: (table, position) for stream, table, position in rows}


def _last_row(duck: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(only_row(duck, f"SELECT COALESCE(max(rowid), -1) FROM {table}")[0])


def _tables(sql: str, database: str | None, schema: str | None) -> list[ObjectName]:
    try:
        tables = list(sqlglot.parse_one(sql, read="snowflake").find_all(exp.Table))
    except SqlglotError:
        return []
    return [name for table in tables if (name := _name(table, database, schema))]


def _name(table: exp.Table, database: str | None, schema: str | None) -> ObjectName | None:
    try:
        return parse_name(".".join(part.sql(dialect="snowflake") for part in table.parts), database, schema)
    except InvalidNameError:
        return None
