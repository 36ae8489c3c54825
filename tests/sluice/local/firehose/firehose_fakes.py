"""A source, a function and a destination in memory, with state, and a wire that trips at a chosen call."""

import gzip
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson

from sluice.local.firehose.buffers import Hints
from sluice.local.firehose.delivery import Delivery, Names
from sluice.local.firehose.delivery_stream import DeliveryStream, TransformSettings
from sluice.local.firehose.engine import Outbox
from sluice.local.firehose.ports import Destination, Function, Page, Refusal, Shard, Source, UnreachableError
from sluice.local.firehose.prefixes import parse_error_prefix, parse_prefix
from sluice.local.firehose.records import Record

ARRIVED_AT = datetime(2026, 11, 21, 10, 59, 59, 123_000, tzinfo=UTC)

STREAM = DeliveryStream(
    name="sluice-test-events",
    arn="arn:aws:firehose:eu-west-1:123456789012:deliverystream/sluice-test-events",
    source_arn="arn:aws:kinesis:eu-west-1:123456789012:stream/sluice-test-events",
    bucket="landing",
    prefix=parse_prefix("events/dt=!{timestamp:yyyy-MM-dd}/hh=!{timestamp:HH}/"),
    error_prefix=parse_error_prefix("firehose-failed/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"),
    hints=Hints(max_bytes=1_000, interval_s=1),
    gzip=True,
    file_extension=".gz",
    transform=TransformSettings(
        function_arn="arn:aws:lambda:eu-west-1:123456789012:function:transform",
        retries=3,
        hints=Hints(max_bytes=300, interval_s=0),
    ),
)


def record(number: int = 1, data: bytes = b"data", shard_id: str = "shardId-000000000000") -> Record:
    """Return a record; those with higher numbers arrived later."""
    arrived_at = ARRIVED_AT + timedelta(milliseconds=number)
    return Record(shard_id, f"{number:056d}", f"key-{number}", data, arrived_at)


@dataclass
class FakeClock:
    """A clock that stands still until it is told to go on."""

    now_s: float = 100.0

    def monotonic_s(self) -> float:
        """Return the seconds on the clock."""
        return self.now_s

    def now(self) -> datetime:
        """Return the time of day."""
        return ARRIVED_AT + timedelta(seconds=self.now_s)

    def sleep(self, seconds: float) -> None:
        """Go on by some seconds."""
        self.now_s += seconds


@dataclass
class FakeSource:
    """Shards as lists of records; `page_size` records a read."""

    records: dict[str, list[Record]]
    parents: dict[str, frozenset[str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    page_size: int = 3
    reads: list[str] = field(default_factory=list)

    def shards(self) -> Sequence[Shard]:
        """Return every shard."""
        return [Shard(shard_id, self.parents.get(shard_id, frozenset())) for shard_id in self.records]

    def read(self, shard_id: str, after: str | None) -> Page:
        """Return the next records after a sequence number."""
        self.reads.append(shard_id)
        left = [item for item in self.records[shard_id] if after is None or item.sequence_number > after]
        page = tuple(left[: self.page_size])
        behind = len(left) > len(page)
        return Page(page, behind=behind, ended=shard_id in self.closed and not behind)


def ok(entry: dict[str, Any]) -> dict[str, Any]:
    """Answer one record as a good transform does: the data with a newline, `drop` dropped, `fail` failed."""
    data = b64decode(entry["data"])
    kinds = {b"drop": "Dropped", b"fail": "ProcessingFailed"}
    result = next((kind for start, kind in kinds.items() if data.startswith(start)), "Ok")
    return {"recordId": entry["recordId"], "result": result, "data": b64encode(data + b"\n").decode()}


@dataclass
class FakeFunction:
    """A transform that remembers its events; `refusals` are given first."""

    refusals: list[Refusal] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], dict[str, Any]] = ok
    events: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, event: bytes) -> bytes | Refusal:
        """Answer each record of an event."""
        self.events.append(orjson.loads(event))
        if self.refusals:
            return self.refusals.pop(0)
        return orjson.dumps({"records": [self.answer(entry) for entry in self.events[-1]["records"]]})


@dataclass
class FakeDestination:
    """A bucket; `puts` are the keys that were really written, in order."""

    objects: dict[str, bytes] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)

    def put_once(self, key: str, body: bytes) -> None:
        """Put an object unless it exists."""
        if key not in self.objects:
            self.puts.append(key)
        assert self.objects.setdefault(key, body) == body

    def lines(self, prefix: str) -> list[bytes]:
        """Return every line under a prefix, in order of the puts."""
        bodies = [gzip.decompress(self.objects[key]) for key in self.puts if key.startswith(prefix)]
        return [line for body in bodies for line in body.splitlines()]


@dataclass
class FakeLog:
    """Remembers what was logged."""

    lines: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, event: str, **fields: object) -> None:
        """Write one line."""
        self.lines.append({"event": event, **fields})

    def of(self, event: str) -> list[dict[str, object]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line["event"] == event]


def numbered_names() -> Names:
    """Return names that count."""
    numbers = count(1)
    return Names(uuid=lambda: f"uuid-{next(numbers)}", random_string=lambda: "abcdefghijk")


class KilledError(BaseException):
    """Stands for kill -9: nothing in the engine may catch it."""


@dataclass
class Tripwire:
    """Counts calls to every port and raises `error` at the chosen one, before or after it takes effect."""

    at_call: int
    error: type[BaseException]
    after_effect: bool = False
    calls: int = 0

    @property
    def tripped(self) -> bool:
        """Say whether the chosen call was reached."""
        return self.calls >= self.at_call

    def call(self, effect: Callable[[], Any]) -> Any:
        """Do what a port does, unless this is the call."""
        self.calls += 1
        trips = self.calls == self.at_call
        if trips and not self.after_effect:
            raise self.error
        result = effect()
        if trips:
            raise self.error
        return result


@dataclass
class TrippingPorts:
    """Every port the engine has, behind one tripwire."""

    wire: Tripwire
    source: Source
    function: Function
    destination: Destination
    outbox: Outbox

    def shards(self) -> Sequence[Shard]:
        """See `Source`."""
        shards: Sequence[Shard] = self.wire.call(self.source.shards)
        return shards

    def read(self, shard_id: str, after: str | None) -> Page:
        """See `Source`."""
        page: Page = self.wire.call(lambda: self.source.read(shard_id, after))
        return page

    def invoke(self, event: bytes) -> bytes | Refusal:
        """See `Function`."""
        answer: bytes | Refusal = self.wire.call(lambda: self.function.invoke(event))
        return answer

    def put_once(self, key: str, body: bytes) -> None:
        """See `Destination`."""
        self.wire.call(lambda: self.destination.put_once(key, body))

    def planned(self) -> Delivery | None:
        """See `Outbox`."""
        delivery: Delivery | None = self._own(self.outbox.planned)
        return delivery

    def plan(self, delivery: Delivery) -> None:
        """See `Outbox`."""
        self._own(lambda: self.outbox.plan(delivery))

    def complete(self) -> None:
        """See `Outbox`."""
        self._own(self.outbox.complete)

    def _own(self, effect: Callable[[], Any]) -> Any:
        """Let a kill, but no unreachable service, happen in a call to the engine's own file."""
        return effect() if self.wire.error is UnreachableError else self.wire.call(effect)
