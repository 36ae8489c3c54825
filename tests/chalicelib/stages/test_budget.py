"""The budget: waiting longer each time, and never past the end."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.stages.budget import Budget
from tests.fakes import FakeTime


@given(st.integers(0, 10_000), st.floats(0, 5), st.floats(0, 1), st.floats(0, 10))
def test_a_pause_leaves_time_for_what_follows(attempt: int, then_s: float, jitter: float, left_s: float) -> None:
    """After a pause `then_s` still fits; a pause that would leave too little is not begun."""
    time = FakeTime()
    budget = Budget(lambda: left_s - time.now_s, time.sleep, lambda: jitter)
    if budget.pause(attempt, then_s):
        assert 0.025 <= time.now_s <= 1.0
        assert time.now_s + then_s <= left_s + 1e-9
    else:
        assert time.pauses == []


def test_a_budget_allows_what_is_left() -> None:
    """Exactly what is left is allowed, more is not."""
    assert FakeTime().budget(2).allows(2)
    assert not FakeTime().budget(2).allows(2.01)


def test_a_part_ends_with_the_whole_or_before() -> None:
    """A part has its own seconds, never more than there are, and runs down with the whole."""
    time = FakeTime()
    whole = time.budget(30)
    part, all_of_it = whole.at_most(20), whole.at_most(50)
    assert (part.remaining_s(), all_of_it.remaining_s()) == (20, 30)
    time.sleep(15)
    assert (part.remaining_s(), all_of_it.remaining_s(), whole.remaining_s()) == (5, 15, 15)
    assert part.at_most(1).remaining_s() == 1
