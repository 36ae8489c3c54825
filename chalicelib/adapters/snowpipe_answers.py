"""Snowpipe's reports, read: from the JSON that the SDK returns to the ledger's words. No calls are made here.

Whatever is not as documented raises KeyError, TypeError or ValueError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import shorten
from chalicelib.core.ledger import Outcome, Report, State

_STATES = {"LOADED": State.LOADED, "PARTIALLY_LOADED": State.PARTIAL, "LOAD_FAILED": State.FAILED}
"""LOAD_IN_PROGRESS is no outcome. Source: Snowpipe REST API, insertReport."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a pipe's history; `goes_on_at` is the time at which the next part begins, if there is one."""

    outcomes: Mapping[str, Outcome]
    complete: bool
    goes_on_at: str | None = None


def read_report(answer: Any) -> Report:
    """Read insertReport, where `completeResult` is a boolean."""
    return Report(answer["completeResult"] is True, _outcomes(answer))


def read_page(answer: Any) -> Page:
    """Read loadHistoryScan, where `completeResult` is a string."""
    complete = str(answer["completeResult"]).lower() == "true"
    return Page(_outcomes(answer), complete, None if complete else answer["rangeEndTime"])


def _outcomes(answer: Any) -> dict[str, Outcome]:
    """Return what ended, by path; of several reports of one path the last."""
    return {file["path"]: _outcome(file) for file in answer["files"] if file["status"] in _STATES}


def _outcome(file: Any) -> Outcome:
    error = file.get("firstError") or file.get("systemError")
    return Outcome(
        _STATES[file["status"]],
        rows=int(file.get("rowsInserted") or 0),
        rows_parsed=None if file.get("rowsParsed") is None else int(file["rowsParsed"]),
        first_error=error if error is None else shorten(str(error)),
        error_line=file.get("firstErrorLineNum"),
    )
