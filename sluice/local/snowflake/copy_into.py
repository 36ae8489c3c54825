"""A pipe's COPY INTO text, turned into the INSERT that loads a batch of lines. Pure: text in, text out.

The INSERT is still Snowflake's SQL, so every cast in it is translated by the same code as a user's query.
"""

# ruff: noqa: S608 -- the text is the pipe's own, parsed and printed again

import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sluice.local.snowflake.names import ObjectName, parse_name

BATCH_TABLE = "TEMP.MAIN.ARRIVING"
LINE_COLUMN = "LINE"
METADATA_COLUMNS = {
    "METADATA$FILENAME": "METADATA_FILENAME",
    "METADATA$FILE_ROW_NUMBER": "METADATA_FILE_ROW_NUMBER",
    "METADATA$FILE_CONTENT_KEY": "METADATA_FILE_CONTENT_KEY",
    "METADATA$START_SCAN_TIME": "METADATA_START_SCAN_TIME",
}
# Source: the CREATE PIPE page, "COPY options not supported in a pipe definition".
_REFUSED_OPTIONS = {
    "FILES",
    "FORCE",
    "PURGE",
    "RETURN_FAILED_ONLY",
    "SIZE_LIMIT",
    "VALIDATION_MODE",
    "LOAD_UNCERTAIN_FILES",
}


class UnsupportedCopyError(ValueError):
    """The COPY text is not one that Snowflake's pipes, or this stand-in, can run."""


@dataclass(frozen=True, slots=True)
class CopyInto:
    """What a pipe does with a file: where it finds it, how it reads it, what it inserts."""

    target: ObjectName
    snowflake_stage: ObjectName
    directory: str
    file_format: ObjectName
    pattern: str | None
    insert: str

    def takes(self, path: str) -> bool:
        """Say whether the pipe's PATTERN, if it has one, matches this path."""
        return self.pattern is None or re.fullmatch(self.pattern, path) is not None


def parse_copy(text: str, database: str, schema: str) -> CopyInto:
    """Read a pipe's COPY INTO; unqualified names belong to the pipe's own schema."""
    copy = _parsed(text)
    options = _options(copy)
    select, location = _source(copy)
    target = copy.this.this if isinstance(copy.this, exp.Schema) else copy.this
    snowflake_stage, _, directory = location.removeprefix("@").partition("/")
    return CopyInto(
        target=parse_name(target.sql(dialect="snowflake"), database, schema),
        snowflake_stage=parse_name(snowflake_stage, database, schema),
        directory=directory,
        file_format=parse_name(_format_name(options), database, schema),
        pattern=options["PATTERN"].name if "PATTERN" in options else None,
        insert=_insert(copy, select),
    )


def _parsed(text: str) -> exp.Copy:
    try:
        copy = sqlglot.parse_one(text, read="snowflake")
    except SqlglotError as error:
        raise UnsupportedCopyError(str(error)) from None
    if not isinstance(copy, exp.Copy):
        raise UnsupportedCopyError(f"not a COPY INTO statement: {text[:80]}")
    return copy


def _options(copy: exp.Copy) -> dict[str, exp.Expression]:
    options = {option.name.upper(): option.args.get("expression") or option for option in copy.args["params"]}
    if refused := _REFUSED_OPTIONS & options.keys():
        raise UnsupportedCopyError(f"a pipe may not use {', '.join(sorted(refused))}")
    on_error = options["ON_ERROR"].name.upper() if "ON_ERROR" in options else "SKIP_FILE"
    if on_error != "SKIP_FILE":
        raise UnsupportedCopyError(f"ON_ERROR = {on_error} is not emulated; only SKIP_FILE, a pipe's default")
    return options


def _format_name(options: dict[str, exp.Expression]) -> str:
    file_format = options.get("FILE_FORMAT")
    for option in file_format.expressions if file_format else ():
        if option.name.upper() == "FORMAT_NAME" and option.args["value"].is_string:
            return str(option.args["value"].name)
    raise UnsupportedCopyError("FILE_FORMAT = (FORMAT_NAME = '…') is needed, the name in quotes")


def _source(copy: exp.Copy) -> tuple[exp.Select, str]:
    files = copy.args.get("files") or []
    subquery = files[0] if len(files) == 1 else None
    if not isinstance(subquery, exp.Subquery) or not isinstance(subquery.this, exp.Select):
        raise UnsupportedCopyError("a COPY without FROM (SELECT … FROM @stage) is not emulated")
    select = subquery.this
    refused = [clause for clause in ("where", "group", "joins", "laterals", "order") if select.args.get(clause)]
    if refused:
        raise UnsupportedCopyError(f"a COPY's SELECT may not have {', '.join(refused)}")
    location = select.args["from_"].this.name
    if not location.startswith("@"):
        raise UnsupportedCopyError(f"a COPY reads from a stage, not from {location}")
    return select, location


def _insert(copy: exp.Copy, select: exp.Select) -> str:
    columns = [_loaded(column.copy()).sql(dialect="snowflake") for column in select.expressions]
    into = copy.this.sql(dialect="snowflake")
    return f"INSERT INTO {into} SELECT {', '.join(columns)} FROM {BATCH_TABLE} AS ARRIVING"


def _loaded(expression: exp.Expression) -> exp.Expression:
    return expression.transform(_batch_column)


def _batch_column(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Parameter):
        return _line_column(node)
    if isinstance(node, exp.Column) and node.name.upper().startswith("METADATA$"):
        return _metadata_column(node)
    return node


def _line_column(node: exp.Parameter) -> exp.Expression:
    if node.name != "1":
        raise UnsupportedCopyError(f"${node.name}: a JSON file has one column, $1")
    return exp.cast(exp.column(LINE_COLUMN, table="ARRIVING"), "VARIANT", dialect="snowflake")


def _metadata_column(node: exp.Column) -> exp.Expression:
    name = METADATA_COLUMNS.get(node.name.upper())
    if name is None:
        raise UnsupportedCopyError(f"{node.name} is not emulated")
    return exp.column(name, table="ARRIVING")
