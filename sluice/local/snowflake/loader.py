"""Loads queued files: fetch, read the lines, and insert them with their status in one transaction.

A file's rows and its status are committed together, so a kill at any moment neither loses nor doubles it.
Small files share a transaction; when one of them cannot be inserted they are loaded one by one.
"""

import hashlib
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import duckdb
from snowflake.connector.errors import Error, ProgrammingError

from sluice.local.snowflake.arriving import PARTIAL_FILE, FetchedFile, arriving
from sluice.local.snowflake.copy_into import CopyInto
from sluice.local.snowflake.definitions import Location, UnsupportedDefinitionError
from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.files import BrokenFileError, Line, read_lines
from sluice.local.snowflake.loads import Loads, QueuedFile
from sluice.local.snowflake.names import parse_name
from sluice.local.snowflake.objects import MissingObjectError, ObjectStore, UnavailableError
from sluice.local.snowflake.outcomes import Outcome, Status
from sluice.local.snowflake.pipes import Pipes
from sluice.local.snowflake.played import Played, nothing
from sluice.local.snowflake.sessions import Connection

_BATCH_FILES = 256
_BATCH_BYTES = 4 * 1024 * 1024
_UNKNOWN_BYTES = 64 * 1024
_FETCHERS = 4
_AFTER_FAILURE_S = 0.5
_LOOK_AGAIN_S = 0.5
_STOP_S = 1.0
_FAIL_FILE = "fail-file"
_NOT_THE_FILES_FAULT = {2003, 2043}  # a missing table or column stalls the pipe, and no file is to blame

logger = logging.getLogger(__name__)


class Loader:
    """The load thread and its fetchers. Pipes take turns: one that cannot load holds up no other."""

    def __init__(
        self, engine: Engine, pipes: Pipes, loads: Loads, objects: ObjectStore, played: Played = nothing
    ) -> None:
        self._engine = engine
        self._pipes = pipes
        self._loads = loads
        self._objects = objects
        self._played = played
        self._resting: dict[str, float] = {}
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
                try:
                    self._drain(fetchers)
                except duckdb.Error as error:
                    logger.warning("the pipes wait: %s", error)

    def _drain(self, fetchers: ThreadPoolExecutor) -> None:
        """Load until nothing waits, but at pipes that just failed."""
        while sum(self._load_next(pipe, fetchers) for pipe in self._ready_pipes()):  # each has its turn
            pass

    def _ready_pipes(self) -> list[str]:
        now = time.monotonic()
        return [pipe for pipe in self._pipes.running() if self._resting.get(pipe, now) <= now]

    def _load_next(self, pipe: str, fetchers: ThreadPoolExecutor) -> bool:
        """Load a pipe's next files, if any; when that cannot be done now they wait and the pipe rests."""
        batch = self._loads.waiting(pipe, _BATCH_FILES, _BATCH_BYTES, _UNKNOWN_BYTES)
        if not batch or self._stopping.is_set():
            return False
        try:
            self._load(batch, fetchers)
        except (UnavailableError, UnsupportedDefinitionError, Error, duckdb.Error) as error:
            logger.warning("%d files wait at %s: %s", len(batch), pipe, error)
            self._resting[pipe] = time.monotonic() + _AFTER_FAILURE_S
            return False
        return True

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
            lines, left_out = self._read(body)
            return FetchedFile(file, key, len(body), digest, scan_at, lines, left_out)
        except MissingObjectError as error:
            return Outcome(file.id, Status.LOAD_FAILED, error=str(error), system_error=str(error))
        except BrokenFileError as error:
            return _failed(file, len(body), str(error), error.line, error.character)

    def _read(self, body: bytes) -> tuple[list[Line], Line | None]:
        """Cut a file into lines, and say which of them is left out on purpose."""
        lines = read_lines(body)
        if self._played(_FAIL_FILE):
            raise BrokenFileError(f"The file cannot be loaded: {_FAIL_FILE} is played")
        if lines and self._played(PARTIAL_FILE):
            return lines[:-1], lines[-1]
        return lines, None

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
        loaded = [file.outcome for file in fetched]
        with self._engine.transaction(duck):
            for rows in arriving(fetched):
                duck.register("ARRIVING", rows)
                connection.cursor().execute(copy.insert)
                duck.unregister("ARRIVING")
            self._loads.finish(duck, loaded + broken)

    def _give_up(self, connection: Connection, fetched: FetchedFile, error: ProgrammingError) -> None:
        duck = connection._duck_conn  # noqa: SLF001
        with self._engine.transaction(duck):
            self._loads.finish(duck, [_failed(fetched.file, fetched.size, str(error.msg), 1, 1)])


def _failed(file: QueuedFile, size: int, error: str, line: int, character: int) -> Outcome:
    return Outcome(file.id, Status.LOAD_FAILED, size, error=error, error_line=line, error_character=character)
