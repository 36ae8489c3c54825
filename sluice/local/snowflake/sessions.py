"""fakesnow's sessions with two changes: statements are routed first, and every failure is a Snowflake error.

fakesnow answers what it cannot do with HTTP 500, which the connector retries for many seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from fakesnow.rowtype import describe_as_rowtype
from snowflake.connector.cursor import DictCursor, SnowflakeCursor
from snowflake.connector.errors import Error, OperationalError, ProgrammingError
from sqlglot import exp
from sqlglot.errors import SqlglotError

_UNSUPPORTED = 2  # Source: Snowflake's "000002 (0A000): Unsupported feature"
_EXECUTION_ERROR = 100000
_KEPT_RESULTS = 16
_TRANSIENT = (duckdb.TransactionException, duckdb.IOException, duckdb.OutOfMemoryException)
_NOT_A_DATABASE_ERROR = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Routed:
    """What to hand to fakesnow in place of the client's statement, and what must surround its execution."""

    sql: str
    around: Callable[[duckdb.DuckDBPyConnection], AbstractContextManager[None]] = lambda _: nullcontext()


Route = Callable[["Connection", str], Routed]


class Cursor(FakeSnowflakeCursor):
    """A cursor that routes its statement before executing it."""

    _conn: "Connection"

    def execute(self, command: str, params: Any = None, *args: Any, **kwargs: Any) -> "Cursor":
        """Execute one statement; raise a Snowflake error, never anything else."""
        with _as_snowflake_errors():
            routed = self._conn.route(self._conn, command)
            with routed.around(self._duck_conn):
                super().execute(routed.sql, params, *args, **kwargs)
        return self

    def _execute(self, transformed: exp.Expr, params: Any = None) -> None:
        if transformed.find(exp.TemporaryProperty):
            # fakesnow notes these in another database; a MERGE's transaction can write to one only
            transformed.args.pop("text_lengths", None)
            transformed.args.pop("table_comment", None)
        super()._execute(transformed, params)

    def _describe_last_sql(self) -> list[Any]:
        with _as_snowflake_errors():
            columns: list[Any] = super()._describe_last_sql()
            describe_as_rowtype(columns)
        return columns


class Connection(FakeSnowflakeConnection):
    """A session; `route` is set by Sessions."""

    route: Route

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> Cursor:
        """Open a cursor on this session."""
        return Cursor(self, self._duck_conn, use_dict_result=issubclass(cursor_class, DictCursor))


class _RecentResults(OrderedDict[str, Any]):
    """The last few results, for RESULT_SCAN; fakesnow itself would keep every result for ever."""

    def __setitem__(self, query_id: str, result: Any) -> None:
        """Keep a result and let go of the oldest."""
        super().__setitem__(query_id, result)
        while len(self) > _KEPT_RESULTS:
            self.popitem(last=False)  # in one step: sessions run in several threads


class Sessions(FakeSnow):
    """All sessions of the server, on one DuckDB whose files lie in `directory`."""

    def __init__(self, directory: Path, database: str) -> None:
        super().__init__(db_path=directory)
        self.results_cache = _RecentResults()
        self.database = database
        self.route: Route = lambda _connection, sql: Routed(sql)

    def connect(
        self,
        database: str | None = None,
        schema: str | None = None,
        nop_regexes: list[str] | None = None,
        **kwargs: Any,
    ) -> Connection:
        """Open a session, in the default database unless another is named; neither is ever created."""
        return self._open(database or self.database, schema, create=False, nop_regexes=nop_regexes, **kwargs)

    def attach(self, database: str) -> None:
        """Open a database's file, making it if need be."""
        self._open(database, None, create=True).close()

    def _open(self, database: str, schema: str | None, *, create: bool, **kwargs: Any) -> Connection:
        connection = Connection(
            self.duck_conn.cursor(),
            self.results_cache,
            database,
            schema,
            create_database=create,
            create_schema=False,
            db_path=self.db_path,
            **kwargs,
        )
        connection.route = self.route
        return connection


@contextmanager
def _as_snowflake_errors() -> Iterator[None]:
    try:
        yield
    except Error:
        raise
    except NotImplementedError as error:
        raise _programming_error(f"Unsupported feature: {error}", _UNSUPPORTED, "0A000") from error
    except _TRANSIENT as error:
        raise OperationalError(msg=_first_line(error), errno=_EXECUTION_ERROR, sqlstate="57014") from error
    except (duckdb.Error, SqlglotError) as error:
        raise _programming_error(_first_line(error), _EXECUTION_ERROR, "XX000") from error
    except _NOT_A_DATABASE_ERROR as error:
        message = f"Unsupported by the local stand-in: {type(error).__name__} {error}"
        raise _programming_error(message, _UNSUPPORTED, "0A000") from error


def _first_line(error: Exception) -> str:
    return f"SQL execution error: {str(error).splitlines()[0]}"


def _programming_error(message: str, errno: int, sqlstate: str) -> ProgrammingError:
    return ProgrammingError(msg=message, errno=errno, sqlstate=sqlstate)
