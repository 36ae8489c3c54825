"""Turn verdicts into Firehose's answer, inside its size budget, with nothing dropped before it is kept."""

import base64
import json
from collections.abc import Callable, Sequence

from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.limits import MAX_TRANSFORM_ANSWER_BYTES
from firehose_transform.judge import Verdict
from firehose_transform.protocol import Entry, FirehoseAnswer

_FRAME_BYTES = len('{"records": []}')
_SEPARATOR_BYTES = len(", ")
"""The Lambda runtime writes an answer with Python's default separators. Source: awslambdaric 4.2.2."""


def transform(
    verdicts: Sequence[Verdict],
    keep: Callable[[Sequence[FailedEvent]], bool],
    budget_bytes: int = MAX_TRANSFORM_ANSWER_BYTES,
) -> FirehoseAnswer:
    """Answer each record once: `Ok` with its good lines, `Dropped` when only failed events are left.

    `ProcessingFailed`, with which Firehose keeps the whole record itself, is the answer where the budget
    ends, and to every record with failed events when `keep` could not store them.
    """
    entries = _within(budget_bytes, verdicts)
    failed = [
        failed
        for verdict, entry in zip(verdicts, entries, strict=True)
        if entry["result"] != "ProcessingFailed"
        for failed in verdict.failed
    ]
    if failed and not keep(failed):
        entries = [
            _left_to_firehose(verdict) if verdict.failed else entry
            for verdict, entry in zip(verdicts, entries, strict=True)
        ]
    return {"records": entries}


def _within(budget_bytes: int, verdicts: Sequence[Verdict]) -> list[Entry]:
    """Return each verdict's own entry as long as the answer stays in the budget."""
    entries = [_left_to_firehose(verdict) for verdict in verdicts]
    size = _FRAME_BYTES + sum(_size(entry) for entry in entries)
    for place, verdict in enumerate(verdicts):
        entry = _entry(verdict)
        grown = size + max(0, _size(entry) - _size(entries[place]))  # what is dropped may yet be left to Firehose
        if grown <= budget_bytes:
            entries[place], size = entry, grown
    return entries


def _entry(verdict: Verdict) -> Entry:
    if verdict.good:
        data = base64.b64encode(verdict.good).decode()
        return {"recordId": verdict.record_id, "result": "Ok", "data": data}
    return {"recordId": verdict.record_id, "result": "Dropped"}


def _left_to_firehose(verdict: Verdict) -> Entry:
    return {"recordId": verdict.record_id, "result": "ProcessingFailed"}


def _size(entry: Entry) -> int:
    return len(json.dumps(entry)) + _SEPARATOR_BYTES
