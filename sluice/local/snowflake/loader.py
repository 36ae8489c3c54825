"""Loads queued files: fetch, read the lines, and insert them with their status in one transaction.

A file's rows and its status are committed together, so a kill at any moment neither loses nor doubles it.
Small files share a transaction; when one of them cannot be inserted they are loaded one by one.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import starmap

import duckdb
import pyarrow as pa
from snowflake.connector.errors import Error, ProgrammingError

from sluice.local.snowflake.copy_into import LINE_COLUMN, METADATA_COLUMNS, CopyInto
from sluice.local.snowflake.definitions import Location, UnsupportedDefinitionError
from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.files import BrokenFileError, Line, read_lines
from sluice.local.snowflake.loads import Loads, Outcome, QueuedFile, Status
from sluice.local.snowflake.names import parse_name
from sluice.local.snowflake.objects import MissingObjectError, ObjectStore, UnavailableError
from sluice.local.snowflake.pipes import Pipes
from sluice.local.snowflake.sessions import Connection

_BATCH_FILES = 256
_BATCH_BYTES = 4 * 1024 * 1024
_UNKNOWN_BYTES = 64 * 1024
_LINES_AN_INSERT = 5_000  # bounds what an INSERT holds beside its rows
_CHARACTERS_AN_INSERT = 1_000_000  # each is taken apart into columns in memory: 6 MB at once ran out of it
_FETCHERS = 4
_AFTER_FAILURE_S = 0.5
_LOOK_AGAIN_S = 1.0
_STOP_S = 1.0
_NOT_THE_FILES_FAULT = {2003, 2043}  # a missing table or column stalls the pipe, and no file is to blame

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file's bytes, cut into lines; `key` is its name in the bucket, `content_key` its checksum."""

    file: QueuedFile
    key: str
    size: int
    content_key: str
    scan_at: datetime
    lines: list[Line]


class Loader:
    """The load thread and its fetchers."""

    def __init__(self, engine: Engine, pipes: Pipes, loads: Loads, objects: ObjectStore) -> None:
        self._engine = engine
        self._pipes = pipes
        self._loads = loads
        self._objects = objects
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    def start(self) -> None:
        """Start the thread; files queued before a crash are picked up at once."""
        self._work.set()
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batch that is being loaded; one that waits for S3 is left to the next start."""
        self._stopping.set()
        self._work.set()
        self._thread.join(_STOP_S)

    @property
    def alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Say that files are waiting."""
        self._work.set()

    def _run(self) -> None:
        with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="fetch") as fetchers:
            while not self._stopping.is_set():
                self._work.wait(_LOOK_AGAIN_S)
                self._work.clear()
                self._drain(fetchers)

    def _drain(self, fetchers: ThreadPoolExecutor) -> None:
        while not self._stopping.is_set() and (batch := self._next_batch()):
            try:
                self._load(batch, fetchers)
            except (UnavailableError, UnsupportedDefinitionError, Error, duckdb.Error) as error:
                logger.warning("%d files wait: %s", len(batch), error)
                self._stopping.wait(_AFTER_FAILURE_S)

    def _next_batch(self) -> list[QueuedFile]:
        return self._loads.waiting(self._pipes.running(), _BATCH_FILES, _BATCH_BYTES, _UNKNOWN_BYTES)

    def _load(self, batch: list[QueuedFile], fetchers: ThreadPoolExecutor) -> None:
        pipe = self._pipes.get(parse_name(batch[0].pipe))
        copy, location = pipe.copy, pipe.location
        results = list(fetchers.map(lambda file: self._fetch(file, location), batch))
        fetched = [result for result in results if isinstance(result, FetchedFile)]
        broken = [result for result in results if isinstance(result, Outcome)]
        connection = self._engine.sessions.connect(copy.target.database, copy.target.schema)
        try:
            self._insert(connection, copy, fetched, broken)
        finally:
            connection.close()
        self._engine.changed.set()

    def _fetch(self, file: QueuedFile, location: Location) -> FetchedFile | Outcome:
        scan_at = datetime.now(UTC)
        key = location.prefix + file.path
        try:
            body = self._objects.read(location.bucket, key)
            digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
            return FetchedFile(file, key, len(body), digest, scan_at, read_lines(body))
        except MissingObjectError as error:
            return Outcome(file.id, Status.LOAD_FAILED, error=str(error), system_error=str(error))
        except BrokenFileError as error:
            return _failed(file, len(body), str(error), error.line, error.character)

    def _insert(
        self, connection: Connection, copy: CopyInto, fetched: list[FetchedFile], broken: list[Outcome]
    ) -> None:
        try:
            self._commit(connection, copy, fetched, broken)
        except ProgrammingError as error:
            if error.errno in _NOT_THE_FILES_FAULT:
                raise
            if len(fetched) + len(broken) == 1:
                self._give_up(connection, fetched[0], error)
                return
            for file in fetched:
                self._insert(connection, copy, [file], [])
            self._commit(connection, copy, [], broken)

    def _commit(
        self, connection: Connection, copy: CopyInto, fetched: list[FetchedFile], broken: list[Outcome]
    ) -> None:
        duck = connection._duck_conn  # noqa: SLF001 -- rows and status must share one transaction
        loaded = [Outcome(f.file.id, Status.LOADED, f.size, len(f.lines)) for f in fetched]
        with self._engine.transaction(duck):
            for arriving in _arriving(fetched):
                duck.register("ARRIVING", arriving)
                connection.cursor().execute(copy.insert)
                duck.unregister("ARRIVING")
            self._loads.finish(duck, loaded + broken)

    def _give_up(self, connection: Connection, fetched: FetchedFile, error: ProgrammingError) -> None:
        duck = connection._duck_conn  # noqa: SLF001
        with self._engine.transaction(duck):
            self._loads.finish(duck, [_failed(fetched.file, fetched.size, str(error.msg), 1, 1)])


def _failed(file: QueuedFile, size: int, error: str, line: int, character: int) -> Outcome:
    return Outcome(file.id, Status.LOAD_FAILED, size, error=error, error_line=line, error_character=character)


def _arriving(files: list[FetchedFile]) -> Iterator[pa.Table]:
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
