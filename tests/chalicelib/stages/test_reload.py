"""Reload: a file gets one new key however often, and wherever cut off, it is asked for."""

import pytest

from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.core.ledger import Outcome, State
from chalicelib.stages.landing import LandingUnavailableError
from chalicelib.stages.reload import plan_redrive, redrive
from tests.fakes import Cut, CutOffError, FakeLedger
from tests.file_fakes import FakeLanding

EVENTS = Pipe("P", "events/", "T")


def world(cut: Cut | None = None) -> tuple[FakeLedger, FakeLanding]:
    """Return a ledger and a landing with a file in each state."""
    ledger, landing = FakeLedger(), FakeLanding()
    for state in State:
        file = landing.put(f"events/{state}.gz", state.encode())
        ledger.notice(file, EVENTS.name)
        if state != State.NOTICED:
            ledger.mark_submitted([file])
        if state in {State.LOADED, State.PARTIAL, State.FAILED}:
            ledger.finish([(file, Outcome(state, 0))])
    ledger.mark_unknown(LandedFile("landing", "events/unknown.gz"), "landing/events/reload=1/unknown.gz")
    ledger.cut = landing.cut = cut or Cut()
    return ledger, landing


def test_what_ended_badly_can_be_redriven_once() -> None:
    """Failed and partial files; not what is under way, loaded, or reloaded already, nor of a pipe that is no more."""
    ledger, landing = world()
    stray = landing.put("movies/a.csv")
    ledger.notice(stray, "OLD_PIPE")
    ledger.finish([(stray, Outcome(State.FAILED, 0))])
    plan = plan_redrive(ledger.entries.values(), [EVENTS])
    assert {reload.to.key for reload in plan} == {"events/reload=1/failed.gz", "events/reload=1/partial.gz"}
    assert landing.copies == []
    redrive(plan, ledger, landing)
    assert plan_redrive(ledger.entries.values(), [EVENTS]) == []


def test_a_copy_is_an_entry_of_its_own() -> None:
    """It is noticed and says what it is a copy of; the original keeps its state and names the copy."""
    ledger, landing = world()
    done = redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    assert (len(done.reloaded), done.gone) == (2, ())
    original = ledger.entries["landing/events/failed.gz"]
    copy = ledger.entries["landing/events/reload=1/failed.gz"]
    assert (original.state, original.reloaded_as) == (State.FAILED, copy.file.name)
    assert (copy.state, copy.reload_of, copy.pipe) == (State.NOTICED, original.file.name, EVENTS.name)
    assert landing.objects[copy.file.key][0] == b"failed"


def test_a_copy_that_failed_again_gets_the_next_number() -> None:
    """The chain goes on from the copy."""
    ledger, landing = world()
    redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    copy = ledger.entries["landing/events/reload=1/failed.gz"]
    ledger.mark_submitted([copy.file])
    ledger.finish([(copy.file, Outcome(State.FAILED, 0))])
    (reload,) = plan_redrive(ledger.entries.values(), [EVENTS])
    assert reload.to.key == "events/reload=2/failed.gz"


def test_an_announced_copy_learns_what_it_is_a_copy_of() -> None:
    """Its notification may be faster than we are: it stays submitted and gets its origin."""
    ledger, landing = world()
    plan = [reload for reload in plan_redrive(ledger.entries.values(), [EVENTS]) if "failed" in reload.to.key]
    ledger.notice(plan[0].to, EVENTS.name)
    ledger.mark_submitted([plan[0].to])
    redrive(plan, ledger, landing)
    copy = ledger.entries["landing/events/reload=1/failed.gz"]
    assert (copy.state, copy.reload_of, copy.attempts) == (State.SUBMITTED, "landing/events/failed.gz", 1)


def test_a_file_that_is_gone_is_told() -> None:
    """The others are loaded; nothing is noted of a copy that was not made."""
    ledger, landing = world()
    del landing.objects["events/failed.gz"]
    done = redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    assert [reload.entry.file.key for reload in done.gone] == ["events/failed.gz"]
    assert [reload.entry.file.key for reload in done.reloaded] == ["events/partial.gz"]
    assert "landing/events/reload=1/failed.gz" not in ledger.entries


def test_a_landing_that_does_not_answer_is_an_error() -> None:
    """The operator does it again."""
    ledger, landing = world()
    landing.down = True
    with pytest.raises(LandingUnavailableError):
        redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    assert len(plan_redrive(ledger.entries.values(), [EVENTS])) == 2


def steps_of_a_redrive() -> int:
    """Return at how many places it can be cut off."""
    cut = Cut()
    ledger, landing = world(cut)
    redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    return cut.steps


@pytest.mark.parametrize("step", range(steps_of_a_redrive()))
def test_cut_off_anywhere_and_planned_again_each_file_has_one_copy(step: int) -> None:
    """Killed before or after any write, a second redrive completes it: one copy a file, noticed once."""
    cut = Cut(at_step=step)
    ledger, landing = world(cut)
    with pytest.raises(CutOffError):
        redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    cut.at_step = None
    redrive(plan_redrive(ledger.entries.values(), [EVENTS]), ledger, landing)
    for state in ("failed", "partial"):
        copy = f"landing/events/reload=1/{state}.gz"
        assert ledger.entries[f"landing/events/{state}.gz"].reloaded_as == copy
        assert ledger.log.count(("noticed", copy)) == 1
    assert not [key for key in landing.objects if "reload=2" in key]
    assert plan_redrive(ledger.entries.values(), [EVENTS]) == []
