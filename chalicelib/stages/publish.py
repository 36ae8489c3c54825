"""Publish: put a request's lines on the stream, and say which of them the stream did not confirm.

Only what failed is put again, with jittered backoff, as long as the time budget lasts.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

from chalicelib.core.line import Line
from chalicelib.core.record import Record, batches, pack
from chalicelib.stages.budget import Budget

log = logging.getLogger(__name__)


class Stream(Protocol):
    """The stream, as this stage sees it."""

    @property
    def call_s(self) -> float:
        """Return how long one `put` may take at most, in seconds."""

    def put(self, records: Sequence[Record]) -> list[bool]:
        """Put at most one call's worth of records; return for each whether the stream confirmed it.

        Raises StreamRefusalError when trying again cannot help.
        """


class StreamRefusalError(Exception):
    """The stream will not take records whatever is done: no such stream, no permission."""


def publish(
    lines: Sequence[Line], spread_key: str, stream: Stream, budget: Budget, tries: int | None = None
) -> frozenset[int]:
    """Put lines on the stream, up to so many times each; return the indexes of those it did not confirm.

    What is not confirmed may still be there: a call can be lost after the stream took it.
    A stream that refuses records is not asked again; the refusal is logged.
    """
    pending = pack(lines, spread_key)
    attempt = 0
    while pending:
        pending, refused = put_once(pending, stream, budget)
        attempt += 1
        if refused or not pending or attempt == tries or not budget.pause(attempt - 1, stream.call_s):
            break
    return frozenset(index for record in pending for index in record.indexes)


def put_once(records: Sequence[Record], stream: Stream, budget: Budget) -> tuple[list[Record], bool]:
    """Put each record once, in calls that still fit the budget; return those not confirmed, and if it was refused."""
    confirmed: list[bool] = []
    refused = False
    try:
        for batch in batches(records):
            if not budget.allows(stream.call_s):
                break
            confirmed += stream.put(batch)
    except StreamRefusalError:
        log.exception("the stream refuses records; %d of %d confirmed", sum(confirmed), len(records))
        refused = True
    confirmed += [False] * (len(records) - len(confirmed))
    return [record for record, ok in zip(records, confirmed, strict=True) if not ok], refused
