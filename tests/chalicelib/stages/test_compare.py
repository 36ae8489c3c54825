"""Compare: no file in landing escapes the ledger, however it was announced and whenever the comparison ran."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Compared
from chalicelib.core.times import later
from chalicelib.stages.compare import Compare
from chalicelib.stages.load import Load
from tests.fakes import RECEIVED_AT, Cut, CutOffError, FakeIngest, FakeLedger, FakeTime
from tests.file_fakes import FakeClock, FakeLanding

EVENTS = Pipe("E", "events/", "T")
WEATHER = Pipe("W", "weather/", "U")
DAY_S = 86_400.0


@dataclass
class World:
    """Landing, a ledger, and the comparison between them."""

    cut: Cut = field(default_factory=Cut)
    clock: FakeClock = field(default_factory=FakeClock)
    page_s: float = 0.0

    def __post_init__(self) -> None:
        """Let all fakes share the clock and the cut."""
        self.ledger = FakeLedger(self.cut, self.clock)
        self.ingest = FakeIngest(self.cut)
        self.landing = FakeLanding(self.cut, self.clock)
        self.pipes = [WEATHER, EVENTS]

    def run(self, after_s: float = 0.0, budget_s: float = 100.0, *, everything: bool = False) -> dict[str, int]:
        """Compare once, some time later; each question to the ledger takes `page_s`."""
        self.clock.move(after_s)
        time = FakeTime()

        def slowly(work: Any, things: Any) -> list[Any]:
            results = [work(thing) for thing in things]
            time.now_s += self.page_s * len(results)
            return results

        load = Load(self.pipes, self.ledger, self.ingest)
        compare = Compare(self.pipes, self.ledger, self.landing, load, self.clock, 60.0, slowly)
        return compare.run(time.budget(budget_s), everything=everything)


def test_a_file_nobody_announced_is_loaded() -> None:
    """Noticed and submitted to the pipe of its prefix; known files and other prefixes are left alone."""
    world = World()
    known = world.landing.put("events/known.gz")
    world.ledger.notice(known, EVENTS.name)
    for key in ("events/a b+é.gz", "weather/w.csv", "spill/x", "events/dt=1/"):
        world.landing.put(key)
    facts = world.run(61)
    assert facts == {"files": 3, "unannounced": 2, "firehose_failed": 0, "unconfirmed": 0}
    assert world.ingest.submitted == [(EVENTS.name, "a b+é.gz"), (WEATHER.name, "w.csv")]
    assert world.ledger.states["landing/events/a b+é.gz"] == "submitted"
    assert world.run(3_600)["unannounced"] == 0


def test_a_file_just_landed_is_left_to_its_announcement() -> None:
    """A minute later it is overdue; the comparison in between does not forget it."""
    world = World()
    world.landing.put("events/a.gz")
    assert world.run(60)["unannounced"] == 0
    assert world.run(1)["unannounced"] == 1


def test_snowpipe_away_leaves_files_noticed() -> None:
    """Reconcile submits them; the comparison goes on."""
    world = World()
    world.ingest.down = [EVENTS.name]
    for number in range(2_500):
        world.landing.put(f"events/{number:04}.gz")
    assert world.run(61) == {"files": 2_500, "unannounced": 2_500, "firehose_failed": 0, "unconfirmed": 2_500}
    assert set(world.ledger.states.values()) == {"noticed"}
    assert world.run(61)["unannounced"] == 0


def test_what_firehose_could_not_deliver_is_counted() -> None:
    """The objects of the last two hours."""
    world = World()
    world.landing.put("firehose-failed/processing-failed/a", at=later(RECEIVED_AT, -7_201))
    world.landing.put("firehose-failed/processing-failed/b", at=later(RECEIVED_AT, -7_199))
    assert world.run()["firehose_failed"] == 1


def test_only_the_last_days_are_asked_about_again() -> None:
    """A whole landing the first time, then what landed since three days before the last comparison."""
    world = World()
    for day in range(10):
        world.landing.put(f"events/{day}.gz", at=later(RECEIVED_AT, -DAY_S * day))
    assert world.run(61)["files"] == 10
    assert world.run(3_600)["files"] == 3
    assert world.run(everything=True)["files"] == 10


def test_a_comparison_that_did_not_run_for_long_leaves_no_hole() -> None:
    """It begins where the last whole one ended, not three days ago."""
    world = World()
    world.run()
    world.clock.move(5 * DAY_S)
    world.landing.put("events/a.gz")
    assert world.run(30 * DAY_S)["unannounced"] == 1


def test_a_comparison_cut_off_by_its_budget_goes_on_where_it_stopped() -> None:
    """Each run does a part; only a whole one counts as compared, from when it began."""
    world = World(page_s=2.0)
    for number in range(4_500):
        world.landing.put(f"events/{number:04}.gz")
    world.landing.put("weather/w.csv")
    world.clock.move(61)
    first = world.run(budget_s=40)
    assert first["files"] == 2_000
    assert world.ledger.marks == [Compared(None, later(RECEIVED_AT, 61), "events/1999.gz")]
    assert world.run(1, budget_s=40)["files"] == 2_000
    assert world.run(1, budget_s=40)["files"] == 501
    assert world.ledger.marks[-1] == Compared(through=later(RECEIVED_AT, 1))
    assert len(world.ledger.states) == 4_501


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 30.0, 3_600.0, DAY_S, 5 * DAY_S]),
            st.lists(st.text("abe/=", min_size=1, max_size=4), max_size=3),
            st.sampled_from([100.0, 0.0]),
        ),
        max_size=8,
    )
)
def test_every_file_is_found_in_the_end(days: list[Any]) -> None:
    """Whenever files land and whenever the comparison runs or is cut off: one whole run later all are known."""
    world = World(page_s=30.0)
    for after_s, paths, budget_s in days:
        for path in paths:
            world.landing.objects.setdefault(f"events/{path}", (b"x", world.clock()))
        world.run(after_s, budget_s)
    world.run(61, 10**6)
    world.run(61, 10**6)
    loadable = {f"landing/{key}" for key in world.landing.objects if not key.endswith("/")}
    assert set(world.ledger.states) == loadable
    assert len(world.ingest.submitted) == len(loadable)


def steps_of_a_run() -> int:
    """Return at how many places a comparison of three files can be cut off."""
    world = World()
    for number in range(3):
        world.landing.put(f"events/{number}.gz")
    world.cut.steps = 0
    world.run(61)
    return world.cut.steps


@pytest.mark.parametrize("step", range(steps_of_a_run()))
def test_cut_off_anywhere_the_next_run_finds_the_rest(step: int) -> None:
    """What was noticed and not submitted reconcile submits; what was not noticed the next comparison finds."""
    world = World()
    for number in range(3):
        world.landing.put(f"events/{number}.gz")
    world.cut.at_step = step
    with pytest.raises(CutOffError):
        world.run(61)
    world.cut.at_step = None
    world.run(3_600)
    assert len(world.ledger.states) == 3
    submitted = {path for _, path in world.ingest.submitted}
    noticed = {name.rpartition("/")[2] for name, state in world.ledger.states.items() if state == "noticed"}
    assert submitted | noticed == {"0.gz", "1.gz", "2.gz"}
