"""Decides for each statement who answers it: the stand-in, fakesnow, or fakesnow inside a transaction of ours."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatch

import duckdb

from sluice.local.snowflake.copy_history import copy_history_sql
from sluice.local.snowflake.definitions import stream_table, task_definition
from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.functions import SystemFunctions, TableFunctions, rewrite_functions
from sluice.local.snowflake.loads import Loads, utc_now
from sluice.local.snowflake.names import ObjectName, parse_name
from sluice.local.snowflake.pipes import RUNNING, Pipes, paused_state
from sluice.local.snowflake.registry import Registry, StoredObject
from sluice.local.snowflake.results import Value, rows_sql, status_sql
from sluice.local.snowflake.sessions import Connection, Routed
from sluice.local.snowflake.statements import (
    Alter,
    Create,
    Drop,
    ExecuteTask,
    Kind,
    NotEmulated,
    Show,
    Statement,
    parse_statement,
)
from sluice.local.snowflake.streams import Streams
from sluice.local.snowflake.tasks import STARTED, SUSPENDED, TaskRunner
from sluice.local.snowflake.tokens import first_word

_DONE = "Statement executed successfully."
_WRITES = {"INSERT", "MERGE", "UPDATE", "DELETE", "CREATE", "COPY"}
_KEPT_BY_FAKESNOW_TOO = {Kind.SNOWFLAKE_STAGE, Kind.FILE_FORMAT}
_SHOWN = ("created_on", "name", "database_name", "schema_name", "definition")
_FIRST_STATE = {Kind.PIPE: RUNNING, Kind.TASK: SUSPENDED}


class Router:
    """Routes statements; its `route` is called by every session."""

    def __init__(self, engine: Engine, registry: Registry, streams: Streams, loads: Loads, tasks: TaskRunner) -> None:
        self._engine = engine
        self._registry = registry
        self._streams = streams
        self._loads = loads
        self._tasks = tasks
        self._pipes = Pipes(registry, loads)

    def route(self, connection: Connection, sql: str) -> Routed:
        """Do what is the stand-in's to do, and say what fakesnow shall execute."""
        statement = parse_statement(sql)
        if statement is not None:
            return Routed(self._perform(connection, statement))
        word = first_word(sql)
        rewritten = rewrite_functions(sql, self._system_functions(connection), self._table_functions(connection))
        return Routed(rewritten, self._surrounding(connection, word, sql)) if word in _WRITES else Routed(rewritten)

    def restore(self) -> None:
        """Tell fakesnow of the stages and file formats it forgets at every stop; before any routing."""
        for kind in _KEPT_BY_FAKESNOW_TOO:
            for stored in self._registry.all(kind):
                connection = self._engine.sessions.connect(stored.name.database, stored.name.schema)
                connection.cursor().execute(stored.statement)
                connection.close()

    def _perform(self, connection: Connection, statement: Statement) -> str:
        match statement:
            case Create():
                return self._create(statement, _name(connection, statement.name))
            case Alter():
                return self._alter(statement, _name(connection, statement.name))
            case Drop():
                return self._drop(statement, _name(connection, statement.name))
            case Show():
                return self._show(statement)
            case ExecuteTask():
                return self._execute_task(_name(connection, statement.name))
            case NotEmulated():
                self._registry.note_not_emulated(statement.text)
                return status_sql(f"{_DONE} (Accepted, not emulated by the local stand-in.)")

    def _create(self, create: Create, name: ObjectName) -> str:
        by_fakesnow = create.kind in _KEPT_BY_FAKESNOW_TOO
        if not self._registry.may_create(create.kind, name, create.mode):
            return create.text if by_fakesnow else status_sql(f"{name.name} already exists, statement succeeded.")
        self._make(create, name)
        self._registry.put(create.kind, name, create.text, _FIRST_STATE.get(create.kind, ""))
        made = f"{create.kind.capitalize()} {name.name} successfully created."
        return create.text if by_fakesnow else status_sql(made)

    def _make(self, create: Create, name: ObjectName) -> None:
        """Check a definition, and do what creating it means beyond keeping its text."""
        if create.kind is Kind.PIPE:
            copy = self._pipes.read(_draft(create, name)).copy
            with self._engine.cursor() as duck:
                duck.execute(f"DESCRIBE {copy.target}")
            self._loads.forget(str(name))
        elif create.kind is Kind.STREAM:
            self._streams.create(name, stream_table(create.body, name))
        elif create.kind is Kind.TASK:
            for stream in task_definition(create.text, name).streams:
                self._registry.get(Kind.STREAM, stream)

    def _alter(self, alter: Alter, name: ObjectName) -> str:
        self._registry.get(alter.kind, name)
        state = paused_state(alter.action) if alter.kind is Kind.PIPE else _task_state(alter.action)
        self._registry.set_state(alter.kind, name, state)
        self._engine.changed.set()
        return status_sql(_DONE)

    def _drop(self, drop: Drop, name: ObjectName) -> str:
        if drop.if_exists and self._registry.find(drop.kind, name) is None:
            return status_sql("Drop statement executed successfully.")
        self._registry.get(drop.kind, name)
        if drop.kind is Kind.STREAM:
            self._streams.drop(name)
        if drop.kind is Kind.PIPE:
            self._loads.forget(str(name))
        self._registry.remove(drop.kind, name)
        return status_sql(f"{name.name} successfully dropped.")

    def _show(self, show: Show) -> str:
        stored = [found for found in self._registry.all(show.kind) if _shown(found.name, show)]
        columns = (*_SHOWN, "state") if show.kind is Kind.TASK else _SHOWN
        return rows_sql(columns, [_row(found)[: len(columns)] for found in stored])

    def _execute_task(self, name: ObjectName) -> str:
        self._registry.get(Kind.TASK, name)
        self._tasks.demand(name)
        return status_sql(f"Task {name.name} is scheduled to run immediately.")

    def _surrounding(
        self, connection: Connection, word: str, sql: str
    ) -> Callable[[duckdb.DuckDBPyConnection], AbstractContextManager[None]]:
        """Make a MERGE atomic, move the streams it reads, and tell the tasks that rows may have come."""
        # CREATE is a table's or a view's: reading a stream for it moves nothing
        streams = [] if word == "CREATE" else self._streams.read_by(sql, connection.database, connection.schema)

        @contextmanager
        def around(duck: duckdb.DuckDBPyConnection) -> Iterator[None]:
            if streams or word == "MERGE":
                with self._streams.advancing(duck, streams):
                    yield
            else:
                yield
            self._engine.changed.set()

        return around

    def _system_functions(self, connection: Connection) -> SystemFunctions:
        return {
            "SYSTEM$PIPE_STATUS": lambda name: self._pipes.status_json(_name(connection, name)),
            "SYSTEM$STREAM_HAS_DATA": lambda name: self._streams.has_data(self._stream(connection, name)),
            "SYSTEM$STREAM_GET_TABLE_TIMESTAMP": lambda name: self._streams.table_timestamp(
                self._stream(connection, name)
            ),
        }

    def _stream(self, connection: Connection, text: str) -> ObjectName:
        return self._registry.get(Kind.STREAM, _name(connection, text)).name

    def _table_functions(self, connection: Connection) -> TableFunctions:
        files = f"{self._engine.schema}.FILES"
        return {
            "COPY_HISTORY": lambda arguments: copy_history_sql(
                arguments, files, lambda text: _name(connection, text), self._pipes.into
            )
        }


def _name(connection: Connection, text: str) -> ObjectName:
    return parse_name(text, connection.database, connection.schema)


def _draft(create: Create, name: ObjectName) -> StoredObject:
    return StoredObject(create.kind, name, create.text, RUNNING, utc_now())


def _task_state(action: str) -> str:
    states = {"RESUME": STARTED, "SUSPEND": SUSPENDED}
    if action not in states:
        raise NotImplementedError(f"ALTER TASK … {action}; only RESUME and SUSPEND are emulated")
    return states[action]


def _shown(name: ObjectName, show: Show) -> bool:
    """Say whether SHOW … LIKE … IN … means this object."""
    wanted = show.like is None or fnmatch(name.name, show.like.upper().replace("%", "*").replace("_", "?"))
    return wanted and (show.database, show.schema) in {
        (None, None),
        (name.database, None),
        (None, name.schema),
        (name.database, name.schema),
    }


def _row(stored: StoredObject) -> list[Value]:
    name = stored.name
    return [stored.created_at, name.name, name.database, name.schema, stored.statement, stored.state]
