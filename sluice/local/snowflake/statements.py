"""What a client's statement asks for, as far as fakesnow does not know it. Pure: text in, a value out.

Whatever is not recognised here is `None` and goes to fakesnow as it came.
"""

from dataclasses import dataclass
from enum import StrEnum

from sluice.local.snowflake.tokens import Reader


class Kind(StrEnum):
    """The kinds of object the stand-in keeps itself."""

    PIPE = "PIPE"
    STREAM = "STREAM"
    TASK = "TASK"
    SNOWFLAKE_STAGE = "STAGE"
    FILE_FORMAT = "FILE FORMAT"


class Mode(StrEnum):
    """What CREATE does when the object exists already."""

    PLAIN = "plain"
    REPLACE = "or replace"
    IF_NOT_EXISTS = "if not exists"


@dataclass(frozen=True, slots=True)
class Create:
    """CREATE [OR REPLACE] kind [IF NOT EXISTS] name …; `text` is the whole statement, `body` what follows."""

    kind: Kind
    name: str
    mode: Mode
    text: str
    body: str


@dataclass(frozen=True, slots=True)
class Alter:
    """ALTER PIPE|TASK name action."""

    kind: Kind
    name: str
    action: str


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP kind [IF EXISTS] name."""

    kind: Kind
    name: str
    if_exists: bool


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW PIPES|STREAMS|TASKS [LIKE pattern] [IN {ACCOUNT | DATABASE name | [SCHEMA] name}]."""

    kind: Kind
    like: str | None = None
    database: str | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class ExecuteTask:
    """EXECUTE TASK name."""

    name: str


@dataclass(frozen=True, slots=True)
class NotEmulated:
    """A statement about accounts, roles or compute: accepted, remembered, without effect."""

    text: str


Statement = Create | Alter | Drop | Show | ExecuteTask | NotEmulated

_ACCOUNT_OBJECTS = (
    "ROLE",
    "DATABASE ROLE",
    "USER",
    "WAREHOUSE",
    "STORAGE INTEGRATION",
    "NOTIFICATION INTEGRATION",
    "SECURITY INTEGRATION",
    "API INTEGRATION",
    "INTEGRATION",
    "RESOURCE MONITOR",
    "NETWORK POLICY",
    "NETWORK RULE",
    "AUTHENTICATION POLICY",
)


def parse_statement(text: str) -> Statement | None:
    """Recognise the statements that are the stand-in's own; `None` for all others."""
    reader = Reader.of(text)
    if reader.accept("CREATE"):
        return _create(reader)
    if reader.accept("ALTER"):
        return _alter(reader)
    if reader.accept("DROP"):
        return _drop(reader)
    if reader.accept("SHOW"):
        return _show(reader)
    if reader.accept("EXECUTE TASK"):
        return ExecuteTask(reader.name())
    return NotEmulated(text) if reader.accept_one(("GRANT", "REVOKE")) else None


def _create(reader: Reader) -> Statement | None:
    replace = reader.accept("OR REPLACE")
    if reader.accept_one(_ACCOUNT_OBJECTS):
        return NotEmulated(reader.text)
    kind = reader.accept_one(tuple(Kind))
    if kind is None:
        return None
    exists = reader.accept("IF NOT EXISTS")
    mode = Mode.REPLACE if replace else Mode.IF_NOT_EXISTS if exists else Mode.PLAIN
    return Create(Kind(kind), reader.name(), mode, reader.text, reader.rest())


def _alter(reader: Reader) -> Statement | None:
    if reader.accept_one(_ACCOUNT_OBJECTS):
        return NotEmulated(reader.text)
    kind = reader.accept_one((Kind.PIPE, Kind.TASK))
    if kind is None:
        return None
    reader.accept("IF EXISTS")
    return Alter(Kind(kind), reader.name(), " ".join(reader.rest().upper().split()))


def _drop(reader: Reader) -> Statement | None:
    if reader.accept_one(_ACCOUNT_OBJECTS):
        return NotEmulated(reader.text)
    kind = reader.accept_one(tuple(Kind))
    if kind is None:
        return None
    if_exists = reader.accept("IF EXISTS")
    return Drop(Kind(kind), reader.name(), if_exists)


def _show(reader: Reader) -> Statement | None:
    kind = reader.accept_one(("PIPES", "STREAMS", "TASKS"))
    if kind is None:
        return None
    like = reader.string() if reader.accept("LIKE") else None
    shown = Kind(kind.removesuffix("S"))
    if not reader.accept("IN") or reader.accept("ACCOUNT"):
        return Show(shown, like)
    in_database = reader.accept("DATABASE")
    reader.accept("SCHEMA")
    *database, last = (part.strip('"') if part.startswith('"') else part.upper() for part in reader.name().split("."))
    return Show(shown, like, last) if in_database else Show(shown, like, next(iter(database), None), last)
