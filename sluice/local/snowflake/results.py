"""Answers of the stand-in's own statements, as SELECTs for fakesnow to run. Pure."""

from collections.abc import Sequence
from datetime import datetime

Value = str | int | datetime | None


def status_sql(message: str) -> str:
    """Give the one-row answer of a DDL statement."""
    return f'SELECT {_literal(message)} AS "status"'


def rows_sql(columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    """Give a SELECT that answers these rows; an empty table keeps its columns."""
    if not rows:
        return f"{_select(columns, [None] * len(columns))} WHERE 1 = 0"
    return " UNION ALL ".join(_select(columns, row) for row in rows)


def _select(columns: Sequence[str], row: Sequence[Value]) -> str:
    return "SELECT " + ", ".join(f'{_literal(v)} AS "{c}"' for c, v in zip(columns, row, strict=True))


def _literal(value: Value) -> str:
    if value is None:
        return "NULL::VARCHAR"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'::TIMESTAMP_TZ"
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
