"""Drain: put spilled lines on the stream, the oldest first, and delete an object once all of it is confirmed.

Wherever it is cut off, and when two drains run at once, lines are put again and never lost: they come
twice to RAW at worst, once to CORE.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.core.record import Record, pack
from chalicelib.core.spill import (
    Spill,
    SpilledLine,
    StoredSpill,
    UnreadableSpillError,
    loads,
    oldest_first,
    read_spill,
    spill_object,
)
from chalicelib.stages.budget import Budget
from chalicelib.stages.publish import Stream, put_once

log = logging.getLogger(__name__)

_READ_S = 2.0
_SETTLE_S = 3.0
"""What reading a load, and putting away what became of it, take at most on a normal day. A worse day may cut
the drain off, which costs nothing but repeated lines."""

_LONGEST_PAUSE = 10
"""A number of attempts whose pause is the longest: on a throttled shard there is room again after a second."""

_FRUITLESS_TRIES = 3
_FRUIT = 16
"""A try is fruitless when it confirms less than a sixteenth of its records. A shard that has nothing else to do
takes more in the second since the last try, one that live posts fill takes less."""

_BARREN_LOADS = 3
"""After so many loads in a row of which nothing was confirmed, the stream as a whole is taken to be throttled."""

_NAMED_KEYS = 10
"""In one line of the log."""


class Spills(Protocol):
    """Where lines wait that the stream did not take, as this stage sees it."""

    def stored(self) -> list[StoredSpill]:
        """List every object under the prefix, in any order."""

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read objects, None for each that is gone or could not be read."""

    def keep(self, spill: Spill) -> bool:
        """Put one object; tell whether it is safe. An error is logged, not raised."""

    def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete objects; return which are gone. An error is logged, not raised."""


@dataclass(slots=True)
class _Progress:
    """One drain so far: `left` holds what still waits and since when, `busy` the keys that are throttled."""

    left: dict[str, float]
    busy: set[str] = field(default_factory=set)
    barren: int = 0
    objects: int = 0
    lines: int = 0
    records: int = 0
    unconfirmed: int = 0
    unreadable: int = 0

    def facts(self, now_s: float) -> dict[str, int]:
        """Return the drain's line for the log."""
        return {
            "objects": self.objects,
            "lines": self.lines,
            "records": self.records,
            "unconfirmed": self.unconfirmed,
            "unreadable": self.unreadable,
            "left_objects": len(self.left),
            "oldest_spill_s": max(0, int(now_s - min(self.left.values(), default=now_s))),
        }


@dataclass(frozen=True, slots=True)
class Drain:
    """The stage, given its ports and a clock in unix seconds."""

    spills: Spills
    stream: Stream
    now_s: Callable[[], float]

    def run(self, budget: Budget) -> dict[str, int]:
        """Drain until nothing is left, time is up, or the stream takes nothing; return the facts.

        `objects` are gone, `lines` in `records` were confirmed, `unconfirmed` lines were looked at and wait;
        `left_objects` wait, those `unreadable` among them, the oldest put `oldest_spill_s` ago.
        """
        stored = oldest_first(self.spills.stored())
        progress = _Progress({spill.key: spill.stored_s for spill in stored})
        _report([spill.key for spill in stored if spill.line_count is None], "no spill of ours", progress)
        for load in loads(spill for spill in stored if spill.line_count is not None):
            if progress.barren == _BARREN_LOADS or not budget.allows(_READ_S + self.stream.call_s + _SETTLE_S):
                break
            self._drain(load, progress, budget.at_most(budget.remaining_s() - _SETTLE_S))
        return progress.facts(self.now_s())

    def _drain(self, load: Sequence[StoredSpill], progress: _Progress, budget: Budget) -> None:
        """Put a load's lines on the stream, but those of keys that are busy, and settle its objects."""
        objects = self._open([spill.key for spill in load], progress)
        waiting = list(dict.fromkeys(line for lines in objects.values() for line in lines))
        tried = [line for line in waiting if line.partition_key not in progress.busy]
        confirmed = self._put(tried, load[0].key, progress, budget)
        progress.lines += len(confirmed)
        progress.unconfirmed += len(waiting) - len(confirmed)
        self._settle(objects, confirmed, progress)

    def _open(self, keys: Sequence[str], progress: _Progress) -> dict[str, list[SpilledLine]]:
        """Return the lines of each object that is there and can be read."""
        objects: dict[str, list[SpilledLine]] = {}
        for key, body in zip(keys, self.spills.read(keys), strict=True):
            if body is None:
                continue
            try:
                objects[key] = read_spill(body)
            except UnreadableSpillError as fault:
                _report([key], str(fault), progress)
        return objects

    def _put(
        self, lines: Sequence[SpilledLine], first_key: str, progress: _Progress, budget: Budget
    ) -> frozenset[SpilledLine]:
        """Put lines on the stream; return those it confirmed, and note what keeps the others waiting."""
        spread_key = first_key.rpartition("/")[2][:64]
        records = pack([line.as_line(index) for index, line in enumerate(lines)], spread_key)
        left, refused = self._insist(records, budget)
        waiting = {index for record in left for index in record.indexes}
        progress.records += len(records) - len(left)
        progress.busy |= {key for index in waiting if (key := lines[index].partition_key) is not None}
        if refused:
            progress.barren = _BARREN_LOADS
        elif records:
            progress.barren = progress.barren + 1 if len(left) == len(records) else 0
        return frozenset(line for index, line in enumerate(lines) if index not in waiting)

    def _insist(self, records: Sequence[Record], budget: Budget) -> tuple[list[Record], bool]:
        """Put records, and again those that failed, once a second while it bears fruit.

        Return those not confirmed, and whether the stream refused them.
        """
        left, refused, fruitless = list(records), False, 0
        while left:
            tried = len(left)
            left, refused = put_once(left, self.stream, budget)
            fruitless = 0 if (tried - len(left)) * _FRUIT >= tried else fruitless + 1
            is_over = refused or not left or fruitless == _FRUITLESS_TRIES
            if is_over or not budget.pause(_LONGEST_PAUSE, self.stream.call_s):
                break
        return left, refused

    def _settle(
        self, objects: Mapping[str, Sequence[SpilledLine]], confirmed: Collection[SpilledLine], progress: _Progress
    ) -> None:
        """Delete the objects that are confirmed, and those of which a part is once the rest is an object of its own."""
        rests = {key: [line for line in lines if line not in confirmed] for key, lines in objects.items()}
        done = [key for key, rest in rests.items() if not rest]
        begun = [key for key, rest in rests.items() if 0 < len(rest) < len(objects[key])]
        if begun:
            rest = spill_object(list(dict.fromkeys(line for key in begun for line in rests[key])))
            if self.spills.keep(rest):
                progress.left.setdefault(rest.key, self.now_s())
                done = [key for key in [*done, *begun] if key != rest.key]
        for key in self.spills.delete(done) if done else ():
            progress.left.pop(key, None)
            progress.objects += 1


def _report(keys: Sequence[str], fault: str, progress: _Progress) -> None:
    """Count and name objects that nobody can drain: they stay, and a person must look."""
    progress.unreadable += len(keys)
    if keys:
        log.error("%d objects are left in the spill, %s: %s", len(keys), fault, ", ".join(keys[:_NAMED_KEYS]))
