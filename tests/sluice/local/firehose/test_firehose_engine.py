"""The engine over ports in memory and a real checkpoint file: order, buffers, a stop at every single call."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from firehose_fakes import (
    STREAM,
    FakeClock,
    FakeDestination,
    FakeFunction,
    FakeLog,
    FakeSource,
    KilledError,
    TrippingPorts,
    Tripwire,
    numbered_names,
    record,
)

from sluice.local.firehose.buffers import Hints
from sluice.local.firehose.checkpoints import Checkpoints, CheckpointsError
from sluice.local.firehose.delivery_stream import DeliveryStream
from sluice.local.firehose.engine import Engine, Parts
from sluice.local.firehose.ports import UnreachableError
from sluice.local.firehose.records import Record
from sluice.local.firehose.shards import ShardReader
from sluice.local.firehose.transform import Transform

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
NEVER = 10**9


def shard_records(shard_id: str, count: int) -> list[Record]:
    """Return records of which every fifth is dropped and every seventh fails."""

    def data(number: int) -> bytes:
        kind = "drop" if number % 5 == 0 else "fail" if number % 7 == 0 else "good"
        return f"{kind} {shard_id} {number}".encode()

    return [record(number, data(number), shard_id) for number in range(1, count + 1)]


@dataclass
class World:
    """Everything that outlives an engine."""

    folder: Path
    source: FakeSource
    function: FakeFunction
    destination: FakeDestination
    clock: FakeClock
    log: FakeLog
    stream: DeliveryStream = STREAM

    def __post_init__(self) -> None:
        """Make the names go on counting from engine to engine."""
        self.names = numbered_names()

    def checkpoints(self) -> Checkpoints:
        """Open the checkpoint file, as a new process would."""
        return Checkpoints(self.folder / "checkpoints.sqlite", self.stream.source_arn)

    def engine(self, checkpoints: Checkpoints, wire: Tripwire) -> Engine:
        """Start an engine whose every call goes over a tripwire."""
        assert self.stream.transform is not None
        ports = TrippingPorts(wire, self.source, self.function, self.destination, checkpoints)
        transform = Transform(ports, self.stream, self.stream.transform, self.clock.now, self.clock.sleep)
        reader = ShardReader(ports, checkpoints.positions(), self.clock.monotonic_s)
        parts = Parts(reader, transform.settle, ports, ports, self.names, self.clock.monotonic_s, self.log)
        return Engine(self.stream, parts)

    def run(self, wire: Tripwire | None = None, turns: int = 40) -> None:
        """Run one engine for some turns and a flush, going on when a service is unreachable."""
        checkpoints = self.checkpoints()
        try:
            engine = self.engine(checkpoints, wire or Tripwire(NEVER, KilledError))
            for step in [engine.turn] * turns + [engine.flush, engine.flush]:
                self.step(step)
        finally:
            checkpoints.close()

    def step(self, step: object) -> None:
        """Take one step; let time go by."""
        try:
            step()  # type: ignore[operator]
        except UnreachableError:
            self.clock.sleep(1)
        self.clock.sleep(0.3)

    def expected(self, kind: str) -> list[bytes]:
        """Return the data of every record of a kind on the source."""
        everything = [item.data for shard in self.source.records.values() for item in shard]
        return sorted(data for data in everything if data.startswith(kind.encode()))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return two shards full of records and nothing delivered."""
    source = FakeSource({FIRST: shard_records(FIRST, 20), SECOND: shard_records(SECOND, 11)})
    return World(tmp_path, source, FakeFunction(), FakeDestination(), FakeClock(), FakeLog())


def assert_all_there_once(world: World) -> None:
    """Check that every good record lies once in events, every failed one once in the error output."""
    assert sorted(world.destination.lines("events/")) == world.expected("good")
    assert len(world.destination.lines("firehose-failed/")) == len(world.expected("fail"))


def test_everything_arrives_once(world: World) -> None:
    """Good records land once, failed ones in the error output, dropped ones nowhere."""
    world.run()
    assert_all_there_once(world)


def test_order_within_a_shard_is_kept(world: World) -> None:
    """The lines of one shard land in the order of its records."""
    world.run()
    landed = [line for line in world.destination.lines("events/") if FIRST.encode() in line]
    assert landed == [item.data for item in world.source.records[FIRST] if item.data.startswith(b"good")]


def calls_of_a_whole_run(world: World, error: type[BaseException]) -> int:
    """Return at how many calls an undisturbed run could be disturbed by an error."""
    wire = Tripwire(NEVER, error)
    world.run(wire, turns=12)
    return wire.calls


def worlds(folder: Path) -> Iterator[World]:
    """Return ever new worlds."""
    number = 0
    while True:
        number += 1
        (folder / str(number)).mkdir()
        source = FakeSource({FIRST: shard_records(FIRST, 20), SECOND: shard_records(SECOND, 11)})
        yield World(folder / str(number), source, FakeFunction(), FakeDestination(), FakeClock(), FakeLog())


@pytest.mark.parametrize("after_effect", [False, True])
def test_kill_at_every_call(tmp_path: Path, after_effect: bool) -> None:
    """Whichever call an engine is killed before or after, the next delivers the rest, each once."""
    fresh = worlds(tmp_path)
    for at_call in range(1, calls_of_a_whole_run(next(fresh), KilledError) + 1):
        world = next(fresh)
        with pytest.raises(KilledError):
            world.run(Tripwire(at_call, KilledError, after_effect), turns=12)
        world.run()
        assert_all_there_once(world)


@pytest.mark.parametrize("after_effect", [False, True])
def test_every_call_unreachable_once(tmp_path: Path, after_effect: bool) -> None:
    """Whichever call fails, even when it took effect, the same engine goes on: none missing or double."""
    fresh = worlds(tmp_path)
    for at_call in range(1, calls_of_a_whole_run(next(fresh), UnreachableError) + 1):
        world = next(fresh)
        wire = Tripwire(at_call, UnreachableError, after_effect)
        world.run(wire)
        assert wire.tripped
        assert_all_there_once(world)


def test_delivery_waits_for_its_hints(world: World) -> None:
    """Below the buffer's size nothing lands until its interval is over."""
    world.stream = replace(STREAM, hints=Hints(max_bytes=10**6, interval_s=1))
    checkpoints = world.checkpoints()
    engine = world.engine(checkpoints, Tripwire(NEVER, KilledError))
    engine.turn()
    assert not world.destination.objects
    world.clock.sleep(1)
    engine.turn()
    assert world.destination.objects
    checkpoints.close()


def test_pause_grows_while_idle_and_meets_the_deadline(world: World) -> None:
    """There is no pause behind the tip, a short one after records, a longer one on an idle stream."""
    world.stream = replace(STREAM, hints=Hints(max_bytes=10**6, interval_s=0.1))
    world.source.page_size = 100
    checkpoints = world.checkpoints()
    engine = world.engine(checkpoints, Tripwire(NEVER, KilledError))
    after_records = engine.turn()
    world.clock.sleep(0.08)
    before_deadline = engine.turn()
    world.clock.sleep(before_deadline)
    idle = [engine.turn() for _ in range(5)]
    checkpoints.close()
    assert after_records == 0.05
    assert before_deadline == pytest.approx(0.02)
    assert idle[-1] == 0.2


def test_children_wait_for_their_parents(world: World) -> None:
    """A shard split in two is read to its end before its children are."""
    child = "shardId-000000000002"
    world.source = FakeSource(
        {FIRST: shard_records(FIRST, 8), child: shard_records(child, 4)}, {child: frozenset({FIRST})}, {FIRST}
    )
    world.run()
    assert world.source.reads.index(child) == world.source.reads.count(FIRST) == 3
    assert_all_there_once(world)


def test_new_shards_are_found(world: World) -> None:
    """A shard that appears while the engine runs is read within two seconds."""
    checkpoints = world.checkpoints()
    engine = world.engine(checkpoints, Tripwire(NEVER, KilledError))
    engine.turn()
    world.source.records["shardId-000000000009"] = shard_records("shardId-000000000009", 3)
    engine.turn()
    assert "shardId-000000000009" not in world.source.reads
    world.clock.sleep(2)
    engine.turn()
    assert "shardId-000000000009" in world.source.reads
    checkpoints.close()


def test_counts_add_up_in_the_log(world: World) -> None:
    """Every record is logged as ok, dropped or failed; payloads never are."""
    world.run()
    lines = world.log.of("transformed")
    assert sum(int(str(line["records"])) for line in lines) == 31
    assert all(line["records"] == sum(int(str(line[kind])) for kind in ("ok", "dropped", "failed")) for line in lines)
    assert "good" not in str(world.log.lines)


def test_only_one_engine_at_a_time(world: World) -> None:
    """A second process on the same checkpoint file is told so."""
    checkpoints = world.checkpoints()
    with pytest.raises(CheckpointsError, match="is another engine running"):
        world.checkpoints()
    checkpoints.close()


def test_a_file_that_is_no_checkpoint_is_named(world: World) -> None:
    """Something else at the checkpoint's place is an error with its path, not a crash."""
    (world.folder / "checkpoints.sqlite").write_bytes(b"something else entirely" * 100)
    with pytest.raises(CheckpointsError, match=r"checkpoints\.sqlite"):
        world.checkpoints()
