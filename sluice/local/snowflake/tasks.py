"""Runs the triggered tasks: one thread, one statement at a time, as soon as a task's stream has rows.

One thread because two MERGEs at once would both find the same event missing and both insert it.
"""

import logging
import threading

import duckdb
from snowflake.connector.errors import Error

from sluice.local.snowflake.definitions import task_definition
from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.names import ObjectName
from sluice.local.snowflake.registry import Registry, StoredObject
from sluice.local.snowflake.statements import Kind
from sluice.local.snowflake.streams import Streams

STARTED = "started"
SUSPENDED = "suspended"
_LOOK_AGAIN_S = 1.0
_AFTER_FAILURE_S = 1.0

logger = logging.getLogger(__name__)


class TaskRunner:
    """The task thread. A failing task keeps its stream's rows and is tried again."""

    def __init__(self, engine: Engine, registry: Registry, streams: Streams) -> None:
        self._engine = engine
        self._registry = registry
        self._streams = streams
        self._demanded: set[ObjectName] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tasks", daemon=True)
        self.last_errors: dict[str, str] = {}

    def start(self) -> None:
        """Start the thread; what came while nobody ran is picked up at once."""
        self._engine.changed.set()
        self._thread.start()

    def stop(self) -> None:
        """Stop after the statement that is running."""
        self._stopping.set()
        self._engine.changed.set()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def demand(self, task: ObjectName) -> None:
        """Run a task soon, suspended or not (EXECUTE TASK)."""
        self._demanded.add(task)
        self._engine.changed.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._engine.changed.wait(_LOOK_AGAIN_S)
            self._engine.changed.clear()
            try:
                for task in self._due():
                    self._execute(task)
            except duckdb.Error as error:
                logger.warning("the tasks wait: %s", error)
                self._stopping.wait(_AFTER_FAILURE_S)

    def _due(self) -> list[StoredObject]:
        return [task for task in self._registry.all(Kind.TASK) if self._is_due(task)]

    def _is_due(self, task: StoredObject) -> bool:
        if task.name in self._demanded:
            self._demanded.discard(task.name)
            return True
        streams = task_definition(task.statement, task.name).streams
        return task.state == STARTED and any(self._streams.has_data(stream) for stream in streams)

    def _execute(self, task: StoredObject) -> None:
        definition = task_definition(task.statement, task.name)
        connection = self._engine.sessions.connect(task.name.database, task.name.schema)
        try:
            connection.cursor().execute(definition.statement)
            self.last_errors.pop(str(task.name), None)
        except Error as error:
            logger.warning("task %s failed and is tried again: %s", task.name, error)
            self.last_errors[str(task.name)] = str(error)
            self._stopping.wait(_AFTER_FAILURE_S)
        finally:
            connection.close()
