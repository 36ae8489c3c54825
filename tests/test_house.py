"""The house: who may import whom, read from every module's own text. The table is DESIGN §2 as data."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

STDLIB = "the standard library"

MAY_IMPORT = {
    "chalicelib/core": {STDLIB, "orjson", "chalicelib.core"},
    "chalicelib/contracts": {STDLIB, "orjson", "jsonschema_rs", "chalicelib.core", "chalicelib.contracts"},
    "chalicelib/stages": {STDLIB, "chalicelib.core", "chalicelib.contracts", "chalicelib.stages"},
    "chalicelib/api": {
        STDLIB,
        "orjson",
        "chalicelib.core",
        "chalicelib.contracts",
        "chalicelib.stages",
        "chalicelib.api",
    },
    "chalicelib/api/http.py": {STDLIB, "chalice", "chalicelib.api"},
    "chalicelib/adapters": {
        STDLIB,
        "orjson",
        "uuid_utils",
        "boto3",
        "botocore",
        "requests",
        "snowflake",
        "chalicelib.core",
        "chalicelib.stages",
        "chalicelib.adapters",
    },
    "chalicelib/settings.py": {STDLIB, "chalicelib"},
    "chalicelib/wiring.py": {STDLIB, "chalicelib"},
    "chalicelib/__init__.py": {STDLIB},
    "app.py": {
        STDLIB,
        "chalice",
        "chalicelib.wiring",
        "chalicelib.api",
        "chalicelib.adapters.s3_notification",
    },
    "firehose_transform": {STDLIB, "chalicelib.core", "chalicelib.contracts", "firehose_transform"},
    "firehose_transform/handler.py": {
        STDLIB,
        "boto3",
        "botocore",
        "chalicelib.core",
        "chalicelib.contracts",
        "firehose_transform",
    },
}
"""Each module, or each module of a folder, and the packages it may import from. The longest name that fits holds."""

ONLY_LAZILY = {"snowflake", "requests"}
"""Imported inside functions: the SDK costs half a second, which no other function should pay."""

NOT_LAZILY = "sluice/local/snowflake/"
"""The stand-in is a process of its own that always needs the connector's errors and cursor. Nothing else is excused."""


@dataclass(frozen=True)
class Import:
    """One import of one module: `name` is what is imported, `lazy` whether inside a function."""

    file: str
    name: str
    lazy: bool

    @property
    def package(self) -> str:
        """Return the top of the imported name."""
        return self.name.partition(".")[0]

    def is_from(self, package: str) -> bool:
        """Tell whether the imported name lies in a package."""
        if package == STDLIB:
            return self.package in sys.stdlib_module_names
        return f"{self.name}.".startswith(f"{package}.")


def modules(*places: str) -> Iterator[Path]:
    """Yield every Python file of files and folders."""
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path: Path) -> Iterator[Import]:
    """Yield a module's imports, wherever they stand."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    in_functions = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        for name in _names(node):
            yield Import(path.relative_to(ROOT).as_posix(), name, id(node) in in_functions)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute here"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def allowed_for(file: str) -> set[str]:
    """Return what a file may import: the row with the longest name that fits."""
    rows = [place for place in MAY_IMPORT if file == place or file.startswith(f"{place}/")]
    assert rows, f"{file} has no row in the table"
    return MAY_IMPORT[max(rows, key=len)]


DEPLOYED = [found for path in modules("app.py", "chalicelib", "firehose_transform") for found in imports(path)]


def breaches() -> list[Import]:
    """Return every import that the table does not allow."""
    return [found for found in DEPLOYED if not any(found.is_from(package) for package in allowed_for(found.file))]


def test_every_module_keeps_the_table() -> None:
    """No import but those of its row."""
    assert breaches() == []


def test_every_row_is_about_something() -> None:
    """A row whose folder has gone guards nothing."""
    assert [place for place in MAY_IMPORT if not (ROOT / place).exists()] == []


def test_nothing_deployed_imports_the_tool() -> None:
    """The operator's tool is never deployed."""
    assert [found for found in DEPLOYED if found.package in {"sluice", "tests"}] == []


def test_heavy_packages_are_imported_on_first_use() -> None:
    """In adapters and in the tool snowflake.* stands only inside functions; requests likewise where it is deployed."""
    tool = [found for path in modules("sluice") for found in imports(path) if found.package == "snowflake"]
    heavy = [found for found in DEPLOYED if found.package in ONLY_LAZILY]
    eager = [found for found in [*tool, *heavy] if not found.lazy]
    assert [found for found in eager if not found.file.startswith(NOT_LAZILY)] == []


def test_only_settings_and_wiring_look_at_the_environment() -> None:
    """os.environ is read by wiring, for settings, and by the entry points, which start the process."""
    readers = {found.file for found in DEPLOYED if found.package == "os"}
    assert readers <= {
        "app.py",
        "chalicelib/wiring.py",
        "chalicelib/adapters/batch_log.py",
        "firehose_transform/handler.py",
    }


def test_the_core_has_no_clock_and_no_io() -> None:
    """Pure values: nothing in core imports what waits, reads, writes, or asks for the time or for chance."""
    impure = {
        "time",
        "os",
        "io",
        "pathlib",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "threading",
        "logging",
        "urllib",
    }
    core = [found for found in DEPLOYED if found.file.startswith("chalicelib/core/")]
    assert [found for found in core if found.package in impure] == []
    clock = ("datetime.now(", "utcnow(", "date.today(", "uuid1(", "uuid4(", "open(")
    texts = {path: path.read_text() for path in modules("chalicelib/core")}
    assert [(path.name, call) for path, text in texts.items() for call in clock if call in text] == []


def test_no_python_lies_under_snowflake() -> None:
    """A .py there would hide the installed snowflake.* packages."""
    assert list((ROOT / "snowflake").rglob("*.py")) == []


def test_chalice_is_imported_from_where_it_is_typed() -> None:
    """`from chalice.app import …` passes strict typing, `from chalice import …` does not."""
    assert [found for found in DEPLOYED if found.package == "chalice" and not found.is_from("chalice.app")] == []


def test_an_import_that_is_not_allowed_is_found() -> None:
    """The test itself can fail: names are read from every form of import, lazy ones too."""
    path = ROOT / "chalicelib" / "core" / "imagined.py"
    tree = ast.parse("import boto3.session\nfrom chalicelib import stages\ndef f():\n    import snowflake.ingest\n")
    names = [name for node in ast.walk(tree) for name in _names(node)]
    found = [Import(path.relative_to(ROOT).as_posix(), name, lazy=False) for name in names]
    assert names == ["boto3.session", "chalicelib.stages", "snowflake.ingest"]
    assert [one.name for one in found if any(one.is_from(package) for package in allowed_for(one.file))] == []
