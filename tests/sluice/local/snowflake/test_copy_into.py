"""A pipe's COPY INTO, read and turned into an INSERT."""

import pytest

from sluice.local.snowflake.copy_into import CopyInto, UnsupportedCopyError, parse_copy
from sluice.local.snowflake.definitions import (
    Location,
    UnsupportedDefinitionError,
    pipe_copy,
    snowflake_stage_location,
    stream_table,
    task_definition,
)
from sluice.local.snowflake.names import InvalidNameError, ObjectName, parse_name

NAME = ObjectName("D", "S", "P")


def copy(
    select: str = "SELECT $1:id::VARCHAR, $1, METADATA$FILENAME FROM @stage/part/",
    options: str = "FILE_FORMAT = (FORMAT_NAME = 'd.s.f')",
) -> CopyInto:
    """Read a COPY with these parts."""
    return parse_copy(f"COPY INTO events (id, line, filename) FROM ({select}) {options}", "D", "S")


def test_the_parts_of_a_copy() -> None:
    """Names are qualified by the pipe's own schema, `$1` and METADATA$ become the batch's columns."""
    parsed = copy(options="FILE_FORMAT = (FORMAT_NAME = 'd.s.f') PATTERN = '.*[.]gz' ON_ERROR = SKIP_FILE")
    assert parsed.target == ObjectName("D", "S", "EVENTS")
    assert parsed.snowflake_stage == ObjectName("D", "S", "STAGE")
    assert parsed.directory == "part/"
    assert parsed.file_format == ObjectName("D", "S", "F")
    assert parsed.insert == (
        "INSERT INTO events (id, line, filename) "
        "SELECT CAST(GET_PATH(CAST(ARRIVING.LINE AS VARIANT), 'id') AS VARCHAR), "
        "CAST(ARRIVING.LINE AS VARIANT), ARRIVING.METADATA_FILENAME FROM TEMP.MAIN.ARRIVING AS ARRIVING"
    )
    assert parsed.takes("a.gz")
    assert not parsed.takes("a.csv")


@pytest.mark.parametrize(
    ("select", "options"),
    [
        ("SELECT $2 FROM @stage", "FILE_FORMAT = (FORMAT_NAME = 'f')"),
        ("SELECT METADATA$NOTHING FROM @stage", "FILE_FORMAT = (FORMAT_NAME = 'f')"),
        ("SELECT $1 FROM @stage WHERE $1:a = 1", "FILE_FORMAT = (FORMAT_NAME = 'f')"),
        ("SELECT $1 FROM t", "FILE_FORMAT = (FORMAT_NAME = 'f')"),
        ("SELECT $1 FROM @stage", ""),
        ("SELECT $1 FROM @stage", "FILE_FORMAT = (FORMAT_NAME = 'f') ON_ERROR = CONTINUE"),
        ("SELECT $1 FROM @stage", "FILE_FORMAT = (FORMAT_NAME = 'f') FORCE = TRUE"),
    ],
)
def test_what_a_pipe_may_not_do_is_refused(select: str, options: str) -> None:
    """A COPY that Snowflake or the stand-in cannot run in a pipe is an error, not a surprise later."""
    with pytest.raises(UnsupportedCopyError):
        copy(select, options)


def test_a_pipe_without_a_copy_or_with_auto_ingest_is_refused() -> None:
    """Only REST pipes are emulated."""
    with pytest.raises(UnsupportedDefinitionError):
        pipe_copy("CREATE PIPE p", NAME)
    with pytest.raises(UnsupportedDefinitionError):
        pipe_copy("CREATE PIPE p AUTO_INGEST = TRUE AS COPY INTO t FROM (SELECT $1 FROM @s)", NAME)


def test_a_triggered_task() -> None:
    """A task's streams and its statement are read; a scheduled one is refused."""
    task = task_definition("CREATE TASK t WHEN SYSTEM$STREAM_HAS_DATA('s') AS INSERT INTO x SELECT 1 AS a", NAME)
    assert task.streams == (ObjectName("D", "S", "S"),)
    assert task.statement == "INSERT INTO x SELECT 1 AS a"
    for refused in ("CREATE TASK t SCHEDULE = '1 MINUTE' AS SELECT 1", "CREATE TASK t WHEN 1 = 1 AS SELECT 1"):
        with pytest.raises(UnsupportedDefinitionError):
            task_definition(refused, NAME)


def test_streams_and_stages() -> None:
    """A stream names its table, a stage its bucket and prefix; other kinds are refused."""
    assert stream_table("ON TABLE t APPEND_ONLY = TRUE", NAME) == ObjectName("D", "S", "T")
    with pytest.raises(UnsupportedDefinitionError):
        stream_table("ON TABLE t", NAME)
    location = snowflake_stage_location("CREATE STAGE s URL = 's3://bucket/events/'")
    assert location == Location("bucket", "events/")
    assert location.url == "s3://bucket/events/"
    with pytest.raises(UnsupportedDefinitionError):
        snowflake_stage_location("CREATE STAGE s")


def test_names() -> None:
    """Unquoted parts are upper case, quoted ones as written; a name prints so that it can be read again."""
    name = parse_name('db."My ""schema""".Table_1')
    assert name == ObjectName("DB", 'My "schema"', "TABLE_1")
    assert parse_name(str(name)) == name
    assert parse_name("x", "D", "S") == ObjectName("D", "S", "X")
    for wrong in ("x", "a.b.c.d", "", "a b", "1x"):
        with pytest.raises(InvalidNameError):
            parse_name(wrong, None, None)
