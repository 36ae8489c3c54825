"""One function called again and again, never twice at once, whatever becomes of a call."""

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

from sluice.local.scheduler.emulated import Invoked, NoAnswerError
from sluice.local.scheduler.events import Cadence

Call = Callable[[], Invoked]
"""Calls the function once, and returns what that came to. Raises NoAnswerError."""

Say = Callable[[str], None]
Hear = Callable[[str], Sequence[Any]]
"""Takes a call's log, and returns what it says."""

QUIET_AFTER = 30
"""Calls in a row that say the same."""


class Ticker:
    """Calls one function every few seconds, or as soon as the last call has ended if that takes longer."""

    def __init__(self, call: Call, cadence: Cadence, hear: Hear, say: Say) -> None:
        """`hear` is told each call's log, `say` why a call failed: once for each new reason."""
        self._call = call
        self._cadence = cadence
        self._hear = hear
        self._say = say
        self._problem: str | None = None
        self._heard: Sequence[Any] = ()
        self._times_heard = 0

    def run(self, stopping: Event) -> None:
        """Tick until told to stop."""
        while not stopping.is_set():
            started_at = time.monotonic()
            self.tick()
            stopping.wait(max(0.0, started_at + self.interval_s - time.monotonic()))

    @property
    def interval_s(self) -> float:
        """Return the seconds between the last call and the next."""
        return self._cadence.quiet_s if self._times_heard >= QUIET_AFTER else self._cadence.busy_s

    def tick(self) -> None:
        """Call the function once."""
        try:
            invoked = self._call()
        except NoAnswerError as error:
            self._note(str(error))
            return
        self._note(invoked.error)
        self._listen(self._hear(invoked.log))

    def _listen(self, heard: Sequence[Any]) -> None:
        """Count how often in a row the same was heard."""
        self._times_heard = self._times_heard + 1 if heard == self._heard else 1
        self._heard = heard

    def _note(self, problem: str | None) -> None:
        if problem and problem != self._problem:
            self._say(problem)
        self._problem = problem
