"""Threads: the same results as one after the other, and the first error ends it."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.threads import Threads
from chalicelib.stages.each import batched, one_by_one


@given(st.lists(st.integers(), max_size=50), st.integers(1, 4))
def test_results_come_in_order(numbers: list[int], count: int) -> None:
    """However many threads there are."""
    assert Threads(count)(str, numbers) == one_by_one(str, numbers) == list(map(str, numbers))


def test_they_work_side_by_side() -> None:
    """Two pieces of work that wait for each other both end."""
    both = threading.Barrier(2, timeout=5)
    assert sorted(Threads(2)(lambda _: both.wait(), range(2))) == [0, 1]


def test_the_first_error_ends_it() -> None:
    """It is raised, and what was not begun is left."""
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        time.sleep(0.002 if number > 2 else 0)

    with pytest.raises(ValueError, match="two"):
        Threads(1)(work, range(1_000))
    assert len(begun) < 1_000


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_batches_are_everything_in_order(numbers: list[int], size: int) -> None:
    """None empty, none too long, only the last one shorter."""
    batches = list(batched(iter(numbers), size))
    assert [number for batch in batches for number in batch] == numbers
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches[-1:])
