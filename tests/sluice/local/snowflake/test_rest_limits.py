"""Snowpipe's limits on reports: 10 minutes, 14 days, 10,000 files. Answered directly, without a server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standin_process import ACCOUNT, USER, KeyPair
from starlette.requests import Request

from sluice.local.snowflake.copy_into import CopyInto
from sluice.local.snowflake.definitions import Location
from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.jwt_check import TokenCheck
from sluice.local.snowflake.loads import Loads, NamedFile
from sluice.local.snowflake.names import ObjectName
from sluice.local.snowflake.outcomes import Outcome, Status
from sluice.local.snowflake.pipes import Pipe, Pipes
from sluice.local.snowflake.registry import Registry
from sluice.local.snowflake.rest import RefusedCallError, Snowpipe

NAME = ObjectName("SLUICE", "RAW", "P")
COPY = CopyInto(NAME, NAME, "", NAME, None, "")
PIPE = Pipe(NAME, "running", COPY, Location("landing", "events/"))


class Reports:
    """A pipe's reports, and a clock for what ends; it may be moved back."""

    def __init__(self, engine: Engine, keys: KeyPair) -> None:
        self.engine = engine
        self.now = datetime.now(UTC)
        self.loads = Loads(engine, lambda: self.now)
        check = TokenCheck.for_user(ACCOUNT, USER, keys.public.encode())
        reading = Loads(engine)
        self.snowpipe = Snowpipe(check, Pipes(Registry(engine), reading), reading, lambda: None)

    def end(self, *paths: str, ago: timedelta = timedelta()) -> None:
        """Let files be named and loaded some time ago."""
        self.now = datetime.now(UTC) - ago
        self.loads.accept(str(NAME), map(NamedFile, paths))
        waiting = self.loads.waiting(str(NAME), len(paths), 10**9, 1)
        with self.engine.cursor() as duck, self.engine.transaction(duck):
            self.loads.finish(duck, [Outcome(file.id, Status.LOADED, 1, 1, 1) for file in waiting])

    def recent(self, **query: str) -> dict[str, Any]:
        """Return insertReport."""
        return self.snowpipe.insert_report(PIPE, request(**query), b"")

    def history(self, **query: str) -> dict[str, Any]:
        """Return loadHistoryScan."""
        return self.snowpipe.load_history_scan(PIPE, request(**query), b"")


def request(**query: str) -> Request:
    """Return a request with these query parameters."""
    text = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in query.items())
    return Request({"type": "http", "query_string": text.encode(), "headers": []})


def paths(answer: dict[str, Any]) -> list[str]:
    """Return a report's paths."""
    return [file["path"] for file in answer["files"]]


def ago(**length: float) -> str:
    """Return a time so long ago."""
    return (datetime.now(UTC) - timedelta(**length)).isoformat()


@pytest.fixture
def reports(tmp_path: Path, keys: KeyPair) -> Iterator[Reports]:
    """Return an empty pipe's reports."""
    engine = Engine(tmp_path, "SLUICE")
    yield Reports(engine, keys)
    engine.close()


def test_a_report_covers_ten_minutes(reports: Reports) -> None:
    """What ended earlier is no longer there, and the report is complete all the same."""
    reports.end("old", ago=timedelta(minutes=10, seconds=5))
    reports.end("new", ago=timedelta(minutes=9, seconds=50))
    answer = reports.recent()
    assert (paths(answer), answer["completeResult"]) == (["new"], True)


def test_a_mark_hides_what_was_reported(reports: Reports) -> None:
    """With the mark of one report the next shows what is newer."""
    reports.end("a")
    mark = reports.recent()["nextBeginMark"]
    reports.end("b")
    assert paths(reports.recent(beginMark=mark)) == ["b"]
    assert paths(reports.recent()) == ["a", "b"]


def test_reports_hold_10000_files(reports: Reports) -> None:
    """One more: insertReport leaves out the oldest and says false, loadHistoryScan says "false" and where to go on."""
    reports.end("first", ago=timedelta(minutes=3))
    reports.end(*(f"{n}" for n in range(9_999)), ago=timedelta(minutes=2))
    assert reports.recent()["completeResult"] is True
    reports.end("last", ago=timedelta(minutes=1))
    recent = reports.recent()
    assert (len(recent["files"]), recent["completeResult"], "first" in paths(recent)) == (10_000, False, False)
    page = reports.history(startTimeInclusive=ago(hours=1))
    assert (len(page["files"]), page["completeResult"], "last" in paths(page)) == (10_000, "false", False)
    rest = reports.history(startTimeInclusive=page["rangeEndTime"])
    assert (rest["completeResult"], "last" in paths(rest)) == ("true", True)


def test_a_history_goes_back_14_days(reports: Reports) -> None:
    """Older than that is refused; the range's end is exclusive."""
    reports.end("a", ago=timedelta(days=13))
    assert paths(reports.history(startTimeInclusive=ago(days=14))) == ["a"]
    assert paths(reports.history(startTimeInclusive=ago(days=14), endTimeExclusive=ago(days=13, seconds=5))) == []
    with pytest.raises(RefusedCallError) as refused:
        reports.history(startTimeInclusive=ago(days=15))
    assert refused.value.status == 400


@pytest.mark.parametrize("start", ["", "yesterday"])
def test_a_history_needs_a_start(reports: Reports, start: str) -> None:
    """Without a time there is nothing to scan."""
    with pytest.raises(RefusedCallError) as refused:
        reports.history(startTimeInclusive=start)
    assert refused.value.status == 400
