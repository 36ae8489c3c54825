"""The transform's small zip: our code and two compiled packages. Nothing of the app itself gets in."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sluice.deploy.archives import files_below, files_in, require, write_archive
from sluice.deploy.requirements import read_pins
from sluice.deploy.target import Target

COMPILED = ("orjson", "jsonschema-rs")
SOURCES = ("firehose_transform", "chalicelib/core", "chalicelib/contracts")
NEEDED = (
    "firehose_transform/handler.py",
    "chalicelib/__init__.py",
    "chalicelib/core/__init__.py",
    "chalicelib/contracts/__init__.py",
    "chalicelib/contracts/schemas/",
    "orjson/__init__.py",
    "jsonschema_rs/__init__.py",
)


class DownloadFailedError(Exception):
    """A wheel could not be fetched; the message holds what pip said."""


def build_transform_zip(root: Path, build_dir: Path, target: Target) -> Path:
    """Build the transform's zip from the project at `root`; the same content gives the same path.

    Writes below `build_dir` only; wheels are fetched once for each set of pins.
    Raises MissingFromArchiveError, NotPinnedError or DownloadFailedError.
    """
    files = {"chalicelib/__init__.py": (root / "chalicelib/__init__.py").read_bytes()}
    for source in SOURCES:
        files |= files_below(root / source, f"{source}/")
    for wheel in _wheels(root, build_dir, target):
        files |= files_in(wheel)
    archive = write_archive(build_dir / "transform", "transform", files)
    require(archive, NEEDED)
    return archive


def wheel_folder(root: Path, build_dir: Path, target: Target) -> Path:
    """Return where the wheels for these pins and this target are kept."""
    key = hashlib.sha256(f"{target}\n{_pins(root)}".encode()).hexdigest()[:16]
    return build_dir / "wheels" / key


def _pins(root: Path) -> str:
    return "\n".join(read_pins(root / "requirements.txt", COMPILED))


def _wheels(root: Path, build_dir: Path, target: Target) -> list[Path]:
    folder = wheel_folder(root, build_dir, target)
    if not folder.exists():
        _download(_pins(root), folder, target)
    return sorted(folder.glob("*.whl"))


def _download(pins: str, folder: Path, target: Target) -> None:
    """Fill `folder` with wheels, or leave no trace of it: a half-filled one would be taken for whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        wanted, fetched = Path(scratch, "requirements.txt"), Path(scratch, "wheels")
        wanted.write_text(pins, encoding="utf-8")
        result = subprocess.run(_pip(wanted, fetched, target), capture_output=True, text=True, check=False)
        if result.returncode:
            raise DownloadFailedError(f"pip could not fetch {', '.join(COMPILED)}:\n{result.stderr.strip()}")
        shutil.move(fetched, folder)


def _pip(wanted: Path, into: Path, target: Target) -> list[str]:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    machine = [
        "--platform",
        target.wheel_platform,
        "--implementation",
        "cp",
        "--python-version",
        target.python,
    ]
    return [
        sys.executable,
        "-m",
        "pip",
        "download",
        *options,
        *machine,
        "--dest",
        str(into),
        "-r",
        str(wanted),
    ]
