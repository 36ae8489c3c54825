"""Delivery: confirmed, spilled or unavailable, each line exactly one of them, and all of it in time."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_text import dumps
from chalicelib.core.line import Line
from chalicelib.core.record import Record
from chalicelib.core.spill import read_spill
from chalicelib.stages.spill import Delivered, Delivery, Pressure
from tests.fakes import ORDER, RECEIPT, FakeSpills, FakeStream, FakeTime, Fault, order

ALL = frozenset(range(6))


def line(index: int) -> Line:
    """Return a line of one request that fills a record of its own."""
    data = {**ORDER, "note": "x" * 20_000}
    event = order(specversion="1.0", id=f"e-{index}", source="/s", data=data, **RECEIPT.enrichment(index, len(ALL)))
    return Line(dumps(event), index)


LINES = [line(index) for index in range(len(ALL))]


@dataclass
class Road:
    """A delivery with its fakes, all on one clock."""

    fails: Fault = lambda _record, _attempt: False
    time: FakeTime = field(default_factory=FakeTime)
    spills: FakeSpills = field(default_factory=FakeSpills)
    spill_is_on: bool = True
    refuses_from_call: int | None = None

    def __post_init__(self) -> None:
        self.stream = FakeStream(self.fails, self.refuses_from_call, time=self.time)
        self.delivery = Delivery(self.stream, self.spills if self.spill_is_on else None, Pressure(self.clock))

    def clock(self) -> float:
        """Return the time."""
        return self.time.now_s

    def deliver(self, seconds: float = 27.0) -> Delivered:
        """Deliver the six lines."""
        return self.delivery.deliver(LINES, RECEIPT, self.time.budget(seconds))

    @property
    def spilled(self) -> list[bytes]:
        """Return every line in the spill, in order."""
        return [line.text for body, _ in self.spills.objects.values() for line in read_spill(body)]

    @property
    def tries(self) -> int:
        """Return how many calls the stream had, and forget them."""
        calls = len(self.stream.calls)
        self.stream.calls.clear()
        return calls


def failing(*indexes: int) -> Fault:
    """Return a fault that always holds for these indexes."""
    return lambda record, _attempt: bool({*record.indexes} & {*indexes})


def test_what_the_stream_takes_is_not_spilled() -> None:
    """A good day: all is confirmed, nothing is put anywhere else."""
    road = Road()
    assert road.deliver() == Delivered()
    assert road.stream.lines == [line.text for line in LINES]
    assert road.spills.log == []


def test_what_the_stream_does_not_take_is_spilled() -> None:
    """One object with exactly the lines that stayed unconfirmed, in order; only those were tried again."""
    road = Road(failing(1, 4))
    assert road.deliver() == Delivered(spilled=frozenset({1, 4}))
    assert road.spilled == [LINES[1].text, LINES[4].text]
    assert [len(call) for call in road.stream.calls] == [6] + [2] * (len(road.stream.calls) - 1)
    assert len(road.spills.log) == 1


def test_a_refusing_stream_is_spilled_too(caplog: pytest.LogCaptureFixture) -> None:
    """No such stream, no permission: the lines are kept all the same, at once, and the log says why."""
    road = Road(refuses_from_call=0)
    with caplog.at_level(logging.ERROR):
        assert road.deliver() == Delivered(spilled=ALL)
    assert road.time.pauses == []
    assert "no such stream" in caplog.text


def test_a_spill_that_fails_leaves_lines_unavailable() -> None:
    """Nothing is called accepted that is neither on the stream nor in the spill."""
    road = Road(failing(2), spills=FakeSpills(works=False))
    assert road.deliver() == Delivered(unavailable=frozenset({2}))


def test_switched_off_lines_are_unavailable_after_ten_seconds() -> None:
    """Without a spill the stream is tried for as long as a client may wait, at every post anew."""
    road = Road(failing(2), spill_is_on=False)
    assert road.deliver() == Delivered(unavailable=frozenset({2}))
    assert 9 < road.time.now_s <= 10
    first = road.tries
    road.deliver()
    assert first == road.tries > 5
    assert road.spills.log == []


def test_tries_end_after_three_seconds_when_lines_can_be_spilled() -> None:
    """No call begins later, so that the put has all the time it may need."""
    road = Road(failing(2))
    road.deliver()
    assert 2 < road.time.now_s - road.stream.call_s <= 3


def test_under_pressure_a_post_tries_once() -> None:
    """After a throttled post the next ones pay no retries, until five seconds went by without one."""
    road = Road(failing(2))
    road.deliver()
    assert road.tries > 3
    for _ in range(3):
        road.time.now_s += 4
        assert road.deliver() == Delivered(spilled=frozenset({2}))
        assert road.tries == 1
    road.time.now_s += 5
    road.deliver()
    assert road.tries > 3


def test_pressure_costs_a_good_post_nothing() -> None:
    """A post that the stream takes at once is confirmed under pressure like any other."""
    road = Road(lambda _record, _attempt: road.time.now_s < 5)
    assert road.deliver() == Delivered(spilled=ALL)
    road.time.now_s = 5
    assert road.deliver() == Delivered()


def test_a_put_that_does_not_fit_is_not_begun() -> None:
    """A request that is nearly out of time says unavailable rather than to be cut off over a put."""
    road = Road()
    assert road.deliver(8.9) == Delivered(unavailable=ALL)
    assert (road.stream.calls, road.spills.log) == ([], [])


@given(st.floats(0, 40), st.sets(st.sampled_from(sorted(ALL))))
def test_there_is_always_time_for_the_put(seconds: float, faults: set[int]) -> None:
    """However little time there is: a put begins only when it ends in time at its slowest."""
    road = Road(failing(*faults))
    road.deliver(seconds)
    assert road.time.now_s <= seconds
    assert road.spills.log == [] or road.time.now_s + road.spills.put_s <= seconds + 1e-9


@dataclass
class LosingStream:
    """A stream whose answer for some indexes is lost, whether it took them or not."""

    stream: FakeStream
    lost: set[int]

    @property
    def call_s(self) -> float:
        """Return what a call takes."""
        return self.stream.call_s

    def put(self, records: Sequence[Record]) -> list[bool]:
        """Put records, and forget some of the answers."""
        verdicts = zip(records, self.stream.put(records), strict=True)
        return [ok and not {*record.indexes} & self.lost for record, ok in verdicts]


@given(
    st.dictionaries(st.sampled_from(sorted(ALL)), st.integers(1, 9)),
    st.sets(st.sampled_from(sorted(ALL))),
    st.booleans(),
    st.booleans(),
)
def test_a_line_is_where_it_is_said_to_be(faults: dict[int, int], lost: set[int], works: bool, is_on: bool) -> None:
    """Confirmed lines are on the stream, spilled ones in the spill, unavailable ones are told; no line is two of them.

    Where the stream's answer is lost its lines are on the stream as well: twice at worst, never missing.
    """
    road = Road(
        lambda record, attempt: attempt < max(faults.get(index, 0) for index in record.indexes),
        spills=FakeSpills(works=works),
        spill_is_on=is_on,
    )
    stream = LosingStream(road.stream, lost)
    delivered = Delivery(stream, road.spills if is_on else None).deliver(LINES, RECEIPT, road.time.budget(27))
    assert not delivered.spilled & delivered.unavailable
    assert road.spilled == [LINES[index].text for index in sorted(delivered.spilled)]
    assert not delivered.spilled or works
    assert not delivered.spilled or is_on
    accepted = {LINES[index].text for index in ALL - delivered.unavailable}
    assert accepted <= {*road.stream.lines, *road.spilled}
    assert delivered.spilled | delivered.unavailable >= lost
