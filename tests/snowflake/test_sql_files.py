"""The SQL files themselves: what can be known without a Snowflake account."""

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from sluice.deploy.migrations import plan, render

FOLDER = Path(__file__).parents[2] / "snowflake"
VARIABLES = {
    "database": "SLUICE",
    "landing_bucket": "landing",
    "storage_integration": "SLUICE_S3",
    "storage_role_arn": "arn:aws:iam::123456789012:role/x",
    "storage_external_id": "sluice",
    "loader_public_key": "MIIB",
    "warehouse": "DEPLOY_WH",
}
FILES = sorted(FOLDER.rglob("*.sql"))
# statements that sqlglot knows only as text; everything else must parse
OPAQUE = re.compile(
    r"(CREATE (PIPE|STREAM|TASK|STORAGE INTEGRATION|ROLE|USER) IF NOT EXISTS|ALTER TASK \S+ RESUME|GRANT) ?.*",
    re.DOTALL,
)


def statements(path: Path) -> list[exp.Expr]:
    """Parse a file as Snowflake's SQL."""
    text = render(path.name, path.read_text(), VARIABLES)
    return [statement for statement in sqlglot.parse(text, read="snowflake") if statement]


def test_no_python_lies_under_snowflake() -> None:
    """A .py or __init__ there would hide the installed snowflake packages."""
    assert [path for path in FOLDER.rglob("*") if path.suffix in {".py", ".pyi"}] == []
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_statement_parses(path: Path) -> None:
    """Each statement parses as Snowflake's, or is of a kind that is known not to."""
    for statement in statements(path):
        if isinstance(statement, exp.Command):
            assert OPAQUE.fullmatch(statement.sql(comments=False)), statement.sql()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_habits(path: Path) -> None:
    """FORMAT_NAME is quoted, stage URLs end with a slash, nothing with state is ever replaced."""
    text = re.sub(r"--[^\n]*", "", path.read_text())
    assert not re.search(r"FORMAT_NAME\s*=\s*[^'\s]", text)
    assert all(url.endswith("/") for url in re.findall(r"'(s3://[^']*)'", text))
    replaced = re.findall(r"CREATE OR REPLACE (\w+)", text)
    assert set(replaced) <= {"VIEW"}
    if not path.name.startswith("R__"):
        assert len(re.findall(r"^CREATE ", text, re.MULTILINE)) == text.count("IF NOT EXISTS")


def test_the_migrations_leave_the_account_files_alone() -> None:
    """Files of the account folder are for an administrator."""
    planned = {migration.script for migration in plan(FOLDER, VARIABLES, {})}
    assert planned == {path.name for path in FOLDER.glob("*.sql")}


def test_views_come_as_repeatable_files_only() -> None:
    """A repeatable file holds views, a versioned one none."""
    for path in FILES:
        kinds = {str(s.args.get("kind")) for s in statements(path) if isinstance(s, exp.Create)}
        assert (kinds == {"VIEW"}) if path.name.startswith("R__") else ("VIEW" not in kinds)
