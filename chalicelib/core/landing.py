"""Files in landing and the pipes that load them: names and keys, no bucket.

A pipe is the only way in for its prefix. A file is loaded again under a new key only: Snowpipe remembers
every path it ever received, failed ones too.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.core.limits import MAX_KEY_BYTES

_SUFFIXES = re.compile(r"(\.[A-Za-z0-9]{1,8}){0,2}$")
_RELOAD = re.compile(r"reload=([1-9][0-9]{0,8})/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One object in landing, as S3 announced it. `key` is decoded, `size_bytes` may be unknown."""

    bucket: str
    key: str
    size_bytes: int | None = None
    etag: str | None = None

    @property
    def name(self) -> str:
        """Return the name the ledger knows it by: bucket and key."""
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe, the landing prefix it loads from, and the table it loads into."""

    name: str
    prefix: str
    table: str

    def path(self, file: LandedFile) -> str:
        """Return the file's path relative to the pipe's snowflake stage."""
        return file.key.removeprefix(self.prefix)


def pipes_of(database: str) -> tuple[Pipe, ...]:
    """Return the pipes of a database, as `snowflake/V*.sql` make them: the only way in for each prefix."""
    raw = f"{database}.RAW"
    return (Pipe(f"{raw}.EVENTS_PIPE", "events/", f"{raw}.EVENTS"),)


def pipe_for(file: LandedFile, pipes: Iterable[Pipe]) -> Pipe | None:
    """Return the pipe that loads a file; None for another prefix, and for a console's empty "folder"."""
    if file.key.endswith("/"):
        return None
    return next((pipe for pipe in pipes if file.key.startswith(pipe.prefix)), None)


def reload_key(key: str, prefix: str) -> str:
    """Return the key under which a file is loaded once more: `a` as `reload=1/a`, that as `reload=2/a`.

    A path too long for S3 gives way to its fingerprint. Raises ValueError for a key outside the prefix.
    """
    if not key.startswith(prefix):
        raise ValueError(f'"{key}" does not lie under "{prefix}"')
    number, path = _reload(key.removeprefix(prefix))
    again = f"{prefix}reload={number + 1}/{path}"
    if len(again.encode()) <= MAX_KEY_BYTES:
        return again
    suffixes = _SUFFIXES.search(path)
    fingerprint = hashlib.sha256(path.encode()).hexdigest()
    return f"{prefix}reload={number + 1}/{fingerprint}{suffixes[0] if suffixes else ''}"


def reload_number(key: str, prefix: str) -> int:
    """Return how often a file was copied to be loaded again: 0 for the file as it landed."""
    return _reload(key.removeprefix(prefix))[0]


def _reload(path: str) -> tuple[int, str]:
    """Return the number in a path's `reload=<n>/`, and the path behind it."""
    found = _RELOAD.fullmatch(path)
    return (int(found[1]), found[2]) if found else (0, path)
