"""The Lambda's requirements.txt, read: the one place that says which version of what is deployed."""

import re
from collections.abc import Iterable
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


class NotPinnedError(Exception):
    """A package that must be deployed is not pinned in requirements.txt."""


def pinned_lines(requirements: str, names: Iterable[str]) -> list[str]:
    """Return the requirement lines of `names` as they stand, hashes included, continuation lines joined.

    Raises NotPinnedError for a name without an exact version.
    """
    lines = {_normal(match["name"]): line for line in _logical_lines(requirements) if (match := PIN.match(line))}
    missing = [name for name in names if _normal(name) not in lines]
    if missing:
        raise NotPinnedError(f"requirements.txt pins no exact version of {', '.join(missing)}")
    return [lines[_normal(name)] for name in names]


def read_pins(path: Path, names: Iterable[str]) -> list[str]:
    """Return `pinned_lines` of a requirements file. Read-only."""
    return pinned_lines(path.read_text(encoding="utf-8"), tuple(names))


def _logical_lines(requirements: str) -> Iterable[str]:
    joined = requirements.replace("\\\n", " ")
    return (line.split(" #")[0].strip() for line in joined.splitlines() if not line.lstrip().startswith("#"))


def _normal(name: str) -> str:
    """Return the name as package indexes compare it. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
