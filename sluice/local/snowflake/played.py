"""Which of Snowpipe's faults are on now: the stand-in's one look at the run's fault file."""

from collections.abc import Callable
from pathlib import Path

from sluice.local.faults import FaultFile

Played = Callable[[str], bool]
"""Tells whether a kind of fault (`429`, `fail-file` …) is on at this moment; cheap enough for every call."""

_TARGET = "snowpipe"


def nothing(_kind: str) -> bool:
    """Play no fault."""
    return False


def played_from(path: Path | None) -> Played:
    """Return what looks at a fault file; without one nothing is ever played."""
    if path is None:
        return nothing
    faults = FaultFile(path)
    return lambda kind: faults.active(_TARGET, kind) is not None
