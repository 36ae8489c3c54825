"""Answers: the verdicts of one post as JSON within 1 MB, and the status that sums them up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.limits import MAX_ANSWER_BYTES
from chalicelib.stages.collect import Batch

RETRY_AFTER_S = "5"
"""Long enough for a throttled shard to have room again, short enough for a client that waits."""

_ENVELOPE_BYTES = 200
"""The answer's own members around its results, generously."""

_SHORT_ID_CHARACTERS = 36
"""A UUID's length: the longest id that a bare result keeps, so that 5,000 of them fit an answer."""

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: always JSON."""

    status: HTTPStatus
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: HTTPStatus, value: object, headers: Mapping[str, str] | None = None) -> "Answer":
        """Return an answer whose body is `value` as JSON."""
        return cls(status, orjson.dumps(value), headers or {})


def answer(receipt_id: str, batch: Batch, unavailable: Collection[int], kept: bool) -> Answer:  # noqa: FBT001
    """Return the verdicts of a batch, in order. `kept` says whether the failed events were stored."""
    results = [
        _result(index, event_id, batch.failed.get(index), index in unavailable, kept)
        for index, event_id in enumerate(batch.ids)
    ]
    rejected = len(batch.failed)
    accepted = len(results) - rejected - len(unavailable)
    counts = {"accepted": accepted, "rejected": rejected, "unavailable": len(unavailable)}
    status = _status(**counts)
    headers = {"Retry-After": RETRY_AFTER_S} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Answer(status, _encode({"receipt": receipt_id, **counts}, results), headers)


def refusal(error: Mapping[str, str], status: HTTPStatus, failed_event_id: str | None = None) -> Answer:
    """Return the answer to a request that is refused as a whole."""
    known = {"failed_event_id": failed_event_id} if failed_event_id else {}
    return Answer.of(status, {"error": error, **known})


def _status(accepted: int, rejected: int, unavailable: int) -> HTTPStatus:
    if not rejected and not unavailable:
        return HTTPStatus.ACCEPTED
    if not accepted and unavailable:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.MULTI_STATUS if accepted else HTTPStatus.UNPROCESSABLE_ENTITY


def _result(
    index: int,
    event_id: str | None,
    failed: FailedEvent | None,
    unavailable: bool,  # noqa: FBT001
    kept: bool,  # noqa: FBT001
) -> Result:
    if failed is None:
        status = "unavailable" if unavailable else "accepted"
        return {"index": index, "status": status, "id": event_id}
    return {
        "index": index,
        "status": "rejected",
        "id": event_id,
        "error": failed.rejection.to_json(),
        "failed_event_id": failed.id if kept else None,
    }


def _encode(head: Mapping[str, Any], results: Sequence[Result]) -> bytes:
    texts = [orjson.dumps(result) for result in results]
    room = MAX_ANSWER_BYTES - _ENVELOPE_BYTES
    for leaner in (_without_details, _bare):
        if _size(texts) <= room:
            break
        texts = _shrink(texts, [orjson.dumps(leaner(result)) for result in results], room)
    return orjson.dumps(head)[:-1] + b',"results":[' + b",".join(texts) + b"]}"


def _shrink(texts: Sequence[bytes], lean: Sequence[bytes], room: int) -> list[bytes]:
    """Keep as many of the first texts as fit while all later ones are lean."""
    size = _size(lean)
    kept = 0
    for text, short in zip(texts, lean, strict=True):
        size += len(text) - len(short)
        if size > room:
            break
        kept += 1
    return [*texts[:kept], *lean[kept:]]


def _size(texts: Sequence[bytes]) -> int:
    return sum(map(len, texts)) + len(texts)


def _without_details(result: Result) -> Result:
    if not result.get("error", {}).get("details"):
        return result
    error = {name: value for name, value in result["error"].items() if name != "details"}
    return {**result, "error": error, "details_omitted": True}


def _bare(result: Result) -> Result:
    """Leave the verdict, the error's type and where the failed event lies."""
    short = {**result, "id": result["id"] if len(result["id"] or "") <= _SHORT_ID_CHARACTERS else None}
    if "error" not in result:
        return short
    error = {"type": result["error"]["type"], "message": "", "resolution": ""}
    return {**short, "id": None, "error": error, "details_omitted": True}
