"""Spill: deliver a request's lines to the stream, and what it does not take in time into one object.

A line is delivered when the stream confirmed it, or when the object that holds it is put; `drain` takes it
from there. A call without an answer may have reached the stream all the same: its lines are then spilled
too and come twice to RAW, never to CORE, because they keep their identity.
"""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.core.line import Line, Receipt
from chalicelib.core.spill import Spill, SpilledLine, spill_object
from chalicelib.stages.budget import Budget
from chalicelib.stages.publish import Stream, publish

_LONGEST_PUBLISH_S = 10.0
"""Without the spill a client waits no longer than this for a throttled stream. API Gateway gives up after 29 s."""

_LONGEST_TRIES_S = 3.0
"""With the spill no try begins later than this: waiting longer buys little, when the lines can be kept elsewhere."""

_PRESSURE_S = 5.0
"""How long the stream is taken to be throttled after it was. Longer than the pauses of a client that tries again."""


class SpillStore(Protocol):
    """Where lines wait that the stream did not take."""

    @property
    def put_s(self) -> float:
        """Return how long `keep` may take at most, in seconds."""

    def keep(self, spill: Spill) -> bool:
        """Put one object; tell whether it is safe. An error is logged, not raised."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the lines that the stream did not confirm, by their indexes; all others it did."""

    spilled: frozenset[int] = frozenset()
    unavailable: frozenset[int] = frozenset()


@dataclass(slots=True)
class Pressure:
    """A process's memory that the stream was throttled a moment ago.

    It only saves retries, which would multiply the load on a throttled stream; no result depends on it.
    """

    now_s: Callable[[], float] = time.monotonic
    _ends_s: float = -math.inf

    def rise(self) -> None:
        """Note that the stream did not take something."""
        self._ends_s = self.now_s() + _PRESSURE_S

    @property
    def is_high(self) -> bool:
        """Tell whether that was a moment ago."""
        return self.now_s() < self._ends_s


@dataclass(frozen=True, slots=True)
class Delivery:
    """The stage, given its ports. Without `spills` what the stream does not take is unavailable."""

    stream: Stream
    spills: SpillStore | None = None
    pressure: Pressure = field(default_factory=Pressure)

    def deliver(self, lines: Sequence[Line], receipt: Receipt, budget: Budget) -> Delivered:
        """Put the lines of one request where they are safe; `budget` is all the time the request has."""
        if self.spills is None:
            return Delivered(unavailable=publish(lines, receipt.id, self.stream, budget.at_most(_LONGEST_PUBLISH_S)))
        unconfirmed = self._publish(lines, receipt, budget, self.spills)
        if not unconfirmed:
            return Delivered()
        self.pressure.rise()
        if _keep(lines, unconfirmed, receipt, budget, self.spills):
            return Delivered(spilled=unconfirmed)
        return Delivered(unavailable=unconfirmed)

    def _publish(self, lines: Sequence[Line], receipt: Receipt, budget: Budget, spills: SpillStore) -> frozenset[int]:
        """Try as long as time for the spill remains; under pressure try once."""
        seconds = min(_LONGEST_TRIES_S + self.stream.call_s, budget.remaining_s() - spills.put_s)
        tries = 1 if self.pressure.is_high else None
        return publish(lines, receipt.id, self.stream, budget.at_most(seconds), tries)


def _keep(
    lines: Sequence[Line], unconfirmed: Collection[int], receipt: Receipt, budget: Budget, spills: SpillStore
) -> bool:
    """Spill the unconfirmed lines; tell whether they are safe. A put that might outlast the request is not begun."""
    left = [SpilledLine.of(line, receipt) for line in lines if line.index in unconfirmed]
    return budget.allows(spills.put_s) and spills.keep(spill_object(left))
