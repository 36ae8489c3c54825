"""What becomes of a file that was named to a pipe. Pure values: writing them down is `loads`' affair."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa


class Status(StrEnum):
    """A file's state; LOADED, PARTIALLY_LOADED and LOAD_FAILED are the reports' own words.

    LOST is a fault that is played: the file was taken, its path is remembered, and nothing ever says so.
    """

    QUEUED = "QUEUED"
    LOADED = "LOADED"
    PARTIALLY_LOADED = "PARTIALLY_LOADED"
    LOAD_FAILED = "LOAD_FAILED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    id: int
    status: Status
    size: int = 0
    parsed: int = 0
    inserted: int = 0
    error: str | None = None
    error_line: int | None = None
    error_character: int | None = None
    system_error: str | None = None


@dataclass(frozen=True, slots=True)
class LoadEvent:
    """One line of a report: a file and its outcome."""

    path: str
    status: Status
    received_at: datetime
    finished_at: datetime
    mark: int
    size: int
    rows_parsed: int
    rows_inserted: int
    error: str | None
    error_line: int | None
    error_character: int | None
    system_error: str | None


def outcome_table(outcomes: Sequence[Outcome], first_mark: int) -> pa.Table:
    """Lay outcomes out as the table that an UPDATE reads, numbered from `first_mark`."""
    columns: dict[str, list[Any]] = {
        name: [getattr(outcome, name.lower()) for outcome in outcomes] for name in _COLUMNS.names if name != "MARK"
    }
    return pa.table(columns | {"MARK": list(range(first_mark, first_mark + len(outcomes)))}, schema=_COLUMNS)


_COLUMNS = pa.schema(
    [
        ("ID", pa.int64()),
        ("MARK", pa.int64()),
        ("STATUS", pa.string()),
        ("SIZE", pa.int64()),
        ("PARSED", pa.int64()),
        ("INSERTED", pa.int64()),
        ("ERROR", pa.string()),
        ("ERROR_LINE", pa.int64()),
        ("ERROR_CHARACTER", pa.int64()),
        ("SYSTEM_ERROR", pa.string()),
    ]
)
