"""Redrive: each state has its own way back, nothing is copied twice, and what is left undone says so."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from chalicelib.adapters.s3_notification import landed_files
from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.core.ledger import Entry, State
from sluice.local.announce import announcement
from sluice.local.redrive import Action, Redrive, Step, plan
from tests.fakes import RECEIVED_AT
from tests.file_fakes import FakeLanding

PIPE = Pipe("PIPE", "events/", "TABLE")
COPY = "landing/events/reload=1/a.gz"


def entry(state: State, key: str = "events/a.gz", **changes: Any) -> Entry:
    """Return a file's entry."""
    return replace(Entry(LandedFile("landing", key, 1), "PIPE", state, RECEIVED_AT, RECEIVED_AT), **changes)


@dataclass
class Noted:
    """A ledger that keeps what it is told, or does not answer."""

    down: bool = False
    told: list[tuple[str, ...]] = field(default_factory=list)

    def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
        """Note a copy."""
        if self.down:
            raise TimeoutError("ledger is down")
        self.told.append(("noticed", file.name, str(reload_of)))
        return True

    def mark_reloaded(self, file: LandedFile, reloaded_as: str) -> bool:
        """Note what a file was copied as."""
        self.told.append(("reloaded", file.name, reloaded_as))
        return True


@dataclass
class Road:
    """What a redrive works on, and what it did."""

    landing: FakeLanding = field(default_factory=FakeLanding)
    ledger: Noted = field(default_factory=Noted)
    announced: list[str] = field(default_factory=list)

    def execute(self, *entries: Entry) -> list[Step]:
        """Plan and do."""
        redrive = Redrive(self.ledger, self.landing, lambda file: self.announced.append(file.key), (TimeoutError,))
        return list(redrive.execute(plan(entries, [PIPE])))


@pytest.mark.parametrize("state", [State.FAILED, State.PARTIAL, State.UNKNOWN])
def test_what_ended_badly_is_copied(state: State) -> None:
    """Under the next key, with the copy in the ledger."""
    road = Road()
    road.landing.put("events/a.gz")
    (done,) = road.execute(entry(state))
    assert (done.action, done.undone) == (Action.RELOAD, None)
    assert road.landing.copies == [("events/a.gz", "events/reload=1/a.gz")]
    assert road.ledger.told == [("noticed", COPY, "landing/events/a.gz"), ("reloaded", "landing/events/a.gz", COPY)]
    assert done.to_json()["to"] == COPY


UNTOUCHED = {
    "submitted": (entry(State.SUBMITTED), "reconcile"),
    "loaded": (entry(State.LOADED), "nothing to do"),
    "copied before": (entry(State.FAILED, reloaded_as=COPY), f"already reloaded as {COPY}"),
}


@pytest.mark.parametrize(("known", "why"), UNTOUCHED.values(), ids=UNTOUCHED.keys())
def test_what_is_left_as_it_is_says_why(known: Entry, why: str) -> None:
    """Nothing is written, and nothing is left undone."""
    road = Road()
    (done,) = road.execute(known)
    assert (done.action, done.undone) == (Action.LEAVE, None)
    assert why in done.why
    assert (road.landing.copies, road.ledger.told, road.announced) == ([], [], [])


def test_a_noticed_file_is_announced_again() -> None:
    """Load submits it then, as if it had landed now."""
    road = Road()
    (done,) = road.execute(entry(State.NOTICED, "events/ü +.gz"))
    assert (done.action, done.undone, road.announced) == (Action.ANNOUNCE, None, ["events/ü +.gz"])


def test_load_understands_the_announcement() -> None:
    """Whatever the key is."""
    file = LandedFile("landing", "events/ü +%2B&.gz", 7, "etag")
    message = SimpleNamespace(body=announcement(file))
    assert list(landed_files([message])) == [file]
    unknown = LandedFile("landing", "events/a.gz")
    assert "size" not in orjson.loads(announcement(unknown))["Records"][0]["s3"]["object"]


def test_a_plan_does_nothing() -> None:
    """It says what would be done."""
    (step,) = plan([entry(State.FAILED)], [PIPE])
    assert (step.action, step.to_json()["to"]) == (Action.RELOAD, COPY)


def test_a_file_that_is_gone_is_left_undone() -> None:
    """Its neighbours are not."""
    road = Road()
    road.landing.put("events/b.gz")
    gone, done = road.execute(entry(State.FAILED), entry(State.FAILED, "events/b.gz"))
    assert (gone.undone, done.undone) == ("the file is no longer in landing", None)


def test_a_file_of_no_known_pipe_is_left_undone() -> None:
    """Nobody would load its copy."""
    (step,) = Road().execute(entry(State.FAILED, pipe="OTHER"))
    assert step.undone == "no pipe is called OTHER"


@pytest.mark.parametrize("who", ["landing", "ledger"])
def test_who_does_not_answer_ends_it(who: str) -> None:
    """What is behind is left undone as well, what needs nothing is not; it is safe to try again."""
    road = Road()
    for key in ("events/a.gz", "events/b.gz"):
        road.landing.put(key)
    getattr(road, who).down = True
    known = [entry(State.FAILED), entry(State.FAILED, "events/b.gz"), entry(State.LOADED, "events/c.gz")]
    first, second, third = road.execute(*known)
    assert (first.undone, second.undone, third.undone) == (f"no answer: {who} is down",) * 2 + (None,)
    getattr(road, who).down = False
    assert [step.undone for step in road.execute(*known)] == [None, None, None]
