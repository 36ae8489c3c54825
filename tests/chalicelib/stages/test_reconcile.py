"""Reconcile: every file comes to its end, wherever a run is cut off and whatever Snowflake says in which order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.core.ledger import Entry, Outcome, State
from chalicelib.core.times import later
from chalicelib.stages.budget import Budget
from chalicelib.stages.each import one_by_one
from chalicelib.stages.reconcile import Reconcile, ReconcileTimes
from chalicelib.stages.reports import PipeStatus, WarehouseState
from tests.fakes import Cut, CutOffError, FakeDeadLetters, FakeIngest, FakeLedger, FakeTime
from tests.file_fakes import FakeAlerts, FakeClock, FakeLanding, FakeSnowflake

EVENTS = Pipe("SLUICE.RAW.EVENTS_PIPE", "events/", "SLUICE.RAW.EVENTS")
WEATHER = Pipe("SLUICE.RAW.WEATHER_PIPE", "weather/", "SLUICE.RAW.WEATHER")
LOADED = Outcome(State.LOADED, 3)
FAILED = Outcome(State.FAILED, 0, 3, "bad line", 2)
PARTIAL = Outcome(State.PARTIAL, 2, 3, "bad line", 3)
HOUR_S = 3_600.0


@dataclass
class World:
    """Everything a reconcile meets, and the reconcile itself."""

    cut: Cut = field(default_factory=Cut)
    clock: FakeClock = field(default_factory=FakeClock)
    snowflake: FakeSnowflake = field(default_factory=FakeSnowflake)

    def __post_init__(self) -> None:
        """Let all fakes share the clock and the cut."""
        self.ledger = FakeLedger(self.cut, self.clock)
        self.ingest = FakeIngest(self.cut)
        self.landing = FakeLanding(self.cut, self.clock)
        self.letters = FakeDeadLetters(cut=self.cut)
        self.alerts = FakeAlerts(self.cut)
        self.reconcile = Reconcile(
            [EVENTS, WEATHER],
            self.ledger,
            self.ingest,
            self.snowflake,
            self.snowflake,
            self.landing,
            self.letters,
            self.alerts,
            self.clock,
            "sluice-reconcile/0",
        )

    def landed(self, path: str, submissions: int = 0, pipe: Pipe = EVENTS) -> LandedFile:
        """Let a file land, be noticed, and be submitted so many times, now."""
        file = self.landing.put(pipe.prefix + path)
        self.ledger.notice(file, pipe.name)
        for _ in range(submissions):
            self.ledger.mark_submitted([file]) or self.ledger.mark_resubmitted([self.ledger.entries[file.name]])
        return file

    def run(self, after_s: float = 1.0, budget: Budget | None = None) -> dict[str, Any]:
        """Run once after some time."""
        self.clock.move(after_s)
        return self.reconcile.run(budget or FakeTime().budget(100))

    def entry(self, path: str) -> Entry:
        """Return a file's entry."""
        return self.ledger.entries[f"landing/events/{path}"]

    def states(self) -> dict[str, str]:
        """Return each file's state by its path."""
        return {name.removeprefix("landing/events/"): state for name, state in self.ledger.states.items()}


def test_nothing_to_do_asks_nothing_of_snowpipe() -> None:
    """No REST call, no query that needs a virtual warehouse; the facts are all there."""
    world = World()
    assert world.run() == {
        "submitted_found": 0,
        "loaded": 0,
        "partial": 0,
        "failed": 0,
        "unknown": 0,
        "resubmitted": 0,
        "reloaded": 0,
        "unfinished": 0,
        "oldest_unfinished_s": 0.0,
        "dead_letters": {},
        "stopped_pipes": 0,
        "suspended_tasks": 0,
        "core_behind_s": 0.0,
    }
    assert set(world.snowflake.questions()) == {"pipe_status", "warehouse_state"}


def test_a_file_that_stays_noticed_is_submitted_again() -> None:
    """After two minutes and not before; a fresh one is somebody else's work."""
    world = World()
    world.landed("a.gz")
    facts = world.run(119)
    assert (facts["resubmitted"], facts["unfinished"], facts["oldest_unfinished_s"]) == (0, 1, 119)
    assert world.run(1)["resubmitted"] == 1
    assert (world.states(), world.entry("a.gz").attempts) == ({"a.gz": "submitted"}, 1)
    assert world.ingest.submitted == [(EVENTS.name, "a.gz")]


def test_a_report_names_what_was_loaded() -> None:
    """Rows are kept, and nothing else is asked."""
    world = World(snowflake=FakeSnowflake({"a.gz": LOADED}))
    world.landed("a.gz", 1)
    facts = world.run()
    assert (facts["submitted_found"], facts["loaded"], facts["unfinished"]) == (1, 1, 0)
    assert facts["snowpipe_available"] == 1
    assert (world.entry("a.gz").state, world.entry("a.gz").rows) == (State.LOADED, 3)
    assert world.snowflake.questions()[0] == "recent"
    assert not {"between", "copied", "rows_in_raw"} & set(world.snowflake.questions())


def test_a_fresh_file_that_no_report_names_waits() -> None:
    """Ten minutes are Snowpipe's own; nobody is asked about it."""
    world = World()
    world.landed("a.gz", 1)
    assert world.run(599)["unfinished"] == 1
    assert not {"between", "copied", "rows_in_raw"} & set(world.snowflake.questions())
    assert world.ingest.calls == []


def test_an_incomplete_report_is_completed_by_the_history() -> None:
    """At once, in one scan from the oldest file that was missed, and not from longer ago."""
    world = World(snowflake=FakeSnowflake({"a.gz": LOADED}, complete=False, scanned={"b.gz": LOADED}))
    world.landed("a.gz", 1)
    world.clock.move(5)
    submitted_at = world.clock()
    world.landed("b.gz", 1)
    assert world.run(5)["loaded"] == 2
    assert world.snowflake.asked[1] == ("between", EVENTS.name, submitted_at, world.clock())


def test_one_scan_a_pipe_and_run_covers_an_hour_at_most() -> None:
    """The history is heavily rate limited: thousands of old files are one question."""
    world = World()
    submitted_at = world.clock()
    for number in range(2_500):
        world.landed(f"{number}.gz", 1)
    world.landed("w.csv", 1, WEATHER)
    world.run(3 * HOUR_S)
    scans = [asked for asked in world.snowflake.asked if asked[0] == "between"]
    end = later(submitted_at, HOUR_S)
    assert scans == [("between", EVENTS.name, submitted_at, end), ("between", WEATHER.name, submitted_at, end)]


@pytest.mark.parametrize("source", ["scanned", "copied_outcomes", "raw"])
def test_an_old_file_is_looked_for_everywhere(source: str) -> None:
    """History, COPY_HISTORY and RAW, in this order, until one knows it."""
    world = World()
    getattr(world.snowflake, source)["a.gz"] = 7 if source == "raw" else Outcome(State.LOADED, 7)
    world.landed("a.gz", 1)
    assert world.run(600)["loaded"] == 1
    assert world.entry("a.gz").rows == 7
    last = {"scanned": "between", "copied_outcomes": "copied", "raw": "rows_in_raw"}[source]
    order = ["recent", "between", "copied", "rows_in_raw"]
    assert world.snowflake.questions()[:4][: order.index(last) + 1] == order[: order.index(last) + 1]
    assert not set(order[order.index(last) + 1 :]) & set(world.snowflake.questions())


def test_a_file_found_nowhere_is_submitted_once_more_then_loaded_as_a_copy() -> None:
    """The same path cures a lost call; after that only a new key helps. The copy is the original's successor."""
    world = World()
    file = world.landed("dt=1/a b+é.gz", 1)
    assert world.run(600)["resubmitted"] == 1
    assert world.entry("dt=1/a b+é.gz").attempts == 2
    assert world.run(1_799)["reloaded"] == 0
    facts = world.run(1)
    assert (facts["reloaded"], facts["unknown"]) == (1, 1)
    copy = "landing/events/reload=1/dt=1/a b+é.gz"
    original, copied = world.ledger.entries[file.name], world.ledger.entries[copy]
    assert (original.state, original.reloaded_as) == (State.UNKNOWN, copy)
    assert (copied.state, copied.reload_of) == (State.SUBMITTED, file.name)
    assert world.ingest.submitted[-1] == (EVENTS.name, "reload=1/dt=1/a b+é.gz")
    world.snowflake.recent_outcomes = {"reload=1/dt=1/a b+é.gz": LOADED}
    assert world.run()["loaded"] == 1
    assert world.run(HOUR_S)["unfinished"] == 0


@pytest.mark.parametrize(
    ("status", "is_reloaded"),
    [
        (PipeStatus(running=False), False),
        (PipeStatus(running=True, pending_files=1, oldest_pending_at="2026-01-31T12:34:56.789Z"), False),
        (PipeStatus(running=True, pending_files=1, oldest_pending_at=None), False),
        (PipeStatus(running=True, pending_files=9, oldest_pending_at="2026-01-31T12:34:57.000Z"), True),
        (PipeStatus(running=True), True),
    ],
    ids=["stopped", "pending as old", "pending of unknown age", "pending younger", "idle"],
)
def test_a_file_that_may_still_wait_in_its_pipe_is_not_copied(status: PipeStatus, is_reloaded: bool) -> None:
    """A pipe that stood still for hours will load it yet; then nobody is asked by SQL for nothing."""
    world = World(snowflake=FakeSnowflake(status=status))
    world.landed("a.gz", 2)
    facts = world.run(HOUR_S)
    assert facts["reloaded"] == int(is_reloaded)
    assert ("copied" in world.snowflake.questions()) is is_reloaded
    assert facts["stopped_pipes"] == (0 if status.running else 2)


def test_without_sql_nothing_is_copied() -> None:
    """Found nowhere is only what everybody was asked about. The same path may be submitted again all the same."""
    world = World(snowflake=FakeSnowflake(sql_down=True))
    world.landed("a.gz", 1)
    world.landed("b.gz", 2)
    facts = world.run(HOUR_S)
    assert (facts["resubmitted"], facts["reloaded"]) == (1, 0)
    assert not facts.keys() & {"stopped_pipes", "suspended_tasks", "core_behind_s"}
    assert world.snowflake.questions().count("pipe_status") == 2, "each pipe once"


def test_without_rest_sql_still_finds_what_was_loaded() -> None:
    """Snowpipe is not asked again in the same run, and the facts say that it did not answer."""
    down = [EVENTS.name]
    world = World(snowflake=FakeSnowflake(copied_outcomes={"a.gz": LOADED}, rest_down=down))
    world.ingest.down = down
    world.landed("a.gz", 1)
    world.landed("b.gz", 1)
    world.landed("w.csv", 1, WEATHER)
    facts = world.run(600)
    assert (facts["loaded"], facts["snowpipe_available"], facts["unfinished"]) == (1, 0, 2)
    assert world.snowflake.questions().count("recent") == 2
    assert world.entry("b.gz").attempts == 1
    assert world.ledger.entries["landing/weather/w.csv"].attempts == 2


def test_a_refused_scan_does_not_mean_that_snowpipe_is_away() -> None:
    """Asking too often is refused; files are found elsewhere and submitted as ever."""
    world = World(snowflake=FakeSnowflake(scan_refused=True, copied_outcomes={"a.gz": LOADED}))
    world.landed("a.gz", 1)
    world.landed("b.gz", 1)
    facts = world.run(600)
    assert (facts["loaded"], facts["resubmitted"], facts["snowpipe_available"]) == (1, 1, 1)
    assert world.snowflake.questions().count("between") == 1


def test_failed_and_partial_files_are_one_alert() -> None:
    """Failed events first, one alert for both, then the states; the next run does nothing more."""
    world = World(snowflake=FakeSnowflake({"a.gz": FAILED, "b.gz": PARTIAL, "c.gz": LOADED}))
    for path in ("a.gz", "b.gz", "c.gz"):
        world.landed(path, 1)
    facts = world.run()
    assert (facts["failed"], facts["partial"], facts["loaded"], facts["unfinished"]) == (1, 1, 1, 0)
    assert facts["dead_letters"] == {"load_failed": 1, "load_partial": 1}
    assert world.states() == {"a.gz": "failed", "b.gz": "partial", "c.gz": "loaded"}
    assert (world.entry("b.gz").rows, world.entry("b.gz").first_error) == (2, "bad line")
    assert len(world.alerts.sent) == 1
    assert world.run()["dead_letters"] == {}
    assert (len(world.alerts.sent), world.letters.puts) == (1, 2)


@pytest.mark.parametrize("broken", ["letters", "alerts"])
def test_without_failed_event_or_alert_the_state_stays(broken: str) -> None:
    """The next run does it again, with the same failed event."""
    world = World(snowflake=FakeSnowflake({"a.gz": FAILED}))
    world.landed("a.gz", 1)
    getattr(world, broken).works = False
    facts = world.run()
    assert (world.states(), facts["failed"], facts["unfinished"]) == ({"a.gz": "submitted"}, 0, 1)
    getattr(world, broken).works = True
    assert world.run()["failed"] == 1
    assert len(world.alerts.sent) == 1
    assert len({event.id for event in world.letters.kept}) == 1


def test_a_lost_file_that_is_no_longer_in_landing_has_failed() -> None:
    """There is nothing left to load: a person must know, and the ledger must not wait for ever."""
    world = World()
    file = world.landed("a.gz", 2)
    del world.landing.objects[file.key]
    facts = world.run(HOUR_S)
    assert (world.states(), facts["dead_letters"], facts["unfinished"]) == ({"a.gz": "failed"}, {"load_failed": 1}, 0)
    assert "no longer in landing" in world.letters.kept[0].rejection.message


def test_a_file_lost_with_all_its_copies_has_failed() -> None:
    """Three copies, then a person: it does not go on for ever."""
    world = World()
    world.landed("a.gz", 1)
    for _ in range(20):
        world.run(HOUR_S)
    assert world.states() == {
        "a.gz": "unknown",
        "reload=1/a.gz": "unknown",
        "reload=2/a.gz": "unknown",
        "reload=3/a.gz": "failed",
    }
    assert [copy for _, copy in world.landing.copies] == [f"events/reload={number}/a.gz" for number in (1, 2, 3)]
    assert len(world.alerts.sent) == 1


def test_when_landing_does_not_answer_lost_files_wait() -> None:
    """Nothing is marked; the next run copies them."""
    world = World()
    world.landed("a.gz", 2)
    world.landing.down = True
    facts = world.run(HOUR_S)
    assert (facts["reloaded"], facts["unfinished"], world.states()) == (0, 1, {"a.gz": "submitted"})
    world.landing.down = False
    assert world.run()["reloaded"] == 1


def test_what_the_index_says_too_late_does_no_harm() -> None:
    """The index still names files as submitted that have long ended: nothing is copied, set aside or moved back."""
    world = World(snowflake=FakeSnowflake({"f.gz": FAILED}))
    for path in ("a.gz", "f.gz"):
        world.landed(path, 2)
    world.ledger.stale = list(world.ledger.entries.values())
    world.ledger.finish([(world.entry("a.gz").file, LOADED)])
    world.ledger.finish([(world.entry("f.gz").file, FAILED)])
    facts = world.run(HOUR_S)
    assert world.states() == {"a.gz": "loaded", "f.gz": "failed"}
    assert (facts["reloaded"], facts["failed"], world.landing.copies) == (0, 0, [])
    assert (world.alerts.sent, world.letters.kept) == ([], [])


def test_files_of_a_pipe_that_is_no_more_are_counted() -> None:
    """Nothing can be done about them, and the alarm on the oldest file must ring."""
    world = World()
    stray = world.landing.put("movies/a.csv")
    world.ledger.notice(stray, "OLD_PIPE")
    facts = world.run(HOUR_S)
    assert (facts["unfinished"], facts["oldest_unfinished_s"]) == (1, HOUR_S)
    world.ledger.mark_submitted([stray])
    assert world.run(HOUR_S)["unfinished"] == 1


def test_the_tasks_and_pipes_are_told_of() -> None:
    """As Snowflake says."""
    state = WarehouseState(("LOAD_EVENTS", "LOAD_WEATHER"), 12.5)
    facts = World(snowflake=FakeSnowflake(status=PipeStatus(running=False), state=state)).run()
    assert (facts["stopped_pipes"], facts["suspended_tasks"], facts["core_behind_s"]) == (2, 2, 12.5)


def test_a_run_ends_with_its_budget_and_the_next_goes_on() -> None:
    """What was found failed by then is set aside all the same; nothing is lost."""
    world = World(snowflake=FakeSnowflake({f"{number:04}.gz": LOADED for number in range(2_500)}))
    for number in range(2_500):
        world.landed(f"{number:04}.gz", 1)
    world.snowflake.recent_outcomes["0000.gz"] = FAILED
    time = FakeTime()
    sizes: list[int] = []

    def slowly(work: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
        """Take four seconds for each thing, and a thousand entries are ten things."""
        results = [work(thing) for thing in things]
        sizes.append(len(results))
        time.now_s += len(results) * 4
        return results

    world.reconcile = replace(world.reconcile, each=slowly)
    facts = world.run(budget=time.budget(100))
    assert (facts["loaded"], facts["failed"], facts["unfinished"]) == (1_999, 1, 500)
    assert facts["oldest_unfinished_s"] == 1
    assert max(sizes) <= 10
    world.reconcile = replace(world.reconcile, each=one_by_one)
    assert world.run()["loaded"] == 500


def a_hard_day(cut: Cut) -> World:
    """Return a world with a file in every predicament."""
    world = World(cut=Cut())
    for path, submissions in [("n", 0), ("l", 1), ("f", 1), ("p", 1), ("once", 1), ("twice", 2), ("gone", 2)]:
        world.landed(path, submissions)
    del world.landing.objects["events/gone"]
    world.snowflake.recent_outcomes = {"l": LOADED, "f": FAILED, "p": PARTIAL}
    for fake in (world.ledger, world.ingest, world.landing, world.letters, world.alerts):
        fake.cut = cut
    return world


def after_a_hard_day(world: World) -> None:
    """Everything is where it belongs; the alert was sent for every failed file, its failed event is one."""
    assert world.states() == {
        "n": "submitted",
        "l": "loaded",
        "f": "failed",
        "p": "partial",
        "once": "submitted",
        "twice": "unknown",
        "gone": "failed",
        "reload=1/twice": "submitted",
    }
    assert {path for _, path in world.ingest.submitted} == {"n", "once", "reload=1/twice"}
    assert world.entry("twice").reloaded_as == "landing/events/reload=1/twice"
    assert world.entry("reload=1/twice").reload_of == "landing/events/twice"
    told = {file["file"] for _, message in world.alerts.sent for file in message["files"]}
    assert told == {f"landing/events/{path}" for path in ("f", "p", "gone")}
    kept = {event.id: event.origin.locator for event in world.letters.kept}
    assert sorted(kept.values()) == sorted(told)


def steps_of_a_hard_day() -> int:
    """Return at how many places the run can be cut off."""
    cut = Cut()
    world = a_hard_day(cut)
    world.run(2_000)
    after_a_hard_day(world)
    return cut.steps


@pytest.mark.parametrize("step", range(steps_of_a_hard_day()))
def test_cut_off_anywhere_the_next_run_does_the_rest(step: int) -> None:
    """Killed before or after any write, two runs end where one whole run does."""
    cut = Cut(at_step=step)
    world = a_hard_day(cut)
    with pytest.raises(CutOffError):
        world.run(2_000)
    cut.at_step = None
    world.run(1)
    after_a_hard_day(world)


FORWARD = {
    "noticed": {"submitted", "loaded", "partial", "failed"},
    "submitted": {"unknown", "loaded", "partial", "failed"},
    "unknown": {"loaded", "partial", "failed"},
    "loaded": set(),
    "partial": set(),
    "failed": set(),
}
PATHS = ("a", "b", "reload=1/a", "reload=1/b")
SAYING = st.dictionaries(st.sampled_from(PATHS), st.sampled_from([LOADED, FAILED, PARTIAL]))
DAY = st.tuples(
    st.sampled_from([1.0, 130.0, 700.0, 4_000.0]),
    st.booleans(),
    SAYING,
    SAYING,
    SAYING,
    st.dictionaries(st.sampled_from(PATHS), st.integers(0, 3)),
    st.booleans(),
    st.sampled_from([(), (EVENTS.name,)]),
    st.none() | st.integers(0, 12),
)


@given(st.lists(DAY, max_size=8))
def test_states_only_move_forward(days: list[Any]) -> None:
    """Whatever is reported by whom in whatever order, refused, cut off: no file moves back, none is forgotten."""
    world = World()
    world.landed("a", 1)
    world.landed("b")
    for after_s, complete, recent, scanned, copied, raw, sql_down, rest_down, cut_after in days:
        world.cut.at_step = None if cut_after is None else world.cut.steps + cut_after
        snowflake = FakeSnowflake(recent, complete, scanned, copied, raw, rest_down=rest_down, sql_down=sql_down)
        world.reconcile = replace(world.reconcile, reports=snowflake, history=snowflake)
        world.ingest.down = rest_down
        try:
            world.run(after_s)
        except CutOffError:
            world.cut.at_step = None
    moves: dict[str, str] = {}
    for state, name in world.ledger.log:
        assert name not in moves or state in FORWARD[moves[name]]
        moves[name] = state
    assert {"landing/events/a", "landing/events/b"} <= moves.keys()
    assert all(
        entry.reloaded_as in world.ledger.entries for entry in world.ledger.entries.values() if entry.state == "unknown"
    )
    told = {file["file"] for _, message in world.alerts.sent for file in message["files"]}
    assert {name for name, state in moves.items() if state in {"failed", "partial"}} <= told


@dataclass
class OvertakenLedger(FakeLedger):
    """A ledger in which something else happens just after its submitted files were read."""

    meanwhile: Callable[[], object] = lambda: None

    def in_state(self, state: State, before: str | None = None) -> Iterator[Entry]:
        """Read everything, and let it happen once before anything is done about it."""
        read = list(super().in_state(state, before))
        if state == State.SUBMITTED:
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
        yield from read


def test_two_runs_at_once_end_as_one() -> None:
    """The second does everything while the first one holds what it has read: nothing is done twice that counts."""
    world = a_hard_day(Cut())
    world.ledger = OvertakenLedger(world.cut, world.clock, world.ledger.entries)
    world.reconcile = replace(world.reconcile, ledger=world.ledger)
    world.ledger.meanwhile = lambda: world.reconcile.run(FakeTime().budget(100))
    world.run(2_000)
    after_a_hard_day(world)
    assert world.entry("once").attempts == 2
    assert len(world.alerts.sent) == 1


def test_patience_is_a_setting() -> None:
    """The local run waits for seconds where production waits for minutes."""
    world = World()
    times = ReconcileTimes(resubmit_after_s=5, look_after_s=5, reload_after_s=15)
    world.reconcile = replace(world.reconcile, times=times)
    world.landed("a")
    world.run(5)
    world.run(5)
    world.run(15)
    assert world.states() == {"a": "unknown", "reload=1/a": "submitted"}
