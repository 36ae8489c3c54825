"""The engine: read, transform, buffer, deliver, advance; one thread, one turn after the other.

The order is the promise. A delivery is written down whole before its first object is put, and the positions
advance after its last one is; so whatever stops the engine, what was read since is read again and what was
written is known to be. An `UnreachableError` may leave any method at any call: by then nothing has left one
buffer that isn't in the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from sluice.local.firehose.buffers import Buffer, Hints
from sluice.local.firehose.delivery import Delivery, Names, plan_delivery
from sluice.local.firehose.delivery_stream import DeliveryStream
from sluice.local.firehose.ports import Destination, Log, Page, UnreachableError
from sluice.local.firehose.records import Delivered, Dropped, Failed, Record, Settled, size_bytes
from sluice.local.firehose.shards import ShardReader
from sluice.local.firehose.transform import first_batch

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.2
"""Between two reads: the first after records came, the second on an idle stream."""
LONGEST_BACKOFF_S = 2.0
"""Between two attempts at a service that doesn't answer: the emulator is back within two seconds."""

_NO_TRANSFORM = Hints(max_bytes=2**20, interval_s=0)


class Outbox(Protocol):
    """What the engine needs of `Checkpoints`."""

    def planned(self) -> Delivery | None:
        """Return the delivery that is under way, if any."""

    def plan(self, delivery: Delivery) -> None:
        """Write down a delivery before any of it is done."""

    def complete(self) -> None:
        """Advance the positions: the delivery under way is done."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of."""

    reader: ShardReader
    settle: Callable[[Sequence[Record]], tuple[Settled, ...]]
    outbox: Outbox
    destination: Destination
    names: Names
    monotonic_s: Callable[[], float]
    log: Log


class Engine:
    """One delivery stream at work."""

    def __init__(self, stream: DeliveryStream, parts: Parts) -> None:
        self._stream = stream
        self._parts = parts
        self._waiting: Buffer[Record] = Buffer(stream.transform.hints if stream.transform else _NO_TRANSFORM)
        self._settled: Buffer[Settled] = Buffer(stream.hints)
        self._idle_pause_s = LONGEST_PAUSE_S

    def turn(self) -> float:
        """Do what is to be done now and return the seconds to wait before the next turn."""
        try:
            self._finish()
            pages = [self._keep(page) for page in self._parts.reader.pages()]
            self._transform()
            self._deliver()
        except UnreachableError:
            self._parts.reader.relist()
            raise
        return self._pause_s(pages)

    def flush(self) -> None:
        """Deliver everything that was read, due or not."""
        self._finish()
        self._transform(whole=True)
        self._deliver(whole=True)

    def _keep(self, page: Page) -> Page:
        size = sum(len(record.data) for record in page.records)
        self._waiting = self._waiting.add(page.records, size, self._parts.monotonic_s())
        return page

    def _transform(self, *, whole: bool = False) -> None:
        """Hand over batch after batch while the transform's buffer is due, or `whole`, until it is empty."""
        while self._waiting.items and (whole or self._waiting.is_due(self._parts.monotonic_s())):
            batch = first_batch(self._waiting.items, self._waiting.hints.max_bytes)
            settled = self._parts.settle(batch)
            self._waiting = self._waiting.without_first(len(batch), sum(len(record.data) for record in batch))
            size = sum(size_bytes(item) for item in settled)
            self._settled = self._settled.add(settled, size, self._parts.monotonic_s())
            self._parts.log("transformed", records=len(batch), **_counts(settled))
            self._deliver()

    def _deliver(self, *, whole: bool = False) -> None:
        """Plan and make a delivery when the delivery buffer is due, or `whole`, when anything is in it."""
        if self._settled.items and (whole or self._settled.is_due(self._parts.monotonic_s())):
            self._parts.outbox.plan(plan_delivery(self._settled.items, self._stream, self._parts.names))
            self._settled = Buffer(self._stream.hints)
            self._finish()

    def _finish(self) -> None:
        """Make the delivery that is under way, be it planned just now or by an engine that was killed."""
        delivery = self._parts.outbox.planned()
        if delivery is None:
            return
        for planned in delivery.objects:
            self._parts.destination.put_once(planned.key, planned.body)
        self._parts.outbox.complete()
        self._parts.log(
            "delivered",
            keys=[planned.key for planned in delivery.objects],
            bytes=sum(len(planned.body) for planned in delivery.objects),
        )

    def _pause_s(self, pages: Sequence[Page]) -> float:
        """Return no pause behind the tip, else one that grows while nothing comes and misses no deadline."""
        if any(page.behind for page in pages):
            return 0.0
        busy = any(page.records for page in pages)
        self._idle_pause_s = SHORTEST_PAUSE_S if busy else min(self._idle_pause_s * 1.5, LONGEST_PAUSE_S)
        now_s = self._parts.monotonic_s()
        due_in_s = [self._waiting.due_in_s(now_s), self._settled.due_in_s(now_s), self._idle_pause_s]
        return max(min(seconds for seconds in due_in_s if seconds is not None), 0.0)


def _counts(settled: Sequence[Settled]) -> dict[str, int]:
    kinds = {"ok": Delivered, "dropped": Dropped, "failed": Failed}
    return {name: sum(1 for item in settled if isinstance(item, kind)) for name, kind in kinds.items()}


def run(engine: Engine, stopping: Event, log: Log) -> None:
    """Take turns until told to stop; a service that doesn't answer is tried again, less and less often."""
    failures = 0
    while not stopping.is_set():
        try:
            pause_s = engine.turn()
            failures = 0
        except UnreachableError as error:
            failures += 1
            pause_s = min(SHORTEST_PAUSE_S * 2**failures, LONGEST_BACKOFF_S)
            log("unreachable", level="WARN", problem=str(error), attempt=failures, retry_in_s=pause_s)
        stopping.wait(pause_s)
