"""INFORMATION_SCHEMA.COPY_HISTORY: what became of a table's files in 14 days, as a SELECT with Snowflake's columns.

A file that still waits is "Load in progress". Pure but for finding the table's pipes.
"""

from collections.abc import Callable, Mapping

from sqlglot import exp

from sluice.local.snowflake.names import ObjectName
from sluice.local.snowflake.pipes import Pipe
from sluice.local.snowflake.results import rows_sql

Arguments = Mapping[str, exp.Expr]
ReadName = Callable[[str], ObjectName]

_MEMORY = "DATEADD('day', -14, CURRENT_TIMESTAMP())"
_PIPES = (
    "OF_PIPE",
    "STAGE_LOCATION",
    "TABLE_CATALOG_NAME",
    "TABLE_SCHEMA_NAME",
    "TABLE_NAME",
    "PIPE_CATALOG_NAME",
    "PIPE_SCHEMA_NAME",
    "PIPE_NAME",
)
# Source: the COPY_HISTORY table function, "Output".
_SELECT = """
SELECT
  F.PATH AS FILE_NAME,
  P.STAGE_LOCATION,
  F.FINISHED_AT::TIMESTAMP_LTZ AS LAST_LOAD_TIME,
  COALESCE(F.ROWS_INSERTED, 0) AS ROW_COUNT,
  F.ROWS_PARSED AS ROW_PARSED,
  F.SIZE AS FILE_SIZE,
  F.ERROR AS FIRST_ERROR_MESSAGE,
  F.ERROR_LINE AS FIRST_ERROR_LINE_NUMBER,
  F.ERROR_CHARACTER AS FIRST_ERROR_CHARACTER_POS,
  NULL::VARCHAR AS FIRST_ERROR_COLUMN_NAME,
  IFF(F.ERROR IS NULL, 0, 1) AS ERROR_COUNT,
  1 AS ERROR_LIMIT,
  CASE F.STATUS
    WHEN 'LOADED' THEN 'Loaded'
    WHEN 'LOAD_FAILED' THEN 'Load failed'
    WHEN 'PARTIALLY_LOADED' THEN 'Partially loaded'
    ELSE 'Load in progress'
  END AS STATUS,
  P.TABLE_CATALOG_NAME, P.TABLE_SCHEMA_NAME, P.TABLE_NAME,
  P.PIPE_CATALOG_NAME, P.PIPE_SCHEMA_NAME, P.PIPE_NAME,
  F.RECEIVED_AT::TIMESTAMP_LTZ AS PIPE_RECEIVED_TIME
FROM {files} AS F
JOIN ({pipes}) AS P ON F.PIPE = P.OF_PIPE
WHERE F.STATUS <> 'LOST'
  AND COALESCE(F.FINISHED_AT, F.RECEIVED_AT) >= GREATEST({start}, {memory})
  AND COALESCE(F.FINISHED_AT, F.RECEIVED_AT) <= {end}
"""


def copy_history_sql(
    arguments: Arguments, files: str, read_name: ReadName, pipes_into: Callable[[ObjectName], list[Pipe]]
) -> str:
    """Give the SELECT that answers a call. `files` is the table of all named files.

    Raises NotImplementedError without TABLE_NAME or START_TIME, or with arguments that Snowflake has not.
    """
    unknown = arguments.keys() - {"TABLE_NAME", "START_TIME", "END_TIME", "PIPE_NAME"}
    if unknown or not {"TABLE_NAME", "START_TIME"} <= arguments.keys():
        raise NotImplementedError("COPY_HISTORY takes TABLE_NAME, START_TIME and, if you like, END_TIME, PIPE_NAME")
    pipes = pipes_into(read_name(arguments["TABLE_NAME"].name))
    if "PIPE_NAME" in arguments:
        pipes = [pipe for pipe in pipes if pipe.name == read_name(arguments["PIPE_NAME"].name)]
    return _SELECT.format(
        files=files,
        pipes=rows_sql(_PIPES, list(map(_row, pipes))),
        start=_time(arguments["START_TIME"]),
        end=_time(arguments.get("END_TIME", exp.CurrentTimestamp())),
        memory=_MEMORY,
    )


def _time(expression: exp.Expr) -> str:
    return f"({expression.sql(dialect='snowflake')})::TIMESTAMP_LTZ"


def _row(pipe: Pipe) -> list[str]:
    table, name = pipe.copy.target, pipe.name
    return [
        str(name),
        pipe.location.url,
        *(table.database, table.schema, table.name),
        *(name.database, name.schema, name.name),
    ]
