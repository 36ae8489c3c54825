"""Zip files that come out the same, byte for byte, from the same content, and proof of what is in them."""

import hashlib
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold. Source: PKWARE APPNOTE 4.4.6."""
READABLE_FILE = 0o100644
UNIX = 3
HASH_LENGTH = 16

Files = Mapping[str, bytes]


class MissingFromArchiveError(Exception):
    """An archive lacks something the code in it needs; deployed, it would fail at the first call."""


def files_below(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """Return the content of all files below `folder` by their path in it, behind `prefix`. Read-only."""
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def files_in(archive: Path) -> dict[str, bytes]:
    """Return the content of all files in a zip by their path in it. Read-only."""
    with zipfile.ZipFile(archive) as opened:
        return {entry.filename: opened.read(entry) for entry in opened.infolist() if not entry.is_dir()}


def content_hash(files: Files) -> str:
    """Return a short hash of names and contents, whatever the order they come in."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()[:HASH_LENGTH]


def write_archive(folder: Path, stem: str, files: Files) -> Path:
    """Write `files` to `<folder>/<stem>-<hash>.zip`, or leave the one that is there already. Writes."""
    target = folder / f"{stem}-{content_hash(files)}.zip"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name], zipfile.ZIP_DEFLATED)
    unfinished.replace(target)
    return target


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = UNIX
    entry.external_attr = READABLE_FILE << 16
    return entry


def require(archive: Path, needed: Iterable[str]) -> None:
    """Check that `archive` holds every path in `needed`; one that ends in "/" stands for a folder with files.

    Raises MissingFromArchiveError naming all that is missing. Read-only.
    """
    with zipfile.ZipFile(archive) as opened:
        held = opened.namelist()
    missing = [path for path in needed if not _holds(held, path)]
    if missing:
        raise MissingFromArchiveError(f"{archive.name} lacks {', '.join(missing)}")


def _holds(held: Collection[str], path: str) -> bool:
    if path.endswith("/"):
        return any(name.startswith(path) and name != path for name in held)
    return path in held
