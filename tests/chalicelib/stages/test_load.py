"""Load: every file is submitted at least once and noted once, wherever it is cut off."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.stages.budget import Budget
from chalicelib.stages.load import Load
from tests.fakes import Cut, CutOffError, FakeIngest, FakeLedger, FakeTime

EVENTS = Pipe("SLUICE.RAW.EVENTS_PIPE", "events/", "SLUICE.RAW.EVENTS")
WEATHER = Pipe("SLUICE.RAW.WEATHER_PIPE", "weather/", "SLUICE.RAW.WEATHER")
BUDGET = FakeTime().budget(100)


def files(count: int, prefix: str = "events/") -> list[LandedFile]:
    """Return so many landed files."""
    return [LandedFile("landing", f"{prefix}dt=2026-01-31/{number}.gz", number) for number in range(count)]


def test_files_go_to_the_pipe_of_their_prefix() -> None:
    """Paths are relative to the pipe's stage, sizes go with them, strangers are left alone."""
    ledger, ingest = FakeLedger(), FakeIngest()
    landed = [*files(1), *files(1, "weather/"), LandedFile("landing", "firehose-failed/x.gz", 5)]
    facts = Load([EVENTS, WEATHER], ledger, ingest).load(landed, BUDGET)
    assert facts == {"noticed": 2, "submitted": 2, "unconfirmed": 0}
    assert ingest.calls == [(EVENTS.name, {"dt=2026-01-31/0.gz": 0}), (WEATHER.name, {"dt=2026-01-31/0.gz": 0})]
    assert "landing/firehose-failed/x.gz" not in ledger.states


def test_a_file_that_snowpipe_does_not_take_stays_noticed() -> None:
    """The message may go: the ledger has the file, and a second message submits it."""
    ledger, ingest = FakeLedger(), FakeIngest(down=[EVENTS.name])
    facts = Load([EVENTS], ledger, ingest).load(files(1), BUDGET)
    assert facts == {"noticed": 1, "submitted": 0, "unconfirmed": 1}
    assert list(ledger.states.values()) == ["noticed"]
    Load([EVENTS], ledger, FakeIngest()).load(files(1), BUDGET)
    assert list(ledger.states.values()) == ["submitted"]


def test_an_announcement_that_comes_twice_changes_nothing() -> None:
    """A file already submitted is neither submitted nor noted again."""
    ledger, ingest = FakeLedger(), FakeIngest()
    load = Load([EVENTS], ledger, ingest)
    load.load([*files(2), *files(2)], BUDGET)
    assert load.load(files(2), BUDGET) == {"noticed": 0, "submitted": 0, "unconfirmed": 0}
    assert len(ingest.submitted) == 2
    assert len(ledger.log) == 4


@pytest.mark.parametrize(
    ("count", "calls"), [(0, []), (5_000, [5_000]), (5_001, [5_000, 1]), (12_000, [5_000, 5_000, 2_000])]
)
def test_a_call_takes_5000_files(count: int, calls: list[int]) -> None:
    """More are cut into several calls, each file in one of them."""
    ledger, ingest = FakeLedger(), FakeIngest()
    Load([EVENTS], ledger, ingest).load(files(count), BUDGET)
    assert [len(paths) for _, paths in ingest.calls] == calls
    assert len(set(ingest.submitted)) == count
    assert set(ledger.states.values()) <= {"submitted"}


def test_one_pipe_that_is_down_does_not_stop_another() -> None:
    """All pipes are tried, and the facts say what was not confirmed."""
    ledger, ingest = FakeLedger(), FakeIngest(down=[EVENTS.name])
    facts = Load([EVENTS, WEATHER], ledger, ingest).load([*files(2), *files(2, "weather/")], BUDGET)
    assert facts == {"noticed": 4, "submitted": 2, "unconfirmed": 2}
    assert sorted(ledger.states.values()) == ["noticed", "noticed", "submitted", "submitted"]
    assert [pipe for pipe, _ in ingest.calls] == [WEATHER.name]


def test_a_ledger_that_cannot_be_written_is_an_error() -> None:
    """Then the messages must come again: nothing else remembers the files."""

    class BrokenLedger(FakeLedger):
        """A ledger whose table is gone."""

        def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
            """Fail."""
            raise OSError("no table")

    ingest = FakeIngest()
    with pytest.raises(OSError, match="no table"):
        Load([EVENTS], BrokenLedger(), ingest).load(files(1), BUDGET)
    assert ingest.calls == []


def test_snowpipe_gets_twenty_seconds() -> None:
    """However long the function may run: what Snowpipe has not taken by then reconcile submits."""
    budgets = []

    class SlowIngest(FakeIngest):
        """Keeps what it was given."""

        def submit(self, pipe: str, files: Mapping[str, int | None], budget: Budget) -> None:
            """Keep the budget."""
            budgets.append(budget.remaining_s())

    Load([EVENTS], FakeLedger(), SlowIngest()).load(files(1), FakeTime().budget(100))
    Load([EVENTS], FakeLedger(), SlowIngest()).load(files(1), FakeTime().budget(7))
    assert budgets == [20.0, 7.0]


@given(st.lists(st.integers(0, 5), max_size=30))
def test_however_often_it_is_announced_a_file_is_submitted_once(announced: list[int]) -> None:
    """Thrice, late, in another order: one entry and one submission a file."""
    ledger, ingest = FakeLedger(), FakeIngest()
    load = Load([EVENTS], ledger, ingest)
    for number in announced:
        load.load([LandedFile("landing", f"events/a+b {number}é.gz", 1, "etag")], BUDGET)
    assert sorted(ingest.submitted) == [(EVENTS.name, f"a+b {number}é.gz") for number in sorted(set(announced))]


def steps_of_a_whole_run() -> int:
    """Return at how many places a run over three files of two pipes can be cut off."""
    cut = Cut()
    Load([EVENTS, WEATHER], FakeLedger(cut), FakeIngest(cut)).load([*files(2), *files(1, "weather/")], BUDGET)
    return cut.steps


@pytest.mark.parametrize("step", range(steps_of_a_whole_run()))
def test_cut_off_anywhere_and_run_again_nothing_is_missing(step: int) -> None:
    """Killed before or after any write, the second run completes: noted once, submitted at least once."""
    cut = Cut(at_step=step)
    ledger, ingest = FakeLedger(cut), FakeIngest(cut)
    load = Load([EVENTS, WEATHER], ledger, ingest)
    landed = [*files(2), *files(1, "weather/")]
    with pytest.raises(CutOffError):
        load.load(landed, BUDGET)
    cut.at_step = None
    load.load(landed, BUDGET)
    assert set(ingest.submitted) == {
        (EVENTS.name, "dt=2026-01-31/0.gz"),
        (EVENTS.name, "dt=2026-01-31/1.gz"),
        (WEATHER.name, "dt=2026-01-31/0.gz"),
    }
    assert set(ledger.states.values()) == {"submitted"}
    assert len(ledger.log) == len(set(ledger.log)) == 6
