"""Redrive: bring files of the ledger back on the road, each in the way that its state asks for.

Planning is apart from doing: a plan says what would be done with each file, and why nothing with some.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.core.landing import LandedFile, Pipe
from chalicelib.core.ledger import Entry, State
from chalicelib.stages.landing import Landing, LandingUnavailableError
from chalicelib.stages.reload import REDRIVABLE, Reload, ReloadLedger, plan_redrive, redrive


class Action(StrEnum):
    """What becomes of a file: copied to a new key, announced to the load queue again, or left as it is."""

    RELOAD = "reload"
    ANNOUNCE = "announce"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one file, and why, for a person; `reload` is the copy that is to be made.

    `undone` says why it cannot be done or was not; None as long as nothing went wrong.
    """

    entry: Entry
    action: Action
    why: str
    reload: Reload | None = None
    undone: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return the step by names; `to` is the copy, by bucket and key, `undone` as it stands."""
        return {
            "file": self.entry.file.name,
            "state": self.entry.state.value,
            "action": self.action.value,
            "to": self.reload.to.name if self.reload else self.entry.reloaded_as,
            "note": self.why,
            "undone": self.undone,
        }


@dataclass(frozen=True, slots=True)
class Redrive:
    """What carries a plan out. `announce` tells the load queue of a file once more."""

    ledger: ReloadLedger
    landing: Landing
    announce: Callable[[LandedFile], None]
    errors: tuple[type[Exception], ...] = ()
    """What the ledger and the queue raise when they do not answer."""

    def execute(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Do each step and yield it as it ended. Writes. Doing it all again is safe.

        Once something does not answer, the rest is left undone: it would only wait as long again.
        """
        errors: tuple[type[Exception], ...] = (LandingUnavailableError, *self.errors)
        fault = None
        for step in steps:
            if fault or step.undone or step.action is Action.LEAVE:
                yield replace(step, undone=step.undone or (fault if step.action is not Action.LEAVE else None))
                continue
            try:
                yield replace(step, undone=self._do(step))
            except errors as error:
                fault = f"no answer: {error}"
                yield replace(step, undone=fault)

    def _do(self, step: Step) -> str | None:
        """Do one step; return why it could not be done."""
        if step.reload is None:
            self.announce(step.entry.file)
            return None
        return "the file is no longer in landing" if redrive([step.reload], self.ledger, self.landing).gone else None


def plan(entries: Iterable[Entry], pipes: Sequence[Pipe]) -> list[Step]:
    """Return a step for each entry, in order. Pure: this is the dry run."""
    return [_step(entry, pipes) for entry in entries]


def _step(entry: Entry, pipes: Sequence[Pipe]) -> Step:
    if entry.reloaded_as:
        return Step(entry, Action.LEAVE, f"already reloaded as {entry.reloaded_as}")
    if entry.state is State.NOTICED:
        return Step(entry, Action.ANNOUNCE, "never submitted: announced to the load queue again")
    if entry.state is State.SUBMITTED:
        return Step(entry, Action.LEAVE, "Snowpipe has it: reconcile finds out what becomes of it")
    if entry.state not in REDRIVABLE:
        return Step(entry, Action.LEAVE, "it is loaded: there is nothing to do")
    reloads = plan_redrive([entry], pipes)
    if not reloads:
        return Step(entry, Action.RELOAD, "copied under a new key", undone=f"no pipe is called {entry.pipe}")
    return Step(entry, Action.RELOAD, "copied under a new key", reloads[0])
