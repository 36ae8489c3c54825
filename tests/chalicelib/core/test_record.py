"""Packing lines into records, and cutting records into calls."""

from collections import defaultdict

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.limits import (
    MAX_BYTES_PER_PUT,
    MAX_EVENT_BYTES,
    MAX_PARTITION_KEY_CHARACTERS,
    MAX_RECORD_BYTES,
    MAX_RECORDS_PER_PUT,
)
from chalicelib.core.line import Line
from chalicelib.core.record import Record, batches, pack

KEYS = st.none() | st.sampled_from(["a", "b", "k" * 256, "k" * 257, "é" * 256])
SIZES = st.integers(1, 200) | st.integers(8_000, 30_000) | st.sampled_from([24_999, 25_000, 25_001, 262_144])
LINES = st.lists(st.tuples(SIZES, KEYS), max_size=30).map(
    lambda shapes: [Line(b"%06d" % index + b"x" * (size - 6), index, key) for index, (size, key) in enumerate(shapes)]
)


@given(LINES)
def test_every_line_is_in_exactly_one_record(lines: list[Line]) -> None:
    """Packed or not, the lines and their indexes are all there once."""
    records = pack(lines, "spread")
    assert sorted(index for record in records for index in record.indexes) == [line.index for line in lines]
    by_index = {line.index: line.text for line in lines}
    for record in records:
        assert record.data.split(b"\n") == [by_index[index] for index in record.indexes]


@given(LINES)
def test_order_is_kept_among_lines_of_one_key(lines: list[Line]) -> None:
    """Reading the records in order gives each key's lines in the order they came."""
    keys = {line.index: line.partition_key for line in lines}
    packed = defaultdict(list)
    for record in pack(lines, "spread"):
        for index in record.indexes:
            packed[keys[index]].append(index)
    assert all(indexes == sorted(indexes) for indexes in packed.values())


@given(LINES)
def test_keys_never_share_a_record(lines: list[Line]) -> None:
    """A record holds lines of one key, or lines without one under a spread key."""
    keys = {line.index: line.partition_key for line in lines}
    for record in pack(lines, "spread"):
        (key,) = {keys[index] for index in record.indexes}
        assert (
            record.partition_key.startswith("spread-") if key is None else not record.partition_key.startswith("spread")
        )
        assert 1 <= len(record.partition_key) <= MAX_PARTITION_KEY_CHARACTERS


@given(LINES)
def test_a_record_is_small_unless_its_one_line_is_not(lines: list[Line]) -> None:
    """No record is over 25 KB unless it holds a single line; no record can take one line more of its key."""
    for record in pack(lines, "spread"):
        assert len(record.data) <= MAX_RECORD_BYTES or len(record.indexes) == 1


def test_lines_share_a_record_up_to_the_last_byte() -> None:
    """25,000 bytes with the newline between are one record, 25,001 are two."""
    fitting = [Line(b"x" * 12_499, 0), Line(b"y" * 12_500, 1)]
    assert [len(record.data) for record in pack(fitting, "s")] == [MAX_RECORD_BYTES]
    assert len(pack([*fitting[:1], Line(b"y" * 12_501, 1)], "s")) == 2


def test_spread_keys_differ() -> None:
    """Records without a key go to different shards, and are the same when packed again."""
    lines = [Line(b"x" * 20_000, index) for index in range(5)]
    assert len({record.partition_key for record in pack(lines, "s")}) == 5
    assert pack(lines, "s") == pack(lines, "s")


def test_long_keys_stay_apart() -> None:
    """A key over 256 characters is hashed: two that begin alike do not share a record."""
    records = pack([Line(b"1", 0, "k" * 300 + "a"), Line(b"2", 1, "k" * 300 + "b")], "s")
    assert len({record.partition_key for record in records}) == 2


@given(st.lists(st.integers(1, MAX_EVENT_BYTES), max_size=40) | st.just([1] * 1_001))
@example([MAX_EVENT_BYTES] * 40)
def test_batches_fit_a_call(sizes: list[int]) -> None:
    """Every record once, in order, at most 500 and 4.5 MB a call, and no call is empty."""
    records = [Record(bytes(size), "k", (index,)) for index, size in enumerate(sizes)]
    cut = list(batches(records))
    assert [record for batch in cut for record in batch] == records
    assert all(1 <= len(batch) <= MAX_RECORDS_PER_PUT for batch in cut)
    assert all(sum(record.size_bytes for record in batch) <= MAX_BYTES_PER_PUT for batch in cut)


def test_batches_are_as_few_as_order_allows() -> None:
    """1,001 small records are three calls, not more."""
    assert [len(batch) for batch in batches([Record(b"x", "k", (n,)) for n in range(1_001)])] == [500, 500, 1]
