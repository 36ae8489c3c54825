"""Brings a warehouse to the state `snowflake/*.sql` describes: plan first, then apply.

File names are schemachange's: `V<number>__<name>.sql` runs once, `R__<name>.sql` again whenever it changes.
Files of the `account/` folder are never run here. Works on Snowflake and on the local stand-in alike.
"""

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, StrictUndefined, UndefinedError

_VERSIONED = re.compile(r"V(?P<version>\d+)__\w+\.sql")
_REPEATABLE = re.compile(r"R__\w+\.sql")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_HISTORY = (
    "CREATE DATABASE IF NOT EXISTS {database}",
    "CREATE SCHEMA IF NOT EXISTS {database}.OPS",
    """CREATE TABLE IF NOT EXISTS {database}.OPS.CHANGE_HISTORY (
  SCRIPT VARCHAR,
  CHECKSUM VARCHAR,
  APPLIED_AT TIMESTAMP_TZ,
  APPLIED_BY VARCHAR
)""",
)
_READ = "SELECT SCRIPT, CHECKSUM FROM {database}.OPS.CHANGE_HISTORY ORDER BY APPLIED_AT"
_WRITE = "INSERT INTO {database}.OPS.CHANGE_HISTORY SELECT %s, %s, CURRENT_TIMESTAMP(), CURRENT_USER()"

Variables = Mapping[str, str]
Applied = Mapping[str, str]


class MigrationError(Exception):
    """A file that cannot be planned or applied; the message names it."""


class Cursor(Protocol):
    """The part of the connector's cursor that is used here."""

    def execute(self, command: str, params: Any = None) -> Any:
        """Run one statement."""

    def fetchall(self) -> list[Any]:
        """Give all rows."""


class Connection(Protocol):
    """The part of the connector's connection that is used here."""

    def cursor(self) -> Cursor:
        """Open a cursor."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file that has to run: its statements, rendered, and the checksum to remember it by."""

    script: str
    checksum: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Script:
    name: str
    version: int | None
    text: str
    checksum: str


def plan(directory: Path, variables: Variables, applied: Applied) -> list[Migration]:
    """List what has to run, in order; `applied` maps file names to the checksums of their last run.

    A versioned file is known by its text, a repeatable one by its text with the variables filled in. Raises
    MigrationError for a versioned file that changed after it ran, a doubled number, or an unknown variable.
    """
    scripts = _scripts(directory, variables)
    for script in scripts:
        _check_unchanged(script, applied)
    due = [script for script in scripts if applied.get(script.name) != script.checksum]
    return [Migration(script.name, script.checksum, _statements(script.text)) for script in due]


def apply(
    connection: Connection,
    directory: Path,
    variables: Variables,
    on_start: Callable[[Migration], None] = lambda _: None,
) -> list[Migration]:
    """Run what is due and remember each file once all its statements ran; give what ran.

    Interrupted anywhere it can be run again: the file that broke off starts over, and its statements are
    IF NOT EXISTS. Writes the warehouse and `OPS.CHANGE_HISTORY`, which it makes if need be.
    """
    cursor = connection.cursor()
    database = _database(variables)
    migrations = plan(directory, variables, applied_so_far(cursor, database))
    for migration in migrations:
        on_start(migration)
        _run(cursor, migration)
        cursor.execute(_WRITE.format(database=database), (migration.script, migration.checksum))
    return migrations


def applied_so_far(cursor: Cursor, database: str) -> Applied:
    """Read which files ran, with their last checksums; makes the history table on a new warehouse."""
    from snowflake.connector.errors import ProgrammingError  # noqa: PLC0415 -- costs half a second

    read = _READ.format(database=database)
    try:
        cursor.execute(read)
    except ProgrammingError:
        for statement in _HISTORY:
            cursor.execute(statement.format(database=database))
        cursor.execute(read)
    return dict(cursor.fetchall())


def render(name: str, text: str, variables: Variables) -> str:
    """Fill in the variables of a file; raise MigrationError for one that is not given."""
    # SQL is no HTML: nothing to escape
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    try:
        return environment.from_string(text).render(variables)
    except UndefinedError as error:
        raise MigrationError(f"{name}: {error}") from None


def _scripts(directory: Path, variables: Variables) -> list[_Script]:
    """Read the folder's files: versioned ones by number, then repeatable ones by name."""
    scripts = [_script(path, variables) for path in directory.glob("*.sql")]
    versions = [script.version for script in scripts if script.version is not None]
    if doubled := sorted({version for version in versions if versions.count(version) > 1}):
        raise MigrationError(f"{directory}: two files have the number {doubled[0]}")
    return sorted(scripts, key=lambda s: (s.version is None, s.version or 0, s.name))


def _script(path: Path, variables: Variables) -> _Script:
    raw = path.read_text(encoding="utf-8")
    text = render(path.name, raw, variables)
    if match := _VERSIONED.fullmatch(path.name):
        return _Script(path.name, int(match["version"]), text, _checksum(raw))
    if _REPEATABLE.fullmatch(path.name):
        return _Script(path.name, None, text, _checksum(text))
    raise MigrationError(f"{path.name}: neither V<number>__<name>.sql nor R__<name>.sql")


def _check_unchanged(script: _Script, applied: Applied) -> None:
    before = applied.get(script.name, script.checksum)
    if script.version is not None and before != script.checksum:
        raise MigrationError(
            f"{script.name} was changed after it had been applied; put it back and write a new V file instead"
        )


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _statements(text: str) -> tuple[str, ...]:
    from snowflake.connector.util_text import split_statements  # noqa: PLC0415 -- costs half a second

    found = (statement.strip().removesuffix(";") for statement, _ in split_statements(io.StringIO(text)))
    return tuple(statement for statement in found if _says_something(statement))


def _says_something(statement: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines())


def _run(cursor: Cursor, migration: Migration) -> None:
    from snowflake.connector.errors import Error  # noqa: PLC0415 -- costs half a second

    for number, statement in enumerate(migration.statements, start=1):
        try:
            cursor.execute(statement)
        except Error as error:
            raise MigrationError(f"{migration.script}, statement {number}: {error.msg}") from error


def _database(variables: Variables) -> str:
    database = variables.get("database", "")
    if not _IDENTIFIER.fullmatch(database):
        raise MigrationError(f"the variable 'database' is no plain identifier: {database!r}")
    return database
