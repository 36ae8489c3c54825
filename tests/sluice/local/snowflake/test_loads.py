"""The pipes' memory of files, with a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sluice.local.snowflake.engine import DirectoryInUseError, Engine
from sluice.local.snowflake.loads import Loads, NamedFile
from sluice.local.snowflake.outcomes import Outcome, Status

PIPE = "SLUICE.RAW.P"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Give the time."""
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give an open data directory."""
    engine = Engine(tmp_path, "SLUICE")
    yield engine
    engine.close()


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def loads(engine: Engine, clock: Clock) -> Loads:
    """Give an empty memory."""
    return Loads(engine, clock)


def finish(engine: Engine, loads: Loads, status: Status = Status.LOADED) -> None:
    """Finish whatever waits."""
    waiting = loads.waiting(PIPE, 100, 100, 1)
    with engine.cursor() as duck, engine.transaction(duck):
        loads.finish(duck, [Outcome(file.id, status, 10, 1, 1) for file in waiting])


def test_a_path_is_remembered_for_14_days_whatever_became_of_it(engine: Engine, clock: Clock, loads: Loads) -> None:
    """Queued, loaded or failed: the same path is skipped, until its time is over."""
    assert loads.accept(PIPE, [NamedFile("a"), NamedFile("a")]) == []
    assert loads.accept(PIPE, [NamedFile("a"), NamedFile("b")]) == ["a"]
    finish(engine, loads, Status.LOAD_FAILED)
    clock.now += timedelta(days=13, hours=23)
    assert loads.accept(PIPE, [NamedFile("a")]) == ["a"]
    clock.now += timedelta(hours=2)
    assert loads.accept(PIPE, [NamedFile("a")]) == []
    assert loads.accept("SLUICE.RAW.OTHER", [NamedFile("a")]) == []


def test_the_report_goes_back_ten_minutes_from_a_mark(engine: Engine, clock: Clock, loads: Loads) -> None:
    """A mark hides what was reported; ten minutes hide everything, but a history scan still has it."""
    loads.accept(PIPE, [NamedFile("a")])
    finish(engine, loads)
    mark = loads.last_mark()
    loads.accept(PIPE, [NamedFile("b")])
    finish(engine, loads)
    assert [event.path for event in loads.since_mark(PIPE, None)] == ["a", "b"]
    assert [event.path for event in loads.since_mark(PIPE, mark)] == ["b"]
    start = clock.now
    clock.now += timedelta(minutes=11)
    assert loads.since_mark(PIPE, None) == []
    assert [event.path for event in loads.between(PIPE, start, None)] == ["a", "b"]


def test_a_batch_is_bounded_by_number_and_size(loads: Loads) -> None:
    """The oldest come first; one file always fits; a size that is not known is guessed."""
    loads.accept(PIPE, [NamedFile("big", 1000), NamedFile("a", 40), NamedFile("b", 40), NamedFile("c")])
    assert [file.path for file in loads.waiting(PIPE, 10, 100, 30)] == ["big"]
    assert [file.path for file in loads.waiting(PIPE, 2, 10_000, 30)] == ["big", "a"]
    assert len(loads.waiting(PIPE, 10, 10_000, 30)) == 4
    assert loads.waiting("SLUICE.RAW.OTHER", 10, 100, 30) == []


def test_what_waits_is_counted(clock: Clock, loads: Loads) -> None:
    """A pipe's status knows how many files wait and which is the oldest."""
    assert loads.pending(PIPE).files == 0
    loads.accept(PIPE, [NamedFile("a"), NamedFile("b")])
    pending = loads.pending(PIPE)
    assert (pending.files, pending.oldest_path, pending.oldest_at) == (2, "a", clock.now)


def test_a_directory_belongs_to_one_engine(engine: Engine, tmp_path: Path) -> None:
    """A second engine on the same directory is refused with a message."""
    with pytest.raises(DirectoryInUseError, match="in use"):
        Engine(tmp_path, "SLUICE")


def test_a_lost_file_is_remembered_and_nothing_else(engine: Engine, clock: Clock, loads: Loads) -> None:
    """It is skipped when named again, and it waits nowhere, ends nowhere and is not counted."""
    assert loads.accept(PIPE, [NamedFile("a")], Status.LOST) == []
    assert loads.accept(PIPE, [NamedFile("a")]) == ["a"]
    finish(engine, loads)
    assert loads.waiting(PIPE, 10, 100, 1) == []
    assert loads.between(PIPE, clock.now - timedelta(days=1), None) == []
    assert loads.pending(PIPE).files == 0
