"""Fakes with state for the ports of the stages, and small values that many tests start from.

A fake keeps what it was asked to do, in order, so that a test looks at what happened and not at calls.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import FINISHABLE, Compared, Entry, Outcome, State
from chalicelib.core.line import Receipt
from chalicelib.core.record import Record
from chalicelib.core.spill import Spill, StoredSpill
from chalicelib.stages.budget import Budget
from chalicelib.stages.load import IngestUnavailableError
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
class FakeDeadLetters:
    """A dead-letter store that works or does not. It may be cut off before and after each put."""

    works: bool = True
    kept: list[FailedEvent] = field(default_factory=list)
    puts: int = 0
    cut: Cut = field(default_factory=Cut)

    def keep(self, failed_events: Sequence[FailedEvent]) -> bool:
        """Keep them all in one put, or none."""
        self.cut.step()
        self.puts += 1
        if self.works:
            self.kept += failed_events
        self.cut.step()
        return self.works


@dataclass
class FakeRequestLog:
    """A request log in memory."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Keep one entry."""
        self.entries.append(dict(entry))


@dataclass
class FakeSpills:
    """The spill in memory. It may be cut off before and after each of its writes, or not work at all.

    `objects` holds each object's body and when it was put; `log` what was done, in order.
    """

    cut: Cut = field(default_factory=Cut)
    works: bool = True
    put_s: float = 9.0
    time: FakeTime = field(default_factory=FakeTime)
    objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)

    def keep(self, spill: Spill) -> bool:
        """Put one object, or not."""
        self.cut.step()
        self.log.append(("keep", spill.key))
        if self.works:
            self.objects[spill.key] = (spill.body, self.time.now_s)
        self.cut.step()
        return self.works

    def stored(self) -> list[StoredSpill]:
        """List every object, in the order of their keys."""
        return [StoredSpill(key, len(body), at) for key, (body, at) in sorted(self.objects.items())]

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read objects, None for each that is gone."""
        self.log += [("read", key) for key in keys]
        return [self.objects[key][0] if key in self.objects else None for key in keys]

    def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete objects one by one, or none."""
        for key in keys if self.works else ():
            self.cut.step()
            self.log.append(("delete", key))
            self.objects.pop(key, None)
            self.cut.step()
        return list(keys) if self.works else []


@dataclass
class FakeLedger:
    """The ledger in memory. It may be cut off before and after each of its writes.

    `log` holds every change of state in order. `stale` are entries as they once were: the index may still name
    them so.
    """

    cut: Cut = field(default_factory=Cut)
    now: Callable[[], str] = lambda: RECEIVED_AT
    entries: dict[str, Entry] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    stale: list[Entry] = field(default_factory=list)
    marks: list[Compared] = field(default_factory=list)
    asked: list[frozenset[str]] = field(default_factory=list)

    @property
    def states(self) -> dict[str, str]:
        """Return each file's state."""
        return {name: entry.state.value for name, entry in self.entries.items()}

    def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
        """Note a file once; tell whether its state is still noticed."""
        self.cut.step()
        now = self.now()
        new = Entry(file, pipe, State.NOTICED, now, now, reload_of=reload_of)
        if file.name not in self.entries:
            self._write(new)
        elif reload_of and self.entries[file.name].reload_of is None:
            self.entries[file.name] = replace(self.entries[file.name], reload_of=reload_of)
        self.cut.step()
        return self.entries[file.name].state == State.NOTICED

    def mark_submitted(self, files: Sequence[LandedFile]) -> int:
        """Move noticed files to submitted, one after the other."""
        return sum(self._change(file, lambda entry: entry.state == State.NOTICED, self._submitted) for file in files)

    def mark_resubmitted(self, entries: Sequence[Entry]) -> int:
        """Count one more attempt, once."""
        return sum(self._change(entry.file, _is_as_seen(entry), self._submitted) for entry in entries)

    def finish(self, ends: Sequence[tuple[LandedFile, Outcome]]) -> int:
        """Move unfinished files to their ends, one after the other."""
        return sum(self._finish(file, outcome) for file, outcome in ends)

    def _finish(self, file: LandedFile, outcome: Outcome) -> bool:
        return self._change(
            file,
            lambda entry: entry.state in FINISHABLE,
            lambda entry: replace(
                entry,
                state=outcome.state,
                changed_at=self.now(),
                rows=outcome.rows,
                first_error=outcome.first_error,
            ),
        )

    def mark_unknown(self, file: LandedFile, reloaded_as: str) -> bool:
        """Move a submitted file to unknown."""
        return self._change(
            file,
            lambda entry: entry.state == State.SUBMITTED,
            lambda entry: replace(entry, state=State.UNKNOWN, changed_at=self.now(), reloaded_as=reloaded_as),
        )

    def mark_reloaded(self, file: LandedFile, reloaded_as: str) -> bool:
        """Note a copy, once."""
        return self._change(
            file, lambda entry: entry.reloaded_as is None, lambda entry: replace(entry, reloaded_as=reloaded_as)
        )

    def get(self, name: str) -> Entry | None:
        """Return an entry."""
        return self.entries.get(name)

    def in_state(self, state: State, before: str | None = None) -> Iterator[Entry]:
        """Yield the entries of a state, the longest there first, stale ones too."""
        entries = [*self.stale, *self.entries.values()]
        found = [entry for entry in entries if entry.state == state and (not before or entry.changed_at < before)]
        yield from sorted(found, key=lambda entry: (entry.changed_at, entry.file.name))

    def known(self, names: Collection[str]) -> frozenset[str]:
        """Return the names that are there."""
        self.asked.append(frozenset(names))
        return frozenset(self.entries.keys() & set(names))

    def compared(self) -> Compared:
        """Return the last mark."""
        return self.marks[-1] if self.marks else Compared()

    def mark_compared(self, compared: Compared) -> None:
        """Keep a mark."""
        self.cut.step()
        self.marks.append(compared)
        self.cut.step()

    def _submitted(self, entry: Entry) -> Entry:
        now = self.now()
        return replace(entry, state=State.SUBMITTED, submitted_at=now, changed_at=now, attempts=entry.attempts + 1)

    def _change(self, file: LandedFile, holds: Callable[[Entry], bool], change: Callable[[Entry], Entry]) -> bool:
        self.cut.step()
        entry = self.entries.get(file.name)
        moved = entry is not None and holds(entry)
        if entry is not None and moved:
            self._write(change(entry))
        self.cut.step()
        return moved

    def _write(self, entry: Entry) -> None:
        before = self.entries.get(entry.file.name)
        self.entries[entry.file.name] = entry
        if before is None or before.state != entry.state:
            self.log.append((entry.state.value, entry.file.name))


def _is_as_seen(seen: Entry) -> Callable[[Entry], bool]:
    return lambda now: (now.state, now.attempts) == (State.SUBMITTED, seen.attempts)


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
    "SLUICE_LANDING_BUCKET": "landing",
    "SLUICE_LEDGER_TABLE": "ledger",
    "SLUICE_ALERT_TOPIC": "arn:aws:sns:us-east-1:000000000000:alerts",
    "SNOWFLAKE_ACCOUNT": "account",
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_DATABASE": "SLUICE",
    "SNOWFLAKE_KEY_SECRET": "secret",
}
"""What must stand in the environment of a deployed function."""
