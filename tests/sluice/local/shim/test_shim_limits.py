"""A shard's limits: never more in a second than it takes, whatever comes."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.shim.limits import BYTES_A_SECOND, RECORDS_A_SECOND, Limiter, Shards

HASH_KEYS = 2**128


def _shards(*starts: int, closed: Sequence[int] = ()) -> Shards:
    ends = [following - 1 for following in starts[1:]] + [HASH_KEYS - 1]
    return Shards.of(
        {
            "ShardId": f"shard-{number}",
            "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(end)},
            "SequenceNumberRange": {"StartingSequenceNumber": "0"}
            | ({"EndingSequenceNumber": "9"} if number in closed else {}),
        }
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


@given(st.text(min_size=1, max_size=256), st.integers(1, 8))
def test_record_belongs_to_the_shard_whose_range_holds_its_key(key: str, count: int) -> None:
    """The hash key is the MD5 of the partition key, read as a number."""
    starts = [HASH_KEYS // count * number for number in range(count)]
    hash_key = int(hashlib.md5(key.encode()).hexdigest(), 16)  # noqa: S324 - Kinesis's own choice
    expected = max(number for number, start in enumerate(starts) if start <= hash_key)
    assert _shards(*starts).of_key(key) == f"shard-{expected}"


def test_explicit_hash_key_wins() -> None:
    """A producer may choose the shard itself."""
    shards = _shards(0, HASH_KEYS // 2)
    assert shards.of_key("any", "0") == "shard-0"
    assert shards.of_key("any", str(HASH_KEYS // 2)) == "shard-1"
    assert shards.of_key("any", str(HASH_KEYS - 1)) == "shard-1"


def test_closed_shards_take_nothing() -> None:
    """After a split the parent is still listed."""
    shards = _shards(0, 0, HASH_KEYS // 2, closed=[0])
    assert {shards.of_key(f"key-{number}") for number in range(100)} == {"shard-1", "shard-2"}


@given(
    st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, BYTES_A_SECOND // 4)), max_size=60),
    st.sampled_from([0.002, 0.25, 1.0]),
)
def test_no_second_holds_more_than_the_limit(records: list[tuple[float, int]], scale: float) -> None:
    """Of any second: what was taken fits, or is one record that is over the limit by itself."""
    limiter, now = Limiter(), 0.0
    taken: list[tuple[float, int]] = []
    for pause_s, size in records:
        now += pause_s
        if limiter.admit("shard", size, scale, now):
            taken.append((now, size))
    for number, (begins_at, _) in enumerate(taken):
        second = [size for at, size in taken[number:] if at < begins_at + 1.0]
        assert len(second) == 1 or (len(second) <= RECORDS_A_SECOND * scale and sum(second) <= BYTES_A_SECOND * scale)


@pytest.mark.parametrize(
    ("size", "taken"), [(1, RECORDS_A_SECOND), (BYTES_A_SECOND // 4, 4), (BYTES_A_SECOND, 1), (BYTES_A_SECOND + 1, 1)]
)
def test_shard_takes_its_whole_limit(size: int, taken: int) -> None:
    """By number or by size, whichever is reached first; a second later as much again."""
    limiter = Limiter()
    for now in (0.0, 1.0, 2.5):
        assert sum(limiter.admit("shard", size, 1.0, now) for _ in range(2_000)) == taken


def test_window_slides() -> None:
    """What was taken late in one second counts early in the next."""
    limiter = Limiter()
    assert sum(limiter.admit("shard", 1, 1.0, 0.9) for _ in range(600)) == 600
    assert sum(limiter.admit("shard", 1, 1.0, 1.1) for _ in range(600)) == 400
    assert sum(limiter.admit("shard", 1, 1.0, 1.95) for _ in range(1_000)) == 600


def test_shards_do_not_share() -> None:
    """A hot shard takes nothing from another."""
    limiter = Limiter()
    assert limiter.admit("hot", BYTES_A_SECOND, 1.0, 0.0)
    assert not limiter.admit("hot", 1, 1.0, 0.0)
    assert limiter.admit("cold", BYTES_A_SECOND, 1.0, 0.0)


def test_refused_records_do_not_count() -> None:
    """A client that tries again and again keeps nobody out."""
    limiter = Limiter()
    assert limiter.admit("shard", BYTES_A_SECOND - 10, 1.0, 0.0)
    assert not limiter.admit("shard", 11, 1.0, 0.5)
    assert limiter.admit("shard", 10, 1.0, 0.5)
    assert [now for now, before in pairwise([1.0, 0.5]) if not limiter.admit("shard", 100, 1.0, now)] == []
