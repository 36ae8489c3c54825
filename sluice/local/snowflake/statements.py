"""What a client's statement asks for, as far as fakesnow does not know it. Pure: tokens in, a value out.

Whatever is not recognised here is `None` and goes to fakesnow as it came.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


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
    """SHOW PIPES|STREAMS|TASKS [LIKE pattern]."""

    kind: Kind
    like: str | None


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


_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|//[^\n]*|/\*.*?\*/)
      | \$\$.*?\$\$
      | '(?:[^'\\]|''|\\.)*'
      | "(?:[^"]|"")*"
      | [\w$]+
      | \S""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(slots=True)
class _Reader:
    """Walks the tokens of one statement; comments are none."""

    text: str
    tokens: list[re.Match[str]]
    at: int = 0

    def accept(self, words: str) -> bool:
        """Step over these words if they come next."""
        wanted = words.split()
        if [token[0].upper() for token in self.tokens[self.at : self.at + len(wanted)]] != wanted:
            return False
        self.at += len(wanted)
        return True

    def accept_one(self, choices: tuple[str, ...]) -> str | None:
        return next((words for words in choices if self.accept(words)), None)

    def name(self) -> str:
        """Take a dotted name, as written."""
        start = self.at
        self.at += 1
        while self.accept("."):
            self.at += 1
        return self._between(start, self.at)

    def string(self) -> str:
        """Take a string, without its quotes."""
        start = self.at
        self.at += 1
        return self._between(start, self.at)[1:-1].replace("''", "'")

    def rest(self) -> str:
        return self._between(self.at, len(self.tokens))

    def _between(self, start: int, end: int) -> str:
        tokens = self.tokens[start:end]
        return self.text[tokens[0].start() : tokens[-1].end()] if tokens else ""


def parse_statement(text: str) -> Statement | None:
    """Recognise the statements that are the stand-in's own; `None` for all others."""
    reader = _Reader(text, _tokens(text))
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


def first_word(text: str) -> str:
    """Give the statement's first word in upper case; empty when there is none."""
    tokens = _tokens(text)
    return tokens[0][0].upper() if tokens else ""


def text_from(text: str, words: str) -> str | None:
    """Give the part of a statement that begins with these words; `None` when they never come."""
    reader = _Reader(text, _tokens(text))
    for at in range(len(reader.tokens)):
        reader.at = at
        if reader.accept(words):
            reader.at = at
            return reader.rest()
    return None


def _tokens(text: str) -> list[re.Match[str]]:
    tokens = [token for token in _TOKEN.finditer(text) if not token["comment"]]
    while tokens and tokens[-1][0] == ";":
        tokens.pop()
    return tokens


def _create(reader: _Reader) -> Statement | None:
    replace = reader.accept("OR REPLACE")
    if reader.accept_one(_ACCOUNT_OBJECTS):
        return NotEmulated(reader.text)
    kind = reader.accept_one(tuple(Kind))
    if kind is None:
        return None
    exists = reader.accept("IF NOT EXISTS")
    mode = Mode.REPLACE if replace else Mode.IF_NOT_EXISTS if exists else Mode.PLAIN
    return Create(Kind(kind), reader.name(), mode, reader.text, reader.rest())


def _alter(reader: _Reader) -> Statement | None:
    if reader.accept_one(_ACCOUNT_OBJECTS):
        return NotEmulated(reader.text)
    kind = reader.accept_one((Kind.PIPE, Kind.TASK))
    if kind is None:
        return None
    reader.accept("IF EXISTS")
    return Alter(Kind(kind), reader.name(), " ".join(reader.rest().upper().split()))


def _drop(reader: _Reader) -> Statement | None:
    if reader.accept_one(_ACCOUNT_OBJECTS):
        return NotEmulated(reader.text)
    kind = reader.accept_one(tuple(Kind))
    if kind is None:
        return None
    if_exists = reader.accept("IF EXISTS")
    return Drop(Kind(kind), reader.name(), if_exists)


def _show(reader: _Reader) -> Statement | None:
    kind = reader.accept_one(("PIPES", "STREAMS", "TASKS"))
    if kind is None:
        return None
    like = reader.string() if reader.accept("LIKE") else None
    return Show(Kind(kind.removesuffix("S")), like)
