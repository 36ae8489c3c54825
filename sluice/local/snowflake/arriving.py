"""Fetched files on their way into a table: their lines laid out as the rows that a COPY's INSERT reads. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap

import pyarrow as pa

from sluice.local.snowflake.copy_into import LINE_COLUMN, METADATA_COLUMNS
from sluice.local.snowflake.files import Line
from sluice.local.snowflake.loads import QueuedFile
from sluice.local.snowflake.outcomes import Outcome, Status

PARTIAL_FILE = "partial-file"
_LINES_AN_INSERT = 5_000  # bounds what an INSERT holds beside its rows
_CHARACTERS_AN_INSERT = 1_000_000  # each is taken apart into columns in memory: 6 MB at once ran out of it


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file's bytes, cut into lines; `key` is its name in the bucket, `content_key` its checksum.

    `left_out` is a row that is not to be loaded, as if it could not be.
    """

    file: QueuedFile
    key: str
    size: int
    content_key: str
    scan_at: datetime
    lines: list[Line]
    left_out: Line | None = None

    @property
    def outcome(self) -> Outcome:
        """Say what becomes of the file when its lines are inserted."""
        inserted = len(self.lines)
        if self.left_out is None:
            return Outcome(self.file.id, Status.LOADED, self.size, inserted, inserted)
        number = self.left_out.number
        error = f"Row {number} is left out: {PARTIAL_FILE} is played"
        status = Status.PARTIALLY_LOADED
        return Outcome(self.file.id, status, self.size, inserted + 1, inserted, error, number, error_character=1)


def arriving(files: list[FetchedFile]) -> Iterator[pa.Table]:
    """Lay the lines of all files out as the tables that the COPY's INSERT reads."""
    rows: list[tuple[FetchedFile, Line]] = []
    characters = 0
    for file, line in ((source, text) for source in files for text in source.lines):
        if rows and (len(rows) == _LINES_AN_INSERT or characters + len(line.text) > _CHARACTERS_AN_INSERT):
            yield _table(rows)
            rows, characters = [], 0
        rows.append((file, line))
        characters += len(line.text)
    if rows:
        yield _table(rows)


def _table(rows: list[tuple[FetchedFile, Line]]) -> pa.Table:
    return pa.table({name: pa.array(list(starmap(give, rows)), kind) for name, kind, give in _COLUMNS})


_COLUMNS: tuple[tuple[str, pa.DataType, Callable[[FetchedFile, Line], object]], ...] = (
    (LINE_COLUMN, pa.string(), lambda _, line: line.text),
    (METADATA_COLUMNS["METADATA$FILENAME"], pa.string(), lambda file, _: file.key),
    (METADATA_COLUMNS["METADATA$FILE_ROW_NUMBER"], pa.int64(), lambda _, line: line.number),
    (METADATA_COLUMNS["METADATA$FILE_CONTENT_KEY"], pa.string(), lambda file, _: file.content_key),
    (METADATA_COLUMNS["METADATA$START_SCAN_TIME"], pa.timestamp("us", "UTC"), lambda file, _: file.scan_at),
)
