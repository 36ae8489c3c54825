"""Names of schema objects: how Snowflake reads `db.schema."name"`. No look-ups, no I/O."""

import re
from dataclasses import dataclass

_PART = r'(?:"(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_$]*)'
_NAME = re.compile(rf"\s*({_PART})(?:\.({_PART}))?(?:\.({_PART}))?\s*")


class InvalidNameError(ValueError):
    """The text is no object name, or lacks a database or schema that no session supplies."""


@dataclass(frozen=True, slots=True)
class ObjectName:
    """A fully qualified name, each part as it is stored: upper case unless it was quoted."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        """Give the dotted name, with quotes only where they are needed."""
        return ".".join(_quoted(part) for part in (self.database, self.schema, self.name))


def parse_name(text: str, database: str | None = None, schema: str | None = None) -> ObjectName:
    """Read one to three dotted parts; what is missing on the left comes from the session."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise InvalidNameError(f"invalid identifier {text!r}")
    parts = [_stored(part) for part in match.groups() if part is not None]
    full = [*[database, schema][: 3 - len(parts)], *parts]
    if None in full:
        raise InvalidNameError(f"{text} is not qualified and the session has no current database or schema")
    return ObjectName(*[str(part) for part in full])


def _stored(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.upper()


def _quoted(part: str) -> str:
    plain = re.fullmatch(r"[A-Z_][A-Z0-9_$]*", part)
    return part if plain else '"' + part.replace('"', '""') + '"'
