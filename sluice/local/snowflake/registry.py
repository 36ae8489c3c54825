"""The objects fakesnow does not keep: pipes, streams, tasks, stages and file formats, as their own CREATE text."""

# ruff: noqa: S608 -- the table's name is ours, values are bound

from dataclasses import dataclass
from datetime import UTC, datetime

from snowflake.connector.errors import ProgrammingError

from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.names import ObjectName
from sluice.local.snowflake.statements import Kind, Mode


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: the statement that made it, and the state ALTER left it in."""

    kind: Kind
    name: ObjectName
    statement: str
    state: str
    created_at: datetime


class Registry:
    """Reads and writes the OBJECTS table; every write is one durable transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._table = f"{engine.schema}.OBJECTS"

    def all(self, kind: Kind) -> list[StoredObject]:
        """List the objects of a kind by name (read-only)."""
        sql = (
            "SELECT DATABASE_NAME, SCHEMA_NAME, NAME, STATEMENT, STATE, CREATED_AT "
            f"FROM {self._table} WHERE KIND = ? ORDER BY 1, 2, 3"
        )
        with self._engine.cursor() as duck:
            rows = duck.execute(sql, [kind]).fetchall()
        return [StoredObject(kind, ObjectName(*row[:3]), *row[3:]) for row in rows]

    def find(self, kind: Kind, name: ObjectName) -> StoredObject | None:
        """Find one object (read-only)."""
        return next((found for found in self.all(kind) if found.name == name), None)

    def get(self, kind: Kind, name: ObjectName) -> StoredObject:
        """Find one object or raise Snowflake's "does not exist" (read-only)."""
        found = self.find(kind, name)
        if found is None:
            message = f"SQL compilation error:\n{kind.capitalize()} '{name}' does not exist or not authorized."
            raise ProgrammingError(msg=message, errno=2003, sqlstate="02000")
        return found

    def may_create(self, kind: Kind, name: ObjectName, mode: Mode) -> bool:
        """Say whether CREATE has work to do; raise when the object is there and the mode is plain."""
        if name.database != self._engine.database:
            raise NotImplementedError(f"a {kind} outside of database {self._engine.database}")
        if self.find(kind, name) is None:
            return True
        if mode is Mode.PLAIN:
            message = f"SQL compilation error:\nObject '{name}' already exists."
            raise ProgrammingError(msg=message, errno=2002, sqlstate="42710")
        return mode is Mode.REPLACE

    def put(self, kind: Kind, name: ObjectName, statement: str, state: str) -> None:
        """Write an object, in place of an older one of that name."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            duck.execute(f"DELETE FROM {self._table} WHERE {_SAME}", [kind, *_parts(name)])
            row = [kind, *_parts(name), statement, state, datetime.now(UTC)]
            duck.execute(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def set_state(self, kind: Kind, name: ObjectName, state: str) -> None:
        """Write an object's new state."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            duck.execute(f"UPDATE {self._table} SET STATE = ? WHERE {_SAME}", [state, kind, *_parts(name)])

    def remove(self, kind: Kind, name: ObjectName) -> None:
        """Forget an object."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            duck.execute(f"DELETE FROM {self._table} WHERE {_SAME}", [kind, *_parts(name)])

    def note_not_emulated(self, statement: str) -> None:
        """Remember a statement that was accepted without effect."""
        with self._engine.cursor() as duck, self._engine.transaction(duck):
            row = [statement, datetime.now(UTC)]
            duck.execute(f"INSERT INTO {self._engine.schema}.NOT_EMULATED VALUES (?, ?)", row)


_SAME = "KIND = ? AND DATABASE_NAME = ? AND SCHEMA_NAME = ? AND NAME = ?"


def _parts(name: ObjectName) -> list[str]:
    return [name.database, name.schema, name.name]
