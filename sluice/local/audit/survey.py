"""One look at every store of the road: where each line of ours was seen, and what lies there beside it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self, TypeAlias

from chalicelib.core.failed_event import Stage
from chalicelib.core.landing import reload_number
from sluice.local.audit.contents import Contents, LineId
from sluice.local.audit.holdings import EVENTS, Held, Holdings
from sluice.local.audit.rows import raw_lines
from sluice.local.audit.stores import Stores

Lines: TypeAlias = frozenset[LineId]

_NONE: Lines = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """What the request log says of one receipt: events by what became of them."""

    offered: int
    accepted: int
    rejected: int
    unavailable: int

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Return what an entry of the log says."""
        return cls(entry["offered"], entry["accepted"], entry["rejected"], entry["unavailable"])


@dataclass(frozen=True, slots=True)
class Sightings:
    """The lines of ours that each store holds.

    `rejected` are the events that collect set aside, `set_aside` what was set aside after it: each failed event,
    each line of Firehose's own errors, each line of a file that failed to load. `stream` is only looked into
    when it is asked for.
    """

    spilled: Lines = _NONE
    stream: Lines = _NONE
    landed: Lines = _NONE
    rejected: Lines = _NONE
    set_aside: Lines = _NONE
    raw: Lines = _NONE

    @property
    def arrived(self) -> Lines:
        """Return the lines that have come to an end of the road."""
        return self.raw | self.set_aside

    @property
    def delivered(self) -> Lines:
        """Return the lines that have come as far as landing, or further."""
        return self.landed | self.raw

    @property
    def waiting(self) -> Lines:
        """Return the lines that wait in spill/ and were not seen further on."""
        return self.spilled - self.stream - self.landed - self.arrived

    @property
    def accepted(self) -> Lines:
        """Return every line that some store holds: the API took it, whatever it answered."""
        return self.spilled | self.stream | self.landed | self.arrived


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    `landed_lines` counts the lines in landing, whoever wrote them; a copy that was made to load a file again
    adds none. `failed` counts distinct failed events by stage, `files` are the keys of all files of events,
    copies among them. `faults` says of objects, by key, what could not be read.
    """

    requests: Mapping[str, Request] = field(default_factory=dict)
    lines: Sightings = field(default_factory=Sightings)
    landed_lines: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    faults: Mapping[str, str] = field(default_factory=dict)


def take_survey(stores: Stores, holdings: Holdings, read_stream: Callable[[], Lines] = frozenset) -> Survey:
    """Look into every store in the order of the road: what moves on meanwhile is then seen further along."""
    requests = {entry["receipt"]: Request.of(entry) for entry in stores.requests()}
    spilled = holdings.spilled()
    stream = read_stream()
    events = holdings.events()
    failed = {stage: holdings.failed_events(stage) for stage in Stage}
    raw = raw_lines(stores.warehouse)
    holdings.remember()
    originals = [held for key, held in events.items() if not reload_number(key, EVENTS)]
    return Survey(
        requests,
        Sightings(
            spilled=_lines(spilled.values()),
            stream=stream,
            landed=_lines(events.values()),
            rejected=_lines(failed[Stage.COLLECT].values()),
            set_aside=_set_aside(failed, events),
            raw=raw,
        ),
        landed_lines=sum(held.lines for held in originals),
        failed={stage.value: len(_ids(held.values())) for stage, held in failed.items()},
        files=frozenset(key for key in events if not key.endswith("/")),
        faults=_faults(spilled, events, *failed.values()),
    )


def _set_aside(failed: Mapping[Stage, Held], events: Held) -> Lines:
    """Return the lines that stages after collect set aside, one by one or with their file."""
    after_collect = [held for stage, kept in failed.items() if stage is not Stage.COLLECT for held in kept.values()]
    files = {key for held in after_collect for key in held.files}
    return _lines(after_collect) | _lines(events[key] for key in files & events.keys())


def _lines(contents: Iterable[Contents]) -> Lines:
    return frozenset(chain.from_iterable(held.line_ids() for held in contents))


def _ids(contents: Iterable[Contents]) -> set[str]:
    """Return the ids of failed events: one that lies in two objects counts once."""
    return set(chain.from_iterable(held.failed for held in contents))


def _faults(*stores: Held) -> dict[str, str]:
    return {key: "; ".join(held.faults) for store in stores for key, held in store.items() if held.faults}
