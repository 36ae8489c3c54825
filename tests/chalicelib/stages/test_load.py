"""Load: every file is submitted at least once and noted once, wherever it is cut off."""

import pytest

from chalicelib.stages.load import IngestUnavailableError, LandedFile, Load, Pipe
from tests.fakes import Cut, CutOffError, FakeIngest, FakeLedger, FakeTime

EVENTS = Pipe("SLUICE.RAW.EVENTS_PIPE", "events/")
WEATHER = Pipe("SLUICE.RAW.WEATHER_PIPE", "weather/")
BUDGET = FakeTime().budget(100)


def files(count: int, prefix: str = "events/") -> list[LandedFile]:
    """Return so many landed files."""
    return [LandedFile("landing", f"{prefix}dt=2026-01-31/{number}.gz", number) for number in range(count)]


def test_files_go_to_the_pipe_of_their_prefix() -> None:
    """Paths are relative to the pipe's stage, sizes go with them, strangers are left alone."""
    ledger, ingest = FakeLedger(), FakeIngest()
    landed = [*files(1), *files(1, "weather/"), LandedFile("landing", "firehose-failed/x.gz", 5)]
    assert Load([EVENTS, WEATHER], ledger, ingest).load(landed, BUDGET) == {EVENTS.name: 1, WEATHER.name: 1}
    assert ingest.calls == [(EVENTS.name, {"dt=2026-01-31/0.gz": 0}), (WEATHER.name, {"dt=2026-01-31/0.gz": 0})]
    assert "landing/firehose-failed/x.gz" not in ledger.states


def test_a_file_is_noted_before_and_marked_after_it_is_submitted() -> None:
    """The ledger says submitted only once Snowpipe has confirmed."""
    ledger, ingest = FakeLedger(), FakeIngest(down=[EVENTS.name])
    with pytest.raises(IngestUnavailableError):
        Load([EVENTS], ledger, ingest).load(files(1), BUDGET)
    assert list(ledger.states.values()) == ["noticed"]
    Load([EVENTS], ledger, FakeIngest()).load(files(1), BUDGET)
    assert list(ledger.states.values()) == ["submitted"]


def test_an_announcement_that_comes_twice_changes_nothing() -> None:
    """A file already submitted is neither submitted nor noted again."""
    ledger, ingest = FakeLedger(), FakeIngest()
    load = Load([EVENTS], ledger, ingest)
    load.load([*files(2), *files(2)], BUDGET)
    assert load.load(files(2), BUDGET) == {}
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
    """All pipes are tried; then the messages come again because of the one that failed."""
    ledger, ingest = FakeLedger(), FakeIngest(down=[EVENTS.name])
    with pytest.raises(IngestUnavailableError, match="EVENTS_PIPE"):
        Load([EVENTS, WEATHER], ledger, ingest).load([*files(2), *files(2, "weather/")], BUDGET)
    assert sorted(ledger.states.values()) == ["noticed", "noticed", "submitted", "submitted"]
    assert [pipe for pipe, _ in ingest.calls] == [WEATHER.name]


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
