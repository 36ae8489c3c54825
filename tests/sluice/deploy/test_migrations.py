"""Planning and applying the SQL files, against a warehouse that only remembers."""

from pathlib import Path
from typing import Any, Self

import pytest
from snowflake.connector.errors import ProgrammingError

from sluice.deploy.migrations import MigrationError, apply, plan

VARIABLES = {"database": "D"}


class Warehouse:
    """A fake of a connection and its cursor: an action log, and the history table once it is made."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.history: list[tuple[str, str]] | None = None
        self.broken: str | None = None

    def cursor(self) -> Self:
        """Give itself."""
        return self

    def execute(self, command: str, params: Any = None) -> None:
        """Do what the history needs and log the rest."""
        if command == self.broken:
            raise ProgrammingError(msg="broken", errno=1, sqlstate="x")
        if command.startswith("SELECT SCRIPT") and self.history is None:
            raise ProgrammingError(msg="no table", errno=2003, sqlstate="x")
        if "TABLE IF NOT EXISTS D.OPS.CHANGE_HISTORY" in command:
            self.history = []
        elif command.startswith("INSERT INTO D.OPS.CHANGE_HISTORY"):
            assert self.history is not None
            self.history.append(params)
        elif not command.startswith(("SELECT SCRIPT", "CREATE DATABASE", "CREATE SCHEMA")):
            self.log.append(command)

    def fetchall(self) -> list[Any]:
        """Give the history."""
        return list(self.history or [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with two versioned files and a view."""
    (tmp_path / "V010__b.sql").write_text("B {{ database }};")
    (tmp_path / "V2__a.sql").write_text("-- why; not\nA1;\nA2 ';' /* ; */;\n-- the end\n")
    (tmp_path / "R__view.sql").write_text("VIEW {{ database }}.{{ name }};")
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "V1__never.sql").write_text("NEVER;")
    return tmp_path


def run(folder: Path, warehouse: Warehouse, name: str = "v") -> list[str]:
    """Apply and name what ran."""
    return [m.script for m in apply(warehouse, folder, VARIABLES | {"name": name})]


def test_versions_run_in_numeric_order_and_views_last(folder: Path) -> None:
    """Two comes before ten; statements are split at their own semicolons only."""
    planned = plan(folder, VARIABLES | {"name": "v"}, {})
    assert [m.script for m in planned] == ["V2__a.sql", "V010__b.sql", "R__view.sql"]
    assert planned[0].statements == ("-- why; not\nA1", "A2 ';' /* ; */")
    assert planned[1].statements == ("B D",)


def test_everything_runs_once(folder: Path) -> None:
    """A second run of unchanged files does nothing."""
    warehouse = Warehouse()
    assert run(folder, warehouse) == ["V2__a.sql", "V010__b.sql", "R__view.sql"]
    before = list(warehouse.log)
    assert run(folder, warehouse) == []
    assert warehouse.log == before


def test_a_view_runs_again_when_its_text_or_a_variable_changes(folder: Path) -> None:
    """A repeatable file is known by what it says once the variables are in."""
    warehouse = Warehouse()
    run(folder, warehouse)
    assert run(folder, warehouse, name="w") == ["R__view.sql"]
    assert run(folder, warehouse, name="v") == ["R__view.sql"]


def test_a_changed_version_is_refused_by_name(folder: Path) -> None:
    """What has run cannot be changed; nothing else runs either."""
    warehouse = Warehouse()
    run(folder, warehouse)
    (folder / "V2__a.sql").write_text("OTHER;")
    (folder / "V11__c.sql").write_text("C;")
    with pytest.raises(MigrationError, match=r"V2__a\.sql was changed"):
        run(folder, warehouse)
    assert "C" not in warehouse.log


def test_an_interrupted_file_starts_over(folder: Path) -> None:
    """A file is remembered only when all its statements ran; the error names file and statement."""
    warehouse = Warehouse()
    warehouse.broken = "A2 ';' /* ; */"
    with pytest.raises(MigrationError, match=r"V2__a\.sql, statement 2: .*broken"):
        run(folder, warehouse)
    warehouse.broken = None
    assert run(folder, warehouse)[0] == "V2__a.sql"
    assert warehouse.log.count("-- why; not\nA1") == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("V3__x.sql", "{{ unknown }};", r"V3__x\.sql: 'unknown' is undefined"),
        ("V02__x.sql", "X;", "two files have the number 2"),
        ("whatever.sql", "X;", r"whatever\.sql: neither"),
    ],
)
def test_bad_files_are_named(folder: Path, name: str, text: str, message: str) -> None:
    """An unknown variable, a doubled number, a strange name: a clear error before anything runs."""
    (folder / name).write_text(text)
    with pytest.raises(MigrationError, match=message):
        plan(folder, VARIABLES | {"name": "v"}, {})


def test_the_database_must_be_an_identifier(folder: Path) -> None:
    """A name that could be SQL is refused."""
    with pytest.raises(MigrationError, match="no plain identifier"):
        apply(Warehouse(), folder, {"database": "x; DROP"})
