"""A time budget: how long a call may go on trying, and how long it waits between tries."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_DOUBLINGS = 10
"""Beyond this the longest pause holds anyway, and the power would only grow."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`remaining_s` counts down to the moment the work must end; `sleep` waits."""

    remaining_s: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def allows(self, seconds: float) -> bool:
        """Tell whether so much time is left."""
        return self.remaining_s() >= seconds

    def at_most(self, seconds: float) -> "Budget":
        """Return a budget for a part of the work: it ends so many seconds from now, or with this one."""
        kept_s = max(0.0, self.remaining_s() - seconds)
        return Budget(lambda: self.remaining_s() - kept_s, self.sleep, self.jitter)

    def pause(self, attempt: int, then_s: float) -> bool:
        """Wait before attempt number `attempt` + 1, or tell that `then_s` would no longer fit behind it."""
        ceiling = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(attempt, _DOUBLINGS))
        seconds = ceiling * (0.5 + self.jitter() / 2)
        if not self.allows(seconds + then_s):
            return False
        self.sleep(seconds)
        return True
