"""Drain: every spilled line reaches the stream, whatever is cut off, throttled, doubled or foreign."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from chalicelib.adapters.spill_bucket import SpillBucket
from chalicelib.core.json_text import dumps, loads
from chalicelib.core.line import Receipt
from chalicelib.core.record import Record
from chalicelib.core.spill import SpilledLine, read_spill, spill_object
from chalicelib.stages.drain import Drain
from tests.fakes import ORDER, RECEIVED_AT, Cut, CutOffError, FakeSpills, FakeStream, FakeTime, Fault, order

MIB = 1024 * 1024


def line(receipt: str, index: int, key: str | None = None, size: int = 20_000, at: str = RECEIVED_AT) -> SpilledLine:
    """Return a spilled line; by default two of them do not fit one record."""
    enrichment = Receipt(f"r-{receipt}", at, "anonymous").enrichment(index, 9)
    known = {} if key is None else {"partitionkey": key}
    data = {**ORDER, "note": "x" * size}
    event = order(specversion="1.0", id=f"{receipt}-{index}", source="/s", data=data, **known, **enrichment)
    return SpilledLine(dumps(event), key, f"r-{receipt}:{index}", at)


def request(receipt: str, *keys: str | None, size: int = 20_000, at: str = RECEIVED_AT) -> list[SpilledLine]:
    """Return the spilled lines of one request, by their keys."""
    return [line(receipt, index, key, size, at) for index, key in enumerate(keys)]


@dataclass
class Road:
    """A drain with its fakes, all on one clock."""

    fails: Fault = lambda _record, _attempt: False
    time: FakeTime = field(default_factory=FakeTime)
    cut: Cut = field(default_factory=Cut)
    refuses_from_call: int | None = None
    call_s: float = 0.1

    def __post_init__(self) -> None:
        self.spills = FakeSpills(self.cut, time=self.time)
        self.stream = FakeStream(self.fails, self.refuses_from_call, self.call_s, self.time)

    def spill(self, *requests: Sequence[SpilledLine]) -> list[SpilledLine]:
        """Spill each request; return all lines."""
        at_step, self.cut.at_step = self.cut.at_step, None
        for lines in requests:
            self.spills.keep(spill_object(lines))
        self.cut.at_step, self.cut.steps = at_step, 0
        self.spills.log.clear()
        return [line for lines in requests for line in lines]

    def drain(self, seconds: float = 58.0, stream: Any = None) -> dict[str, int]:
        """Drain once."""
        return Drain(self.spills, stream or self.stream, lambda: self.time.now_s).run(self.time.budget(seconds))

    @property
    def waiting(self) -> list[bytes]:
        """Return every line that lies in the spill."""
        return [line.text for body, _ in self.spills.objects.values() for line in read_spill(body)]


def test_a_drained_spill_is_on_the_stream_and_gone() -> None:
    """The lines arrive under their own keys, the object goes, and the facts say so."""
    road = Road()
    lines = road.spill(request("a", "k", None, "k"))
    road.time.now_s = 70
    assert road.drain() == {
        "objects": 1,
        "lines": 3,
        "records": 3,
        "unconfirmed": 0,
        "unreadable": 0,
        "left_objects": 0,
        "oldest_spill_s": 0,
    }
    assert sorted(road.stream.lines) == sorted(line.text for line in lines)
    assert [record.partition_key == "k" for record in road.stream.confirmed] == [True, False, True]
    assert road.spills.objects == {}


def test_nothing_to_drain_asks_the_stream_nothing() -> None:
    """An empty spill costs a listing."""
    road = Road()
    assert road.drain()["left_objects"] == 0
    assert (road.stream.calls, road.spills.log) == ([], [])


def test_an_object_goes_only_when_all_of_it_is_confirmed() -> None:
    """Nothing confirmed: nothing is written, and how long it waits is told."""
    road = Road(lambda _record, _attempt: True)
    lines = road.spill(request("a", None, None))
    road.time.now_s = 300
    facts = road.drain()
    assert (facts["objects"], facts["unconfirmed"], facts["left_objects"]) == (0, 2, 1)
    assert 300 <= facts["oldest_spill_s"] < 310
    assert road.waiting == [line.text for line in lines]
    assert [step for step, _ in road.spills.log] == ["read"]


def test_what_is_left_of_an_object_is_an_object_of_its_own() -> None:
    """The rest is put before the old object goes, and holds what was not confirmed, in order."""
    road = Road(lambda record, _attempt: record.partition_key == "hot")
    lines = road.spill(request("a", None, "hot", None, "hot"))
    facts = road.drain()
    assert (facts["objects"], facts["lines"], facts["unconfirmed"], facts["left_objects"]) == (1, 2, 2, 1)
    assert [step for step, _ in road.spills.log] == ["read", "keep", "delete"]
    assert road.spills.objects.keys() == {spill_object([lines[1], lines[3]]).key}
    assert road.waiting == [lines[1].text, lines[3].text]


def test_a_rest_that_cannot_be_put_keeps_its_object() -> None:
    """Then nothing goes: the lines that were confirmed come again next time, and none is lost."""
    road = Road(lambda record, _attempt: record.partition_key == "hot")
    lines = road.spill(request("a", None, "hot"))
    road.spills.works = False
    assert road.drain()["left_objects"] == 1
    assert road.waiting == [line.text for line in lines]


def test_only_failed_records_are_put_again() -> None:
    """A record that was confirmed is put no second time."""
    road = Road(lambda record, attempt: attempt < record.indexes[0])
    road.spill(request("a", *[None] * 5))
    assert road.drain()["left_objects"] == 0
    assert [len(call) for call in road.stream.calls] == [5, 4, 3, 2, 1]


def test_order_holds_inside_a_record() -> None:
    """Small lines of one key share a record in the order of their request, as when they were posted directly."""
    road = Road()
    lines = road.spill(request("a", *["k", "l"] * 20, size=10))
    road.drain()
    (first, second) = road.stream.confirmed
    assert first.data.split(b"\n") == [line.text for line in lines[::2]]
    assert second.data.split(b"\n") == [line.text for line in lines[1::2]]


def test_small_posts_share_calls_and_records() -> None:
    """A thousand spilled posts of one event each take a few calls, oldest first."""
    road = Road()
    for number in range(1000):
        road.spill([line(f"{number:04}", 0, size=10)])
        road.time.now_s += 1
    assert road.drain()["objects"] == 1000
    assert len(road.stream.calls) == 4
    assert [loads(text)["receiptid"] for text in road.stream.lines] == [f"r-{number:04}" for number in range(1000)]


def test_the_spread_differs_between_objects() -> None:
    """Lines without a key do not all go to one shard."""
    road = Road()
    for receipt in ("a", "b"):
        road.spill(request(receipt, *[None] * 200, size=200))
    road.drain()
    keys = [record.partition_key for record in road.stream.confirmed]
    assert len(keys) == len({*keys}) > 3
    assert all(len(key) <= 256 for key in keys)


STRANGERS = {
    "spill/v1/notes.txt": b"hello",
    f"spill/v1/dt=2026-01-31/hh=00/{'0' * 64}-1.ndjson.gz": b"hello",
}


def test_a_foreign_object_blocks_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It stays, is counted and named, and everything else is drained."""
    road = Road()
    road.spill(request("a", None), request("b", "k"))
    for key, body in STRANGERS.items():
        road.spills.objects[key] = (body, 0.0)
    with caplog.at_level(logging.ERROR):
        facts = road.drain()
    assert (facts["objects"], facts["unreadable"], facts["left_objects"]) == (2, 2, 2)
    assert road.spills.objects.keys() == STRANGERS.keys()
    assert all(key in caplog.text for key in STRANGERS)
    assert "x" * 100 not in caplog.text


def test_a_throttled_stream_is_left_alone_soon() -> None:
    """Nothing is taken: a few tries, a second apart, and the rest waits for the next minute."""
    road = Road(lambda _record, _attempt: True)
    for number in range(20):
        road.spill(request(f"{number:02}", *[None] * 250, size=100))
    facts = road.drain()
    assert (facts["lines"], facts["left_objects"]) == (0, 20)
    assert len(road.stream.calls) == 9
    assert road.time.now_s < 10
    assert min(road.time.pauses) >= 0.5


def test_a_hot_key_does_not_hold_up_the_others() -> None:
    """A key that the stream does not take is asked for once, then its lines wait; all others are drained."""
    road = Road(lambda record, _attempt: record.partition_key == "hot")
    for number in range(20):
        road.spill(request(f"{number:02}", *["hot", f"k-{number}", None] * 80, size=10))
    facts = road.drain()
    assert facts["lines"] == 20 * 160
    assert facts["unconfirmed"] == 20 * 80
    assert sum(record.partition_key == "hot" for call in road.stream.calls for record in call) <= 4
    assert len(road.waiting) == 20 * 80


def test_a_refusing_stream_ends_the_drain() -> None:
    """No such stream, no permission: it is asked once."""
    road = Road(refuses_from_call=0)
    road.spill(request("a", None), request("b", None, size=10, at="2026-01-31T13:00:00.000Z"))
    assert road.drain()["left_objects"] == 2
    assert road.time.pauses == []


def test_the_budget_is_not_overdrawn() -> None:
    """A load that may not end in time is not begun; what is left is told."""
    road = Road(call_s=4.0)
    for number in range(20):
        road.spill(request(f"{number:02}", *[None] * 250, size=10))
    facts = road.drain(30)
    assert 0 < facts["objects"] < 20
    assert facts["objects"] + facts["left_objects"] == 20
    assert road.time.now_s <= 30 - 3


@dataclass
class Shard:
    """One shard's limits, 1 MiB and 1,000 records a second, of which live posts take a share."""

    time: FakeTime
    live: float = 0.0
    call_s: float = 0.05
    room: float = float(MIB)
    filled_s: float = 0.0
    taken_bytes: int = 0
    tries: int = 0

    def put(self, records: Sequence[Record]) -> list[bool]:
        """Take what there is room for."""
        self.tries += 1
        self.time.now_s += self.call_s
        self.room = min(MIB, self.room + (self.time.now_s - self.filled_s) * MIB) * (1 - self.live)
        self.filled_s = self.time.now_s
        return [self._take(record) for record in records]

    def _take(self, record: Record) -> bool:
        cost = max(record.size_bytes, MIB // 1_000)
        if cost > self.room:
            return False
        self.room -= cost
        self.taken_bytes += record.size_bytes
        return True


@pytest.mark.parametrize(("lines", "size"), [(140, 24_000), (2_000, 1_300)], ids=["long lines", "short lines"])
def test_a_hot_shard_is_drained_at_its_limit(lines: int, size: int) -> None:
    """One key's backlog leaves at nearly 1 MiB a second, though one shard takes no more than that."""
    road = Road()
    for number in range(4):
        road.spill(request(f"{number}", *["hot"] * lines, size=size))
    shard = Shard(road.time)
    facts = road.drain(58, shard)
    assert (facts["left_objects"], facts["unconfirmed"]) == (0, 0)
    assert shard.taken_bytes > 11 * MIB
    assert shard.taken_bytes / road.time.now_s > 0.9 * MIB


def test_live_posts_on_a_full_shard_come_first() -> None:
    """With next to nothing left for it, the drain gives up early, and has still made a little progress."""
    road = Road()
    for number in range(3):
        road.spill(request(f"{number}", *["hot"] * 140, size=24_000))
    shard = Shard(road.time, live=0.95)
    facts = road.drain(58, shard)
    assert 0 < facts["lines"] < 20
    assert road.time.now_s < 10
    assert len(road.waiting) == 3 * 140 - facts["lines"]


@dataclass
class CutStream:
    """A stream before and after whose every call the drain may be cut off."""

    stream: FakeStream
    cut: Any

    @property
    def call_s(self) -> float:
        """Return what a call takes."""
        return self.stream.call_s

    def put(self, records: Sequence[Record]) -> list[bool]:
        """Put records."""
        self.cut.step()
        verdicts = self.stream.put(records)
        self.cut.step()
        return verdicts


def _spilled_road(at_step: int | None) -> tuple[Road, list[SpilledLine]]:
    """Return a road with four objects, on which one key is throttled for the first twelve calls."""
    road = Road(cut=Cut(at_step))
    road.stream.fails = lambda record, _attempt: record.partition_key == "hot" and len(road.stream.calls) <= 12
    requests = [request(name, *["hot", None, "cold"], size=15_000) for name in "ab"]
    return road, road.spill(*requests, request("c", "hot"), request("d", *[None] * 300, size=10))


def _cut_once(at_step: int) -> bool:
    """Cut a drain off at one step, look, drain until nothing is left, look; tell whether the step was reached."""
    road, lines = _spilled_road(at_step)
    stream = CutStream(road.stream, road.cut)
    try:
        road.drain(stream=stream)
    except CutOffError:
        was_cut = True
    else:
        was_cut = False
    everything = {line.text for line in lines}
    assert everything <= {*road.waiting, *road.stream.lines}
    road.cut.at_step = None
    for _ in range(10):
        road.drain(stream=stream)
    assert {*road.stream.lines} == everything
    assert road.waiting == []
    return was_cut


def test_a_drain_cut_off_anywhere_loses_nothing() -> None:
    """After every step of it: each line is on the stream or still in the spill, and in the end on the stream."""
    steps = 0
    while _cut_once(steps):
        steps += 1
    assert steps > 12


@dataclass
class Rivalry:
    """Runs another drain, itself open to it, at some steps of one: before and after each write and call."""

    road: Road
    turns: set[int]
    steps: int = 0

    def step(self) -> None:
        """Count one step, and perhaps let the other drain run all at once."""
        self.steps += 1
        if self.steps in self.turns:
            self.drain()

    def drain(self) -> None:
        """Drain once."""
        self.road.drain(stream=CutStream(self.road.stream, self))


@settings(max_examples=40)
@given(st.sets(st.integers(1, 60), max_size=8), st.integers(0, 2**32))
def test_drains_at_once_lose_nothing(turns: set[int], seed: int) -> None:
    """Another drain runs inside one, with other luck: lines come double at worst, and all arrive."""
    road, lines = _spilled_road(None)
    everything = {line.text for line in lines}
    rivalry = Rivalry(road, turns)
    road.spills.cut = rivalry
    road.stream.fails = lambda record, _attempt: crc32(record.data, len(road.stream.calls) + seed) % 3 > 0
    while road.spills.objects:
        rivalry.drain()
        assert everything <= {*road.waiting, *road.stream.lines}
    assert {*road.stream.lines} == everything


def test_a_rest_that_is_another_object_again_is_not_deleted() -> None:
    """An object and its own rest, both there after a cut: when the rest of both is that rest, it must stay."""
    lines = request("a", "one", "two", "three")
    road = Road(lambda record, _attempt: record.partition_key in {"two", "three"})
    road.spill(lines, lines[1:])
    road.drain()
    assert sorted(road.waiting) == sorted(line.text for line in lines[1:])


def test_a_rest_under_the_key_of_a_drained_object_stays() -> None:
    """Keys come from receipts: should lines ever share them, the rest of one object may not go with the other."""
    hot = [line("a", index, "hot") for index in range(2)]
    road = Road(lambda record, _attempt: record.partition_key == "hot")
    road.spill(request("a", None, None), [line("b", 0), *hot])
    assert spill_object(hot).key == spill_object(request("a", None, None)).key
    road.drain()
    assert road.waiting == [waiting.text for waiting in hot]


def test_a_line_in_two_objects_is_put_once() -> None:
    """What a cut-off drain left double comes once, when both lie in one load."""
    lines = request("a", "one", "two", "three")
    road = Road()
    road.spill(lines, lines[1:])
    assert road.drain()["lines"] == 3
    assert len(road.stream.lines) == 3
    assert road.spills.objects == {}


@pytest.fixture
def s3() -> Iterator[Any]:
    """Return a client of an emulated S3 with a bucket `landing`."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="landing")
        yield client


def test_a_spill_on_s3_is_drained(s3: Any) -> None:
    """On the real adapter: a hot key's lines wait, everything else goes, then the rest goes too."""
    spills = SpillBucket(s3, "landing")
    lines = [*request("a", None, "hot"), *request("b", "hot"), *request("c", *["k"] * 300, size=10)]
    for chunk in (lines[:2], lines[2:3], lines[3:]):
        assert spills.keep(spill_object(chunk))
    s3.put_object(Bucket="landing", Key="events/not-a-spill.gz", Body=b"")
    hot = FakeStream(lambda record, _attempt: record.partition_key == "hot")
    drain = Drain(spills, hot, lambda: 2e9)
    facts = drain.run(hot.time.budget(58))
    assert (facts["objects"], facts["lines"], facts["left_objects"]) == (2, 301, 2)
    hot.fails = lambda _record, _attempt: False
    facts = drain.run(hot.time.budget(58))
    assert (facts["objects"], facts["lines"], facts["left_objects"]) == (2, 2, 0)
    assert sorted(hot.lines) == sorted(line.text for line in lines)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="landing")["Contents"]] == ["events/not-a-spill.gz"]


def test_the_fake_spill_is_like_the_real_one(s3: Any) -> None:
    """The port's contract: put twice is once, what is not there reads as None and deletes without complaint."""
    for spills in (FakeSpills(), SpillBucket(s3, "landing")):
        first, second = (spill_object(request(name, None, size=10)) for name in "ab")
        assert [spills.keep(spill) for spill in (first, second, second)] == [True, True, True]
        assert {spill.key for spill in spills.stored()} == {first.key, second.key}
        assert spills.read([second.key, "spill/v1/none", first.key]) == [second.body, None, first.body]
        assert spills.delete([first.key, "spill/v1/none"]) == [first.key, "spill/v1/none"]
        assert [spill.key for spill in spills.stored()] == [second.key]
        assert spills.put_s >= 1
