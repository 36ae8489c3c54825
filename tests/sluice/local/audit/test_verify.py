"""Verify: every way to lose or double a line, or to forget a file, is found and named."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import Entry, State
from sluice.local.audit.contents import LineId
from sluice.local.audit.evidence import Evidence
from sluice.local.audit.rows import CoreBreach
from sluice.local.audit.survey import Request, Sightings, Survey
from sluice.local.audit.verify import Breach, breaches, lasting

LINES: frozenset[LineId] = frozenset({("r1", 0), ("r1", 1), ("r2", 0)})
REQUESTS = {"r1": Request(2, 2, 0, 0), "r2": Request(1, 1, 0, 0)}
SEEN = Sightings(stream=LINES, landed=LINES, raw=LINES)
FILE = LandedFile("landing", "events/a.gz")
ENTRY = Entry(FILE, "pipe", State.LOADED, "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:05.000Z")
WHOLE = Evidence(Survey(REQUESTS, SEEN, files=frozenset({FILE.key})), {FILE.key: ENTRY}, rows_in_core=2)
ONE: frozenset[LineId] = frozenset({("r1", 1)})


def seen(**changes: Any) -> Evidence:
    """Return the whole evidence with other sightings."""
    return replace(WHOLE, survey=replace(WHOLE.survey, lines=replace(SEEN, **changes)))


def ledger(**changes: Any) -> Evidence:
    """Return the whole evidence with another ledger entry."""
    return replace(WHOLE, ledger={FILE.key: replace(ENTRY, **changes)})


def test_a_whole_road_breaks_no_promise() -> None:
    """Two lines of one event are one row in CORE: that is the promise, not a breach."""
    assert breaches(WHOLE) == []


NOT_IN_CORE = CoreBreach("r1", 1, "/s", "b", 0)
TWICE_IN_CORE = CoreBreach("r1", 1, "/s", "b", 2)
FOREIGN_IN_CORE = CoreBreach(None, None, "/s", "f", 2)

CASES = {
    "not in RAW": (seen(raw=LINES - ONE), Breach("missing", "r1", 1, "after landing, before RAW")),
    "never landed": (
        seen(raw=LINES - ONE, landed=LINES - ONE),
        Breach("missing", "r1", 1, "after the stream, before landing"),
    ),
    "in no store": (
        seen(raw=LINES - ONE, landed=LINES - ONE, stream=LINES - ONE),
        Breach("missing", "r1", 1, "accepted, in no store"),
    ),
    "not in CORE": (
        replace(WHOLE, core=(NOT_IN_CORE,)),
        Breach("missing", "r1", 1, "after RAW, before CORE: source /s id b"),
    ),
    "twice in CORE": (
        replace(WHOLE, core=(TWICE_IN_CORE,)),
        Breach("double", "r1", 1, "2 rows in CORE for source /s id b"),
    ),
    "another producer's event twice": (
        replace(WHOLE, core=(FOREIGN_IN_CORE,)),
        Breach("double", None, None, "2 rows in CORE for source /s id f"),
    ),
    "not in the ledger": (
        replace(WHOLE, ledger={}),
        Breach("unannounced", None, None, "in landing, not in the ledger", "events/a.gz"),
    ),
    "noticed only": (
        ledger(state=State.NOTICED),
        Breach("unfinished", None, None, "noticed since 2026-01-31T12:00:05.000Z", "events/a.gz"),
    ),
    "submitted only": (
        ledger(state=State.SUBMITTED),
        Breach("unfinished", None, None, "submitted since 2026-01-31T12:00:05.000Z", "events/a.gz"),
    ),
    "unknown, without a copy": (
        ledger(state=State.UNKNOWN),
        Breach("unfinished", None, None, "unknown since 2026-01-31T12:00:05.000Z", "events/a.gz"),
    ),
    "unreadable": (
        replace(WHOLE, survey=replace(WHOLE.survey, faults={"events/b.gz": "damaged"})),
        Breach("unreadable", None, None, "damaged", "events/b.gz"),
    ),
}


@pytest.mark.parametrize(("evidence", "expected"), CASES.values(), ids=CASES.keys())
def test_each_breach_is_named(evidence: Evidence, expected: Breach) -> None:
    """One fault in one store is one breach, with its place."""
    assert breaches(evidence) == [expected]


def test_what_was_set_aside_is_not_missing() -> None:
    """A line that became a failed event, by itself or with its file, has arrived, too."""
    assert breaches(seen(raw=LINES - ONE, set_aside=ONE)) == []


def test_what_was_spilled_is_not_missing() -> None:
    """It waits for the stream, also while the drain is putting it there."""
    assert breaches(seen(raw=LINES - ONE, landed=LINES - ONE, stream=LINES - ONE, spilled=ONE)) == []
    assert breaches(seen(raw=LINES - ONE, landed=LINES - ONE, spilled=ONE)) == []


@pytest.mark.parametrize(
    "changes",
    [{"state": State.UNKNOWN, "reloaded_as": "landing/events/reload=1/a.gz"}, {"state": State.FAILED}],
    ids=["unknown, with a copy", "failed"],
)
def test_files_that_came_to_an_end(changes: dict[str, Any]) -> None:
    """Somebody was told, or another file stands for it."""
    assert breaches(ledger(**changes)) == []


def test_an_answer_that_never_came_is_no_breach() -> None:
    """A request killed between the stream and its log line may have rows that nobody was promised."""
    assert breaches(replace(WHOLE, survey=replace(WHOLE.survey, requests={"r2": REQUESTS["r2"]}))) == []


def test_lost_lines_are_named_where_rejected_ones_are_known() -> None:
    """Of five events two were rejected and one was seen: the others can only be those."""
    survey = Survey(
        {"r1": Request(5, 3, 2, 0)}, Sightings(raw=frozenset({("r1", 0)}), rejected=frozenset({("r1", 1), ("r1", 3)}))
    )
    assert [(found.receiptid, found.receiptindex) for found in breaches(Evidence(survey))] == [("r1", 2), ("r1", 4)]


def test_lost_lines_are_counted_where_they_cannot_be_told_apart() -> None:
    """One of five was unavailable, and nobody wrote down which."""
    survey = Survey({"r1": Request(5, 4, 0, 1)}, Sightings(raw=frozenset({("r1", 0)})))
    assert breaches(Evidence(survey)) == [Breach("missing", "r1", None, "3 accepted, in no store")]


def _missing(receipt: str | None, index: int | None, where: str = "somewhere") -> Breach:
    return Breach("missing", receipt, index, where)


LASTING = {
    "seen twice": ([_missing("r", 1)], [_missing("r", 1)], True),
    "moved on meanwhile": ([_missing("r", 1, "after the stream")], [_missing("r", 1, "after landing")], True),
    "seen once": ([], [_missing("r", 1)], False),
    "another line": ([_missing("r", 2)], [_missing("r", 1)], False),
    "not told apart before": ([_missing("r", None)], [_missing("r", 1)], True),
    "not told apart now": ([_missing("r", 1)], [_missing("r", None)], True),
    "another receipt": ([_missing("q", None)], [_missing("r", None)], False),
    "a file seen twice": (
        [Breach("unfinished", None, None, "noticed since", "a")],
        [Breach("unfinished", None, None, "submitted since", "a")],
        True,
    ),
    "another file": (
        [Breach("unannounced", None, None, "x", "a")],
        [Breach("unannounced", None, None, "x", "b")],
        False,
    ),
    "another producer's event": ([_missing(None, None, "id f")], [_missing(None, None, "id g")], False),
    "a double": ([], [Breach("double", "r", 1, "2 rows")], True),
    "an unreadable object": ([], [Breach("unreadable", None, None, "x", "a")], True),
}


@pytest.mark.parametrize(("before", "now", "counts"), LASTING.values(), ids=LASTING.keys())
def test_what_may_pass_must_last(before: list[Breach], now: list[Breach], counts: bool) -> None:
    """What is under way counts when it is found twice, a double at once."""
    assert lasting(before, now) == (now if counts else [])
