"""The warehouse as the tool sees it: where it is, how to connect, and rows as values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Self

from chalicelib.core.json_text import loads
from sluice.local.ports import ADDRESS, Ports

ACCOUNT = "sluice-local"
DATABASE = "SLUICE"
LOADER = "SLUICE_LOADER"

_SEMI_STRUCTURED = frozenset({5, 9, 10})
"""Type codes of VARIANT, OBJECT and ARRAY. Source: snowflake.connector.constants.FIELD_TYPES."""

_NETWORK_TIMEOUT_S = 30


class QueryError(Exception):
    """The warehouse refused a statement, or could not be reached."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """How to reach Snowflake, or its stand-in, with the Snowflake connector."""

    host: str
    port: int
    protocol: str
    user: str
    password: str
    account: str
    database: str

    @classmethod
    def of(cls, ports: Ports) -> Self:
        """Return the stand-in of a local run; it takes any user and password."""
        return cls(ADDRESS, ports.snowflake, "http", "sluice", "sluice", ACCOUNT, DATABASE)

    def to_json(self) -> dict[str, Any]:
        """Return the connection as `status --json` shows it."""
        return asdict(self)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """Open a connection for as long as the block lasts."""
        import snowflake.connector  # noqa: PLC0415 - half a second, which most commands need not pay

        connection = snowflake.connector.connect(
            **asdict(self),
            login_timeout=_NETWORK_TIMEOUT_S,
            network_timeout=_NETWORK_TIMEOUT_S,
            session_parameters={"CLIENT_TELEMETRY_ENABLED": False},
        )
        try:
            yield connection
        finally:
            connection.close()

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Run one statement; return its rows, names in lower case, VARIANT columns as JSON values.

        Raises QueryError with what the warehouse says.
        """
        from snowflake.connector.errors import Error  # noqa: PLC0415 - see connect

        try:
            with self.connect() as connection, connection.cursor() as cursor:
                cursor.execute(statement)
                columns = cursor.description
                return [_row(columns, row) for row in cursor.fetchall()]
        except Error as error:
            raise QueryError(error.msg) from error


def _row(columns: Sequence[Any], row: Sequence[Any]) -> dict[str, Any]:
    return {column.name.lower(): _value(column.type_code, value) for column, value in zip(columns, row, strict=True)}


def _value(type_code: int, value: Any) -> Any:
    """Return a column's value as JSON knows it; times as ISO 8601."""
    if type_code in _SEMI_STRUCTURED and isinstance(value, str):
        return loads(value.encode())
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value
