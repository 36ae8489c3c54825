"""Set aside the files that Snowflake did not load whole: failed event, then one alert for all, then the ledger.

Cut off anywhere, the next run does the rest: a failed event overwrites itself, the alert is sent at least once,
and a file's state changes last.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from chalicelib.core.errors import Detail, ErrorType, Rejection, shorten
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage, StoredPayload
from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import FINISHABLE, Entry, Outcome, State
from chalicelib.stages.budget import Budget
from chalicelib.stages.each import Each, one_by_one
from chalicelib.stages.landing import FileGoneError, Landing, LandingUnavailableError

log = logging.getLogger(__name__)

MAX_LISTED = 20
"""Files named in one alert; the ledger has them all."""

_ERRORS = {State.FAILED: ErrorType.LOAD_FAILED, State.PARTIAL: ErrorType.LOAD_PARTIAL}

_PUT_S = 5.0
"""Left of the budget, one more file is not begun with less: reading it and putting its failed event takes as long."""


class DeadLetterStore(Protocol):
    """The dead-letter bucket."""

    def keep(self, failed_events: Sequence[FailedEvent]) -> bool:
        """Store failed events of one stage in one object; tell whether they are safe."""


class Alerts(Protocol):
    """The topic that people listen to."""

    def publish(self, subject: str, message: Mapping[str, Any]) -> bool:
        """Send an alert; tell whether it was taken. The subject is ASCII, at most 99 characters."""


class EndLedger(Protocol):
    """The ledger, as far as ends are concerned."""

    def get(self, name: str) -> Entry | None:
        """Return a file's entry as it is now."""

    def finish(self, ends: Sequence[tuple[LandedFile, Outcome]]) -> int:
        """Move at most 100 unfinished files to what became of them; return how many moved."""


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that was not loaded whole, and what is known of that."""

    entry: Entry
    outcome: Outcome

    @classmethod
    def of(cls, entry: Entry, outcome: Outcome) -> Self:
        """Make the error one that any store can hold: bounded, and without halves of characters."""
        if outcome.first_error is None:
            return cls(entry, outcome)
        error = shorten(outcome.first_error.encode(errors="replace").decode())
        return cls(entry, replace(outcome, first_error=error))


@dataclass(frozen=True, slots=True)
class SetAsideFile:
    """A failed file and its failed event."""

    file: FailedFile
    event: FailedEvent


@dataclass(frozen=True, slots=True)
class SetAside:
    """The ports it needs, and the name it signs failures with."""

    landing: Landing
    dead_letters: DeadLetterStore
    alerts: Alerts
    ledger: EndLedger
    now: Callable[[], str]
    processor: str
    each: Each = one_by_one

    def set_aside(self, failed: Sequence[FailedFile], budget: Budget) -> list[SetAsideFile]:
        """Set files aside as far as the budget goes; return those whose state says so now."""
        events = self.each(lambda file: self._keep(file, budget), failed)
        kept = [SetAsideFile(file, event) for file, event in zip(failed, events, strict=True) if event]
        if not kept or not self.alerts.publish(*alert(kept)):
            return []
        moved = self.each(lambda one: self.ledger.finish([(one.file.entry.file, one.file.outcome)]), kept)
        return [one for one, is_new in zip(kept, moved, strict=True) if is_new]

    def _keep(self, file: FailedFile, budget: Budget) -> FailedEvent | None:
        """Put a file's failed event; return it when it is safe. One object a file: a second run overwrites it."""
        if not budget.allows(_PUT_S) or not self._is_unfinished(file.entry):
            return None
        try:
            payload: StoredPayload | bytes = self.landing.fingerprint(file.entry.file.key)
        except FileGoneError:
            payload = b""
        except LandingUnavailableError as fault:
            log.warning("%s is set aside later: %s", file.entry.file.name, fault)
            return None
        event = failed_event(file, payload, self.processor, self.now())
        return event if self.dead_letters.keep([event]) else None

    def _is_unfinished(self, entry: Entry) -> bool:
        """Tell whether nobody ended the file since it was read: it is not to be alerted about twice."""
        now = self.ledger.get(entry.file.name)
        return now is not None and now.state in FINISHABLE


def failed_event(file: FailedFile, payload: StoredPayload | bytes, processor: str, failed_at: str) -> FailedEvent:
    """Return a file's failed event, which points at the file in landing; of a file that is gone nothing is left."""
    entry, outcome = file.entry, file.outcome
    return FailedEvent(
        stage=Stage.LOAD,
        processor=processor,
        failed_at=failed_at,
        rejection=_rejection(outcome, is_gone=payload == b""),
        identity=Identity(),
        payload=payload,
        origin=Origin(
            entry.file.name,
            entry.noticed_at,
            {
                "pipe": entry.pipe,
                "rows_loaded": outcome.rows,
                "rows_parsed": outcome.rows_parsed,
                "error_line": outcome.error_line,
            },
        ),
        attempts=max(1, entry.attempts),
    )


def alert(kept: Sequence[SetAsideFile]) -> tuple[str, dict[str, Any]]:
    """Return the subject and the message of the one alert for these files; the message names the first 20."""
    states = [one.file.outcome.state for one in kept]
    failed, partial = states.count(State.FAILED), states.count(State.PARTIAL)
    return f"Sluice: {failed} files not loaded, {partial} loaded in part", {
        "alert": "files_not_loaded",
        "failed": failed,
        "partial": partial,
        "files": [_listed(one.file, one.event) for one in kept[:MAX_LISTED]],
        "not_listed": max(0, len(kept) - MAX_LISTED),
        "what_to_do": "Look at the failed events of stage load, mend the cause, then: sluice load redrive",
    }


def _listed(file: FailedFile, event: FailedEvent) -> dict[str, Any]:
    return {
        "file": file.entry.file.name,
        "pipe": file.entry.pipe,
        "state": file.outcome.state.value,
        "rows": file.outcome.rows,
        "first_error": file.outcome.first_error,
        "error_line": file.outcome.error_line,
        "failed_event_id": event.id,
    }


def _rejection(outcome: Outcome, *, is_gone: bool) -> Rejection:
    error = outcome.first_error or "Snowflake named no error"
    place = "" if outcome.error_line is None else f"line {outcome.error_line}: "
    parsed = "" if outcome.rows_parsed is None else f" of {outcome.rows_parsed}"
    gone = "; the file is no longer in landing" if is_gone else ""
    message = f"{outcome.rows}{parsed} rows loaded{gone}; {place}{error}"
    return Rejection(_ERRORS[outcome.state], message, (Detail("", "first_error", f"{place}{error}"),))
