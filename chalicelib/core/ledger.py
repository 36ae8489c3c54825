"""The ledger's words: what is known of one landed file, and what Snowflake says of it.

States only move forward: noticed, submitted, and from there to an end, or by way of `unknown` when the
file was found nowhere and a copy of it was submitted instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.core.landing import LandedFile


class State(StrEnum):
    """Where a landed file stands."""

    NOTICED = "noticed"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    LOADED = "loaded"
    PARTIAL = "partial"
    FAILED = "failed"


UNFINISHED = (State.NOTICED, State.SUBMITTED)
"""Somebody still has to do something for these."""

FINISHABLE = (*UNFINISHED, State.UNKNOWN)
"""The states from which a file may end as loaded, partial or failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Snowflake says of one file. `state` is loaded, partial or failed; `rows` counts rows loaded."""

    state: State
    rows: int
    rows_parsed: int | None = None
    first_error: str | None = None
    error_line: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in the ledger. Times are RFC 3339 in UTC with milliseconds.

    `attempts` counts submissions. `reload_of` and `reloaded_as` name files, bucket and key, that hold the
    same bytes under another key.
    """

    file: LandedFile
    pipe: str
    state: State
    noticed_at: str
    changed_at: str
    submitted_at: str | None = None
    attempts: int = 0
    rows: int | None = None
    first_error: str | None = None
    reload_of: str | None = None
    reloaded_as: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a pipe reports of finished files, by path relative to its snowflake stage.

    `complete` is False when it missed some: then one must look further back.
    """

    complete: bool
    outcomes: Mapping[str, Outcome]


@dataclass(frozen=True, slots=True)
class Compared:
    """How far landing was compared with the ledger.

    What landed until `through` is in the ledger. A comparison that began at `began_at` and was cut off goes on
    behind the key `after`.
    """

    through: str | None = None
    began_at: str | None = None
    after: str | None = None
