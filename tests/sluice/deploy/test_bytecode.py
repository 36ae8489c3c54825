"""Compiled modules in a layer: Python takes them, and takes nothing else for them."""

import subprocess
import sys
from pathlib import Path

from sluice.deploy.bytecode import with_bytecode

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
SOURCES = {
    "site/pack/__init__.py": b"from pack.inner import VALUE\n",
    "site/pack/inner.py": b"VALUE = 'compiled'\n",
    "site/pack/data.json": b"{}",
}


def _written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "site"


def test_python_imports_the_compiled_module(tmp_path: Path) -> None:
    """Even where the source says something else by now: it is not looked at."""
    site = _written(tmp_path, with_bytecode(SOURCES, HERE))
    (site / "pack/inner.py").write_bytes(b"VALUE = 'source'\n")
    command = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path[:0] = [{str(site)!r}]; import pack; print(pack.VALUE)",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "compiled\n"


def test_sources_and_other_files_stay() -> None:
    """A stack trace shows lines; only modules get a second file."""
    files = with_bytecode(SOURCES, HERE)
    assert {name: files[name] for name in SOURCES} == SOURCES
    added = {f"site/pack/__pycache__/{name}.{TAG}.pyc" for name in ("__init__", "inner")}
    assert files.keys() - SOURCES.keys() == added


def test_what_does_not_compile_is_left_alone() -> None:
    """Packages hold templates and sources of other Pythons."""
    odd = {"a/template.py": b"{{ name }} = ?", "a/old.py": b"print 'x'", "a/nul.py": b"\x00"}
    assert with_bytecode(odd, HERE) == odd


def test_other_python_compiles_for_itself() -> None:
    """Its bytecode is another one."""
    assert with_bytecode(SOURCES, "2.7") == SOURCES


def test_same_sources_make_the_same_layer() -> None:
    """The layer's name is the hash of its content: a new name would replace every function."""
    assert with_bytecode(SOURCES, HERE) == with_bytecode(dict(SOURCES), HERE)
