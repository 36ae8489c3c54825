"""One function called again and again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sluice.local.scheduler.emulated import Invoked, NoAnswerError
from sluice.local.scheduler.events import CADENCES, Cadence
from sluice.local.scheduler.ticker import QUIET_AFTER, Ticker

CADENCE = Cadence(1.0, 5.0)
NOW = Cadence(0.0, 0.0)


@dataclass
class Function:
    """A function that answers as told: a log, or an exception to raise."""

    answers: list[Invoked | NoAnswerError] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> Invoked:
        """Answer the next call; the last answer stays."""
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if isinstance(answer, NoAnswerError):
            raise answer
        return answer


def _ticker(function: Callable[[], Invoked], cadence: Cadence = CADENCE) -> tuple[Ticker, list[str]]:
    said: list[str] = []
    return Ticker(function, cadence, lambda log: log.split(), said.append), said


def test_function_that_raises_is_called_again() -> None:
    """And so is one that the emulator does not answer for; each reason is said once."""
    refused, raised = NoAnswerError("refused"), Invoked("", "it raised")
    function = Function([refused, refused, raised, raised, Invoked("fine", None), refused])
    ticker, said = _ticker(function)
    for _ in range(6):
        ticker.tick()
    assert (function.calls, said) == (6, ["refused", "it raised", "refused"])


def test_idle_function_is_called_less_often() -> None:
    """Once it has said the same for a while, until it says something else."""
    function = Function([*[Invoked("nothing", None)] * QUIET_AFTER, Invoked("something", None)])
    ticker, _ = _ticker(function)
    seen = []
    for _ in range(QUIET_AFTER + 1):
        ticker.tick()
        seen.append(ticker.interval_s)
    assert seen == [*[1.0] * (QUIET_AFTER - 1), 5.0, 1.0]


def test_function_is_never_called_twice_at_once() -> None:
    """A call that takes long is waited for; the stop does not wait for a next one."""
    at_once, most, stopping = 0, 0, threading.Event()

    def call() -> Invoked:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if function.calls == 5:
            stopping.set()
        answer = function()
        at_once -= 1
        return answer

    function = Function([Invoked("", None)])
    ticker, _ = _ticker(call, NOW)
    ticker.run(stopping)
    assert (function.calls, most) == (6, 1)


def test_stopped_ticker_calls_nothing() -> None:
    """Stopping is looked at first."""
    function, stopping = Function([Invoked("", None)]), threading.Event()
    stopping.set()
    _ticker(function)[0].run(stopping)
    assert function.calls == 0


def test_quiet_is_never_busier_than_busy() -> None:
    """In the table too."""
    assert all(cadence.busy_s <= cadence.quiet_s for cadence in CADENCES.values())
