"""Fakes with state for the ports of the stages, and small values that many tests start from.

A fake keeps what it was asked to do, in order, so that a test looks at what happened and not at calls.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.line import Receipt
from chalicelib.core.record import Record
from chalicelib.stages.budget import Budget
from chalicelib.stages.load import IngestUnavailableError, LandedFile
from chalicelib.stages.publish import StreamRefusalError

RECEIVED_AT = "2026-01-31T12:34:56.789Z"
RECEIPT = Receipt("01980000-0000-7000-8000-000000000001", RECEIVED_AT, "anonymous", "192.0.2.1", "curl/8")
ORDER = {"order_id": "o-1", "amount": 12.5, "currency": "EUR"}


def order(**attributes: Any) -> dict[str, Any]:
    """Return a valid `order.placed` event with more or other attributes."""
    return {"type": "order.placed", "data": ORDER, **attributes}


def numbered_ids() -> Callable[[], str]:
    """Return a maker of ids: `id-0`, `id-1` and so on."""
    numbers = count()
    return lambda: f"id-{next(numbers)}"


@dataclass
class FakeTime:
    """A clock that only moves when somebody waits on it."""

    now_s: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now_s += seconds

    def budget(self, seconds: float = 10.0) -> Budget:
        """Return a budget that ends so many seconds from now."""
        ends_at = self.now_s + seconds
        return Budget(lambda: ends_at - self.now_s, self.sleep, jitter=lambda: 1.0)


Fault = Callable[[Record, int], bool]


@dataclass
class FakeStream:
    """A stream: `fails` says whether a record fails at its n-th try (from 0); each call takes `call_s`.

    `calls` holds the records of every call in order, `confirmed` every record it took, in order.
    """

    fails: Fault = lambda _record, _attempt: False
    refuses_from_call: int | None = None
    call_s: float = 0.5
    time: FakeTime = field(default_factory=FakeTime)
    calls: list[list[Record]] = field(default_factory=list)
    confirmed: list[Record] = field(default_factory=list)

    def put(self, records: Sequence[Record]) -> list[bool]:
        """Take what does not fail."""
        if self.refuses_from_call is not None and len(self.calls) >= self.refuses_from_call:
            raise StreamRefusalError("no such stream")
        attempts = [self._tries(record) for record in records]
        self.calls.append(list(records))
        self.time.now_s += self.call_s
        verdicts = [not self.fails(record, tries) for record, tries in zip(records, attempts, strict=True)]
        self.confirmed += [record for record, ok in zip(records, verdicts, strict=True) if ok]
        return verdicts

    def _tries(self, record: Record) -> int:
        return sum(record in call for call in self.calls)

    @property
    def lines(self) -> list[bytes]:
        """Return every confirmed line, in order."""
        return [line for record in self.confirmed for line in record.data.split(b"\n")]


@dataclass
class FakeDeadLetters:
    """A dead-letter store that works or does not."""

    works: bool = True
    kept: list[FailedEvent] = field(default_factory=list)
    puts: int = 0

    def keep(self, failed_events: Sequence[FailedEvent]) -> bool:
        """Keep them all in one put, or none."""
        self.puts += 1
        if self.works:
            self.kept += failed_events
        return self.works


@dataclass
class FakeRequestLog:
    """A request log in memory."""

    entries: list[dict[str, str | int]] = field(default_factory=list)

    def write(self, entry: Mapping[str, str | int]) -> None:
        """Keep one entry."""
        self.entries.append(dict(entry))


class CutOffError(BaseException):
    """What ends a Lambda in the middle: nothing may catch it."""


@dataclass
class Cut:
    """Raises CutOffError at one step; steps are counted from 0 over all fakes that share it."""

    at_step: int | None = None
    steps: int = 0

    def step(self) -> None:
        """Count one step, or end everything here."""
        if self.steps == self.at_step:
            raise CutOffError
        self.steps += 1


@dataclass
class FakeLedger:
    """The ledger in memory. It may be cut off before and after each of its writes."""

    cut: Cut = field(default_factory=Cut)
    states: dict[str, str] = field(default_factory=dict)
    pipes: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)

    def notice(self, file: LandedFile, pipe: str) -> bool:
        """Note a file once; tell whether its state is still noticed."""
        self.cut.step()
        if file.name not in self.states:
            self.states[file.name] = "noticed"
            self.pipes[file.name] = pipe
            self.log.append(("noticed", file.name))
        self.cut.step()
        return self.states[file.name] == "noticed"

    def mark_submitted(self, file: LandedFile) -> None:
        """Move a noticed file to submitted."""
        self.cut.step()
        if self.states.get(file.name) == "noticed":
            self.states[file.name] = "submitted"
            self.log.append(("submitted", file.name))
        self.cut.step()


@dataclass
class FakeIngest:
    """Snowpipe in memory: `down` names the pipes that answer nothing."""

    cut: Cut = field(default_factory=Cut)
    down: Iterable[str] = ()
    calls: list[tuple[str, dict[str, int | None]]] = field(default_factory=list)

    def submit(self, pipe: str, files: Mapping[str, int | None], budget: Budget) -> None:
        """Take the files, or raise."""
        self.cut.step()
        if pipe in self.down:
            raise IngestUnavailableError(f"{pipe} is down")
        self.calls.append((pipe, dict(files)))
        self.cut.step()

    @property
    def submitted(self) -> list[tuple[str, str]]:
        """Return (pipe, path) as often as it was submitted."""
        return [(pipe, path) for pipe, files in self.calls for path in files]


ENVIRONMENT = {
    "SLUICE_DEPLOY_STAGE": "local",
    "SLUICE_STREAM": "stream",
    "SLUICE_DEAD_LETTER_BUCKET": "letters",
    "SLUICE_LEDGER_TABLE": "ledger",
    "SNOWFLAKE_ACCOUNT": "account",
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_DATABASE": "SLUICE",
    "SNOWFLAKE_KEY_SECRET": "secret",
}
"""What must stand in the environment of a deployed function."""
