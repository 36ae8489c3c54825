"""Publish: only what failed is put again, in time, and no confirmed record ever twice."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.line import Line
from chalicelib.core.record import pack
from chalicelib.stages.publish import publish
from tests.fakes import FakeStream, FakeTime

LINES = [Line(b"%04d" % index + b"x" * 20_000, index) for index in range(6)]
"""Each of them fills a record."""


def failing(*indexes: int, tries: int = 10**9) -> FakeStream:
    """Return a stream on which records with these indexes fail so many times."""
    return FakeStream(fails=lambda record, attempt: attempt < tries and bool({*record.indexes} & {*indexes}))


def test_all_is_confirmed_in_one_call() -> None:
    """Without faults every line is put once, in order."""
    stream = FakeStream()
    assert publish(LINES, "r", stream, stream.time.budget()) == frozenset()
    assert stream.lines == [line.text for line in LINES]
    assert len(stream.calls) == 1


def test_nothing_is_put_for_nothing() -> None:
    """No line, no call."""
    stream = FakeStream()
    assert publish([], "r", stream, stream.time.budget()) == frozenset()
    assert stream.calls == []


def test_only_what_failed_is_put_again() -> None:
    """Two entries fail twice: the second and third call hold those two alone, in order."""
    stream = failing(1, 4, tries=2)
    assert publish(LINES, "r", stream, stream.time.budget()) == frozenset()
    assert [[record.indexes for record in call] for call in stream.calls[1:]] == [[(1,), (4,)], [(1,), (4,)]]
    assert len(stream.confirmed) == len({record.indexes for record in stream.confirmed}) == 6


def test_what_fails_for_good_is_unavailable() -> None:
    """The budget ends the trying; the others were confirmed at the first call."""
    stream = failing(2)
    assert publish(LINES, "r", stream, stream.time.budget(10)) == {2}
    assert [record.indexes for record in stream.confirmed] == [(0,), (1,), (3,), (4,), (5,)]
    assert all(record.indexes == (2,) for call in stream.calls[1:] for record in call)


def test_pauses_grow_and_are_bounded() -> None:
    """Backoff doubles from 50 ms up to a second."""
    stream = failing(0)
    publish(LINES, "r", stream, stream.time.budget(30))
    assert stream.time.pauses[:6] == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0])
    assert max(stream.time.pauses) <= 1.0


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.5, 1.2, 5.0])
def test_the_budget_is_never_overdrawn(seconds: float) -> None:
    """Neither a call nor a pause begins that would end too late."""
    stream = failing(*range(6))
    assert publish(LINES, "r", stream, stream.time.budget(seconds)) == frozenset(range(6))
    assert stream.time.now_s <= seconds
    assert bool(stream.calls) is (seconds >= stream.call_s)


def test_a_stream_that_refuses_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    """No retry cures a missing stream: all is unavailable at once, and the log says why."""
    stream = FakeStream(refuses_from_call=0)
    with caplog.at_level(logging.ERROR):
        assert publish(LINES, "r", stream, stream.time.budget()) == frozenset(range(6))
    assert stream.time.pauses == []
    assert "no such stream" in caplog.text


def test_what_was_confirmed_before_a_refusal_stays_confirmed() -> None:
    """A refusal at the second call does not make the first call's lines unavailable."""
    lines = [Line(b"x" * 25_000, index) for index in range(501)]
    stream = FakeStream(refuses_from_call=1)
    unavailable = publish(lines, "r", stream, stream.time.budget())
    confirmed = {index for record in stream.confirmed for index in record.indexes}
    assert confirmed
    assert unavailable == set(range(501)) - confirmed


def test_calls_that_no_longer_fit_are_left_out() -> None:
    """Of three calls' worth of records, those that fit the budget are put, the rest is unavailable."""
    lines = [Line(b"x" * 25_000, index) for index in range(500)]
    stream = FakeStream()
    unavailable = publish(lines, "r", stream, stream.time.budget(1.2))
    assert len(stream.calls) == 2
    assert unavailable == set(range(500)) - {i for record in stream.confirmed for i in record.indexes}


KEYED_LINES = st.lists(st.tuples(st.integers(1, 25_000), st.sampled_from([None, "a", "b"])), max_size=20).map(
    lambda shapes: [Line(b"%03d" % index + b"x" * size, index, key) for index, (size, key) in enumerate(shapes)]
)


@given(KEYED_LINES, st.dictionaries(st.integers(0, 20), st.integers(0, 4)), st.floats(0, 10))
def test_a_line_is_confirmed_once_or_unavailable(lines: list[Line], faults: dict[int, int], seconds: float) -> None:
    """Whatever fails how often: each line is confirmed exactly once, or reported; never both, never neither."""
    tries = {
        index: count for record in pack(lines, "r") for index in record.indexes for count in [faults.get(index, 0)]
    }
    stream = FakeStream(fails=lambda record, attempt: attempt < max(tries[index] for index in record.indexes))
    unavailable = publish(lines, "r", stream, stream.time.budget(seconds))
    confirmed = [index for record in stream.confirmed for index in record.indexes]
    assert sorted([*confirmed, *unavailable]) == list(range(len(lines)))


def test_a_record_that_was_confirmed_is_never_put_again() -> None:
    """Across all calls of a bad day, each record appears no more after it was confirmed."""
    stream = FakeStream(fails=lambda record, attempt: attempt < record.indexes[0], time=FakeTime())
    assert publish(LINES, "r", stream, stream.time.budget(60)) == frozenset()
    assert [sum(record.indexes == (index,) for call in stream.calls for record in call) for index in range(6)] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
