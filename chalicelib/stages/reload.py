"""Reload: load a file once more under a new key, because Snowpipe remembers every path it ever received.

A copy is an entry of its own in the ledger that says what it is a copy of. Each step may be done again: the
copy is the same object, it is noted once, and the original names it last of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from chalicelib.core.landing import LandedFile, Pipe, reload_key
from chalicelib.core.ledger import Entry, State
from chalicelib.stages.landing import FileGoneError, Landing

REDRIVABLE = (State.FAILED, State.PARTIAL, State.UNKNOWN)
"""What an operator may have loaded again."""


class ReloadLedger(Protocol):
    """The ledger, as far as copies are concerned."""

    def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
        """Note a file once; tell whether it still has to be submitted."""

    def mark_reloaded(self, file: LandedFile, reloaded_as: str) -> bool:
        """Note once which copy is loaded instead of an ended file, whose state stays; tell whether that was new."""


@dataclass(frozen=True, slots=True)
class Reload:
    """One file to be loaded again, and the file to load it as. A plan: nothing is done yet."""

    entry: Entry
    to: LandedFile
    pipe: Pipe


class Copy(StrEnum):
    """What became of a copy: nothing, as the object is gone; noticed only; or somebody has submitted it already."""

    GONE = "gone"
    NOTICED = "noticed"
    SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did: the files that were copied, and those that are no longer in landing."""

    reloaded: tuple[Reload, ...]
    gone: tuple[Reload, ...]


def plan_reload(entry: Entry, pipe: Pipe) -> Reload:
    """Return how a file is loaded again."""
    return Reload(entry, replace(entry.file, key=reload_key(entry.file.key, pipe.prefix), etag=None), pipe)


def plan_redrive(entries: Iterable[Entry], pipes: Sequence[Pipe]) -> list[Reload]:
    """Return how those files are loaded again that ended badly, of a known pipe, and were not reloaded before."""
    by_name = {pipe.name: pipe for pipe in pipes}
    return [
        plan_reload(entry, by_name[entry.pipe])
        for entry in entries
        if entry.state in REDRIVABLE and entry.reloaded_as is None and entry.pipe in by_name
    ]


def redrive(plan: Iterable[Reload], ledger: ReloadLedger, landing: Landing) -> Redriven:
    """Copy files to their new keys, note the copies, and name each in its original's entry. Writes.

    Landing announces a copy as it announces any file, so load submits it; reconcile does if the announcement
    is lost. Doing it twice, or twice at once, loads a file once. Raises LandingUnavailableError: do it again then.
    """
    brought = [(reload, bring(reload, ledger, landing)) for reload in plan]
    reloaded = tuple(reload for reload, copy in brought if copy != Copy.GONE)
    for reload in reloaded:
        ledger.mark_reloaded(reload.entry.file, reload.to.name)
    return Redriven(reloaded, tuple(reload for reload, copy in brought if copy == Copy.GONE))


def bring(reload: Reload, ledger: ReloadLedger, landing: Landing) -> Copy:
    """Copy one file to its new key and note the copy. Raises LandingUnavailableError.

    It is noted after it was made and never before: Snowpipe would remember a path that is not there.
    """
    try:
        landing.copy(reload.entry.file.key, reload.to.key)
    except FileGoneError:
        return Copy.GONE
    is_new = ledger.notice(reload.to, reload.pipe.name, reload.entry.file.name)
    return Copy.NOTICED if is_new else Copy.SUBMITTED
