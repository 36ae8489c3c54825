"""What a client's statement is recognised as."""

import pytest

from sluice.local.snowflake.statements import (
    Alter,
    Create,
    Drop,
    ExecuteTask,
    Kind,
    Mode,
    NotEmulated,
    Show,
    parse_statement,
)


@pytest.mark.parametrize(
    ("text", "kind", "mode", "name"),
    [
        ("-- a comment\ncreate pipe a.b.c as copy into t", Kind.PIPE, Mode.PLAIN, "a.b.c"),
        ("CREATE STREAM IF NOT EXISTS s ON TABLE t", Kind.STREAM, Mode.IF_NOT_EXISTS, "s"),
        ("CREATE OR REPLACE TASK t WHEN x AS SELECT 1;", Kind.TASK, Mode.REPLACE, "t"),
        ("/* x */ CREATE STAGE d.\"my stage\" URL = 's3://b/'", Kind.SNOWFLAKE_STAGE, Mode.PLAIN, 'd."my stage"'),
        ("CREATE FILE FORMAT f TYPE = JSON", Kind.FILE_FORMAT, Mode.PLAIN, "f"),
    ],
)
def test_create(text: str, kind: Kind, mode: Mode, name: str) -> None:
    """Kind, mode and name are read, whatever the case and the comments."""
    create = parse_statement(text)
    assert isinstance(create, Create)
    assert (create.kind, create.mode, create.name, create.text) == (kind, mode, name, text)


def test_the_other_statements() -> None:
    """ALTER, DROP, SHOW and EXECUTE give their parts."""
    assert parse_statement("ALTER TASK a.t RESUME;") == Alter(Kind.TASK, "a.t", "RESUME")
    assert parse_statement("alter pipe p set pipe_execution_paused = true") == Alter(
        Kind.PIPE, "p", "SET PIPE_EXECUTION_PAUSED = TRUE"
    )
    assert parse_statement("DROP STREAM IF EXISTS a.s") == Drop(Kind.STREAM, "a.s", if_exists=True)
    assert parse_statement("show pipes like 'ev%'") == Show(Kind.PIPE, "ev%")
    assert parse_statement("SHOW TASKS IN ACCOUNT;") == Show(Kind.TASK)
    assert parse_statement("SHOW TASKS IN DATABASE sluice") == Show(Kind.TASK, None, "SLUICE")
    assert parse_statement('SHOW PIPES IN SCHEMA sluice."Raw"') == Show(Kind.PIPE, None, "SLUICE", "Raw")
    assert parse_statement("SHOW STREAMS LIKE 'e%' IN raw") == Show(Kind.STREAM, "e%", None, "RAW")
    assert parse_statement("EXECUTE TASK a.b.t") == ExecuteTask("a.b.t")


@pytest.mark.parametrize(
    "text",
    [
        "GRANT SELECT ON TABLE t TO ROLE r",
        "REVOKE ROLE r FROM USER u",
        "CREATE ROLE IF NOT EXISTS r",
        "CREATE STORAGE INTEGRATION IF NOT EXISTS i TYPE = EXTERNAL_STAGE",
        "ALTER USER u SET RSA_PUBLIC_KEY = 'x'",
        "DROP WAREHOUSE w",
    ],
)
def test_account_statements_are_not_emulated(text: str) -> None:
    """What concerns accounts, roles and compute is accepted as such."""
    assert parse_statement(text) == NotEmulated(text)


@pytest.mark.parametrize(
    "text",
    ["SELECT 'CREATE PIPE p'", "CREATE TABLE task (pipe INT)", "SHOW TABLES", "DROP TABLE t", "", "-- nothing", "'"],
)
def test_everything_else_is_fakesnows(text: str) -> None:
    """A word inside a string, a comment or another statement is nothing of ours."""
    assert parse_statement(text) is None
