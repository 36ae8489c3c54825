"""What the text of a CREATE says: the statement is kept as it came, and read here. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

from sluice.local.snowflake.copy_into import CopyInto, parse_copy
from sluice.local.snowflake.names import ObjectName, parse_name
from sluice.local.snowflake.tokens import text_from

_STREAM_HAS_DATA = re.compile(r"SYSTEM\$STREAM_HAS_DATA\s*\(\s*'([^']+)'\s*\)", re.IGNORECASE)
_URL = re.compile(r"\bURL\s*=\s*'([^']*)'", re.IGNORECASE)
_FORMAT_TYPE = re.compile(r"\bTYPE\s*=\s*'?(\w+)'?", re.IGNORECASE)
_STREAM = re.compile(r"ON\s+TABLE\s+(\S+)\s+APPEND_ONLY\s*=\s*TRUE\s*;?\s*", re.IGNORECASE)


class UnsupportedDefinitionError(ValueError):
    """The statement may be right for Snowflake, but asks for something that is not emulated."""


@dataclass(frozen=True, slots=True)
class Location:
    """The S3 place behind an external stage; `prefix` is empty or ends with a slash."""

    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        """Give the stage's URL, as the reports show it."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """The streams whose rows make a task run, and what it runs."""

    streams: tuple[ObjectName, ...]
    statement: str


@lru_cache
def pipe_copy(statement: str, name: ObjectName) -> CopyInto:
    """Read the COPY INTO of a CREATE PIPE."""
    copy = text_from(statement, "COPY INTO")
    if copy is None:
        raise UnsupportedDefinitionError("a pipe needs AS COPY INTO …")
    if re.search(r"\bAUTO_INGEST\s*=\s*TRUE", statement[: statement.index(copy)], re.IGNORECASE):
        raise UnsupportedDefinitionError("AUTO_INGEST = TRUE is not emulated: pipes are called over REST")
    return parse_copy(copy, name.database, name.schema)


@lru_cache
def task_definition(statement: str, name: ObjectName) -> TaskDefinition:
    """Read a triggered task; scheduled and chained tasks are not emulated."""
    after_when = text_from(statement, "WHEN")
    body = text_from(after_when or "", "AS")
    if after_when is None or body is None:
        raise UnsupportedDefinitionError("only triggered tasks are emulated: WHEN SYSTEM$STREAM_HAS_DATA('…') AS …")
    condition = after_when[len("WHEN") : after_when.index(body)].strip()
    streams = tuple(parse_name(found, name.database, name.schema) for found in _STREAM_HAS_DATA.findall(condition))
    if _STREAM_HAS_DATA.sub("", condition).upper().replace("OR", "").split():
        raise UnsupportedDefinitionError(f"not emulated as a task's condition: {condition}")
    return TaskDefinition(streams, body[len("AS") :].strip())


def stream_table(body: str, name: ObjectName) -> ObjectName:
    """Give the table of a CREATE STREAM; only append-only streams are emulated."""
    match = _STREAM.fullmatch(body)
    if match is None:
        raise UnsupportedDefinitionError("only ON TABLE … APPEND_ONLY = TRUE is emulated for streams")
    return parse_name(match[1], name.database, name.schema)


def snowflake_stage_location(statement: str) -> Location:
    """Give the S3 place of an external stage."""
    match = _URL.search(statement)
    if match is None or not match[1].startswith("s3://"):
        raise UnsupportedDefinitionError("only stages with URL = 's3://…' are emulated for pipes")
    bucket, _, prefix = match[1].removeprefix("s3://").partition("/")
    return Location(bucket, prefix)


def file_format_type(statement: str) -> str:
    """Give the format's type in upper case; Snowflake's default is CSV."""
    match = _FORMAT_TYPE.search(statement)
    return match[1].upper() if match else "CSV"
