"""The counts add up, whatever was killed where, and whatever the logs and the stores say."""

import base64
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_fakes import DEAD_LETTERS, FakeStores, FakeWarehouse, failed_event, line, packed, receipt

from sluice.local.audit.counts import counts, legs, offered
from sluice.local.audit.holdings import Holdings
from sluice.local.audit.rows import RowCounts
from sluice.local.audit.stream_lines import StreamLines
from sluice.local.audit.survey import Request, Sightings, Survey, take_survey

LINES = st.frozensets(st.tuples(st.sampled_from([receipt(number) for number in range(4)]), st.integers(0, 5)))
REQUESTS = st.builds(
    lambda accepted, rejected, unavailable: Request(accepted + rejected + unavailable, accepted, rejected, unavailable),
    *[st.integers(0, 6)] * 3,
)
SURVEYS = st.builds(
    Survey,
    requests=st.dictionaries(st.sampled_from([receipt(number) for number in range(5)]), REQUESTS),
    lines=st.builds(Sightings, spilled=LINES, landed=LINES, rejected=LINES, set_aside=LINES, raw=LINES),
    failed=st.just({"collect": 0}),
)


@given(SURVEYS, st.integers(0, 50))
def test_counts_add_up(survey: Survey, waiting: int) -> None:
    """Received is what became of it; nothing is negative; the legs hang together and hold all that is in flight."""
    rows = RowCounts(loaded=len(survey.lines.raw), waiting=waiting)
    posted = offered(survey)
    found = counts(survey, rows, posted)
    shown = [leg.to_json() for leg in legs(survey, rows, posted)]
    assert found["received"] == found["accepted"] + found["rejected"] + found["unavailable"]
    assert found["accepted"] == found["in_flight"] + len(survey.lines.raw | survey.lines.set_aside)
    assert min(found["in_flight"], *(value for leg in shown for value in leg.values() if isinstance(value, int))) >= 0
    assert all(leg["received"] == leg["delivered"] + leg["set_aside"] + leg["in_flight"] for leg in shown)
    assert [leg["received"] for leg in shown[1:]] == [leg["delivered"] for leg in shown[:-1]]
    assert sum(leg["in_flight"] for leg in shown[:-1]) == found["in_flight"]
    assert found["spilled"] == shown[0]["in_flight"]


@given(SURVEYS)
def test_what_was_answered_is_not_taken_back(survey: Survey) -> None:
    """No receipt has fewer accepted or rejected than its log line says, and no more received unless more was seen."""
    logged = Counter[str]()
    for request in survey.requests.values():
        logged.update(accepted=request.accepted, rejected=request.rejected, offered=request.offered)
    posted = offered(survey)
    assert posted.accepted >= max(logged["accepted"], len(survey.lines.accepted))
    assert posted.rejected >= logged["rejected"]
    assert posted.received >= logged["offered"]


def _posted(request: Request | None, *seen: int, rejected: tuple[int, ...] = ()) -> tuple[int, int, int, int]:
    """Return received, accepted, rejected and unavailable of one receipt of which some lines arrived."""
    lines = Sightings(
        raw=frozenset((receipt(1), index) for index in seen),
        rejected=frozenset((receipt(1), index) for index in rejected),
    )
    posted = offered(Survey({receipt(1): request} if request else {}, lines))
    return posted.received, posted.accepted, posted.rejected, posted.unavailable


def test_an_api_killed_before_its_log_line() -> None:
    """What it had put on the stream was received and accepted, what it had set aside received and rejected."""
    assert _posted(None, 0, 2, rejected=(1,)) == (3, 2, 1, 0)


def test_unavailable_events_that_had_arrived() -> None:
    """Kinesis took them and its answer was lost: they are accepted after all, and received once."""
    assert _posted(Request(5, 2, 1, 2), 0, 1, 2) == (5, 3, 1, 1)


def test_accepted_events_on_their_way() -> None:
    """The log is right as long as nothing else is seen."""
    assert _posted(Request(5, 4, 1, 0), 0) == (5, 4, 1, 0)


def test_nothing_yet() -> None:
    """An empty road counts nothing."""
    found = counts(Survey(), RowCounts(), offered(Survey()))
    assert found.pop("dead_lettered") == {}
    assert set(found.values()) == {0}


@pytest.fixture
def stores(tmp_path: Path) -> FakeStores:
    """Give a road with a line at each place; receipt 1 has one of each, and they are all of ours."""
    stores = FakeStores(tmp_path / "contents.json", warehouse=FakeWarehouse({(receipt(1), 0), (receipt(2), 0)}))
    stores.log = [{"receipt": receipt(1), "offered": 9, "accepted": 8, "rejected": 1, "unavailable": 0}]
    foreign = b'{"id":"foreign"}'
    stores.put("events/loaded.gz", line(1, 0), line(2, 0), foreign)
    stores.put("events/failed.gz", line(1, 1))
    stores.put("events/reload=1/failed.gz", line(1, 1))
    stores.put("events/waiting.gz", line(1, 2))
    stores.put("spill/v1/a.gz", line(1, 3), line(1, 2))
    stores.put("failed/v1/stage=transform/a.gz", failed_event("transform", f"{receipt(1)}:4"), bucket=DEAD_LETTERS)
    stores.put(
        "failed/v1/stage=transform/b.gz",
        failed_event("transform", f"{receipt(1)}:4"),
        failed_event("transform", "f" * 64 + ":0"),
        bucket=DEAD_LETTERS,
    )
    pointer = {"encoding": "s3", "key": "events/failed.gz"}
    stores.put(
        "failed/v1/stage=load/a.gz", failed_event("load", "landing/events/failed.gz", pointer), bucket=DEAD_LETTERS
    )
    stores.put("failed/v1/stage=collect/a.gz", failed_event("collect", f"{receipt(1)}:8"), bucket=DEAD_LETTERS)
    stores.buckets["landing"]["firehose-failed/a"] = b'{"rawData":"%s"}' % _base64(line(1, 5) + b"\n" + foreign)
    stores.shards = {"shard-1": [line(1, 6), line(1, 0) + b"\n" + line(1, 1)], "shard-2": []}
    return stores


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data)


def test_a_survey_finds_every_line(stores: FakeStores) -> None:
    """Each store is read, a file that failed to load line by line, and a failed event kept twice is one."""
    survey = take_survey(stores, Holdings(stores), StreamLines(stores).read)  # type: ignore[arg-type]
    mine = {name: _indexes(getattr(survey.lines, name)) for name in Sightings.__slots__}
    assert mine == {
        "spilled": [2, 3],
        "stream": [0, 1, 6],
        "landed": [0, 1, 2],
        "rejected": [8],
        "set_aside": [1, 4, 5],
        "raw": [0],
    }
    assert {stage: count for stage, count in survey.failed.items() if count} == {
        "collect": 1,
        "transform": 2,
        "firehose": 2,
        "load": 1,
    }
    assert survey.landed_lines == 5
    assert "events/reload=1/failed.gz" in survey.files
    assert survey.faults == {}


def test_the_counts_of_a_survey(stores: FakeStores) -> None:
    """A copy of a file adds no lines; what was spilled and has landed waits no more; receipt 2 was never logged."""
    survey = take_survey(stores, Holdings(stores))  # type: ignore[arg-type]
    found = counts(survey, RowCounts(loaded=2), offered(survey))
    assert {name: value for name, value in found.items() if name != "dead_lettered"} == {
        "received": 10,
        "accepted": 9,
        "rejected": 1,
        "unavailable": 0,
        "spilled": 1,
        "landed": 5,
        "loaded": 2,
        "in_flight": 9 - 2 - 3,
        "duplicates": 0,
        "conflicts": 0,
    }
    shown: list[Any] = [tuple(leg.to_json().values()) for leg in legs(survey, RowCounts(loaded=2), offered(survey))]
    assert shown == [
        ("api → stream", 10, 8, 1, 1),
        ("stream → landing", 8, 4, 2, 2),
        ("landing → RAW", 4, 2, 1, 1),
        ("RAW → CORE", 2, 2, 0, 0),
    ]


def test_what_cannot_be_read_is_named(stores: FakeStores) -> None:
    """A damaged file does not stop the count of the others."""
    stores.buckets["landing"]["events/damaged.gz"] = packed([line(3, 0)])[:-9]
    survey = take_survey(stores, Holdings(stores))  # type: ignore[arg-type]
    assert survey.faults == {"events/damaged.gz": "not one whole gzip stream"}
    assert survey.landed_lines == 5


def test_the_stream_is_read_on_from_where_it_was(stores: FakeStores) -> None:
    """A second look reads what is new, and remembers the rest."""
    stream = StreamLines(stores)  # type: ignore[arg-type]
    first = stream.read()
    stores.read.clear()
    stores.shards["shard-2"].append(line(1, 7))
    assert stream.read() == first | {(receipt(1), 7)}
    assert stores.read == ["shard-2:0"]


def _indexes(lines: frozenset[tuple[str, int]]) -> list[int]:
    """Return the indexes of receipt 1."""
    return sorted(index for name, index in lines if name == receipt(1))
