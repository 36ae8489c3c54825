"""Verify's patience: traffic is no breach, a store may be away for a moment, a loss is found in the end."""

from collections.abc import Callable, Iterator

import pytest

from sluice.commands.console import CommandError
from sluice.commands.verify import Patience
from sluice.local.audit.contents import LineId
from sluice.local.audit.evidence import Evidence
from sluice.local.audit.rows import CoreBreach
from sluice.local.audit.survey import Sightings, Survey
from sluice.local.warehouse import QueryError
from tests.fakes import FakeTime


def _missing(*indexes: int) -> Evidence:
    lines: frozenset[LineId] = frozenset(("r", index) for index in indexes)
    return Evidence(Survey(lines=Sightings(stream=lines)))


def _reads(*answers: Evidence | Exception) -> Callable[[], Evidence]:
    """Return what answers one after the other; the last answer stays."""
    left = list(answers)

    def read() -> Evidence:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


def _settle(read: Callable[[], Evidence], wait_s: float = 30) -> tuple[list[int | None], FakeTime]:
    time = FakeTime()
    _, found = Patience(wait_s, lambda: time.now_s, time.sleep).settle(read)
    return [breach.receiptindex for breach in found], time


def test_a_quiet_road_is_read_once() -> None:
    """Nothing is waited for."""
    found, time = _settle(_reads(_missing()))
    assert (found, time.pauses) == ([], [])


def test_steady_traffic_is_no_breach() -> None:
    """There is always a line on its way, never the same one."""
    found, time = _settle(_reads(_missing(1, 2), _missing(2, 3), _missing(3, 4), _missing(4)))
    assert found == []
    assert len(time.pauses) == 2


def test_a_lost_line_is_found_among_traffic() -> None:
    """It is the one that does not move until the time is over."""
    numbers: Iterator[int] = iter(range(100, 10_000))
    found, time = _settle(lambda: _missing(7, next(numbers)), 30)
    assert found == [7]
    assert 30 <= time.now_s <= 31


def test_even_without_waiting_a_line_is_looked_for_twice() -> None:
    """It may have been read between two stores."""
    assert _settle(_reads(_missing(1), _missing()), 0)[0] == []
    assert _settle(_reads(_missing(1)), 0)[0] == [1]


def test_a_double_is_reported_at_once() -> None:
    """No time mends it."""
    double = Evidence(core=(CoreBreach("r", 1, "/s", "a", 2),))
    assert _settle(_reads(double))[0] == [1]


def test_a_store_that_is_away_for_a_moment() -> None:
    """Its answer is waited for."""
    assert _settle(_reads(QueryError("away"), _missing(1), QueryError("away"), _missing()))[0] == []


def test_a_store_that_stays_away() -> None:
    """It is said in a sentence, once the time is over."""
    with pytest.raises(CommandError, match="does not answer: away"):
        _settle(_reads(QueryError("away")), 5)
