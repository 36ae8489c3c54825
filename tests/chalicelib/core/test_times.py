"""Times as text: one spelling, which sorts in order of time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.times import later, seconds_between, to_text

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)


@given(TIMES, TIMES)
def test_texts_sort_in_order_of_time(one: datetime, other: datetime) -> None:
    """What is compared as text is compared as time."""
    assert (to_text(one) < to_text(other)) == (one < other)


@given(TIMES, st.integers(-(10**6), 10**6))
def test_later_and_between_are_inverse(at: datetime, seconds: int) -> None:
    """A time so many seconds later lies so many seconds behind."""
    assert later(to_text(at), seconds) == to_text(at + timedelta(seconds=seconds))
    assert seconds_between(to_text(at), later(to_text(at), seconds)) == seconds
