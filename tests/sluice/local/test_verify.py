"""Verify: every way to lose or double a line is found and named."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sluice.local.evidence import Evidence
from sluice.local.verify import Breach, breaches

LINES = frozenset({("r1", 0), ("r1", 1), ("r2", 0)})
EVENTS = {("r1", 0): ("/s", "a"), ("r1", 1): ("/s", "b"), ("r2", 0): ("/s", "a")}
WHOLE = Evidence(
    accepted={"r1": 2, "r2": 1},
    stream=LINES,
    landed=LINES,
    raw=EVENTS,
    set_aside=frozenset(),
    core=Counter({("/s", "a"): 1, ("/s", "b"): 1}),
)


def _without(line: tuple[str, int]) -> dict[tuple[str, int], tuple[str, str]]:
    return {known: event for known, event in EVENTS.items() if known != line}


def test_a_whole_road_breaks_no_promise() -> None:
    """Two lines of one event are one row in CORE: that is the promise, not a breach."""
    assert breaches(WHOLE) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"raw": _without(("r1", 1))}, Breach("missing", "r1", 1, "after landing, before RAW")),
        (
            {"raw": _without(("r1", 1)), "landed": LINES - {("r1", 1)}},
            Breach("missing", "r1", 1, "after the stream, before landing"),
        ),
        ({"core": Counter({("/s", "a"): 1})}, Breach("missing", "r1", 1, "after RAW, before CORE")),
        ({"accepted": {"r1": 3, "r2": 1}}, Breach("missing", "r1", None, "1 accepted, in no store")),
        (
            {"core": Counter({("/s", "a"): 1, ("/s", "b"): 2})},
            Breach("double", "r1", 1, "2 rows in CORE for ('/s', 'b')"),
        ),
    ],
)
def test_each_breach_is_named(change: dict[str, Any], expected: Breach) -> None:
    """One fault in one store is one breach, with its place."""
    assert breaches(replace(WHOLE, **change)) == [expected]


def test_what_was_set_aside_is_not_missing() -> None:
    """A line that the transform made a failed event of has arrived, too."""
    assert breaches(replace(WHOLE, raw=_without(("r1", 1)), set_aside=frozenset({("r1", 1)}))) == []


def test_an_answer_that_never_came_is_no_breach() -> None:
    """A request killed between the stream and its log line may have rows that nobody was promised."""
    assert breaches(replace(WHOLE, accepted={"r2": 1})) == []
