"""Answers: every status of the matrix, and 1 MB at most."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.api.answer import Answer, answer, refusal
from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from chalicelib.core.limits import MAX_ANSWER_BYTES
from chalicelib.stages.collect import Batch
from tests.fakes import RECEIPT, RECEIVED_AT

LONG = Rejection(
    ErrorType.SCHEMA_VIOLATION, "m" * 300, tuple(Detail("/p" * 150, "k" * 300, "é" * 300) for _ in range(10))
)
SHORT = Rejection(ErrorType.NOT_JSON, "no", (Detail("", "nan", "no"),))


def failed(index: int, rejection: Rejection, identity: Identity) -> FailedEvent:
    """Return a failed event of collect."""
    origin = Origin(f"{RECEIPT.id}:{index}", RECEIVED_AT)
    return FailedEvent(Stage.COLLECT, "sluice-collect/0.1.0", RECEIVED_AT, rejection, identity, b"x", origin)


def batch(ids: Iterable[str | None], rejections: dict[int, Rejection]) -> Batch:
    """Return a batch with these ids, of which these are rejected."""
    known = tuple(ids)
    return Batch(known, (), {index: failed(index, why, Identity(known[index])) for index, why in rejections.items()})


def answered(offered: Batch, unavailable: Iterable[int] = (), *, kept: bool = True) -> tuple[Answer, Any]:
    """Return the answer and its body."""
    given_answer = answer(RECEIPT.id, offered, frozenset(unavailable), kept)
    return given_answer, json.loads(given_answer.body)


MATRIX = {
    "all accepted": (0, 0, HTTPStatus.ACCEPTED),
    "all rejected": (3, 0, HTTPStatus.UNPROCESSABLE_ENTITY),
    "all unavailable": (0, 3, HTTPStatus.SERVICE_UNAVAILABLE),
    "rejected and unavailable": (1, 2, HTTPStatus.SERVICE_UNAVAILABLE),
    "accepted and rejected": (1, 0, HTTPStatus.MULTI_STATUS),
    "accepted and unavailable": (0, 1, HTTPStatus.MULTI_STATUS),
    "one of each": (1, 1, HTTPStatus.MULTI_STATUS),
}


@pytest.mark.parametrize(("rejected", "unavailable", "status"), MATRIX.values(), ids=MATRIX.keys())
def test_the_status_sums_up_the_verdicts(rejected: int, unavailable: int, status: HTTPStatus) -> None:
    """202, 422, 503 or 207, as specified; Retry-After with 503 only; the counts add up."""
    offered = batch(["a", "b", "c"], dict.fromkeys(range(rejected), SHORT))
    given_answer, body = answered(offered, range(rejected, rejected + unavailable))
    assert given_answer.status is status
    assert ("Retry-After" in given_answer.headers) is (status is HTTPStatus.SERVICE_UNAVAILABLE)
    counts = (body["accepted"], body["rejected"], body["unavailable"])
    assert counts == (3 - rejected - unavailable, rejected, unavailable)
    told = [result["status"] for result in body["results"]]
    assert tuple(map(told.count, ("accepted", "rejected", "unavailable"))) == counts


def test_a_rejection_is_told_in_full() -> None:
    """Exact shape of the contract's example."""
    offered = batch(["a1", "a2"], {1: SHORT})
    _, body = answered(offered)
    assert body == {
        "receipt": RECEIPT.id,
        "accepted": 1,
        "rejected": 1,
        "unavailable": 0,
        "results": [
            {"index": 0, "status": "accepted", "id": "a1"},
            {
                "index": 1,
                "status": "rejected",
                "id": "a2",
                "error": {
                    "type": "not_json",
                    "message": "no",
                    "resolution": "Send standard JSON; for one object a line use content type application/x-ndjson.",
                    "details": [{"pointer": "", "keyword": "nan", "message": "no"}],
                },
                "failed_event_id": offered.failed[1].id,
            },
        ],
    }


def test_a_failed_event_that_was_not_kept_has_no_id() -> None:
    """The verdict is still given."""
    _, body = answered(batch(["a"], {0: SHORT}), kept=False)
    assert body["results"][0]["failed_event_id"] is None
    assert body["results"][0]["error"]["type"] == "not_json"


UUID = "01980000-0000-7000-8000-000000000001"
FULL = {
    "5,000 rejected with 10 long details": ([UUID] * 5_000, dict.fromkeys(range(5_000), LONG), ()),
    "5,000 rejected with ids of 512 characters": (["\U0001f600" * 512] * 5_000, dict.fromkeys(range(5_000), LONG), ()),
    "5,000 accepted with ids of 512 characters": (["\U0001f600" * 512] * 5_000, {}, ()),
    "5,000 unavailable with ids of 512 quotes": (['"' * 512] * 5_000, {}, range(5_000)),
    "5,000 unavailable with ids as long as a UUID, four bytes each": (["\U0001f600" * 36] * 5_000, {}, range(5_000)),
    "5,000 of all kinds": (["é" * 512] * 5_000, dict.fromkeys(range(0, 5_000, 3), LONG), range(1, 5_000, 3)),
}


@pytest.mark.parametrize(("ids", "rejections", "unavailable"), FULL.values(), ids=FULL.keys())
def test_the_largest_answers_stay_under_1_mb(
    ids: list[str], rejections: dict[int, Rejection], unavailable: Iterable[int]
) -> None:
    """Every result is there, in order, with its verdict; what was left out is said."""
    offered = batch(ids, rejections)
    given_answer, body = answered(offered, unavailable)
    assert len(given_answer.body) < MAX_ANSWER_BYTES
    assert [result["index"] for result in body["results"]] == list(range(5_000))
    for result in body["results"]:
        index = result["index"]
        expected = "rejected" if index in rejections else "unavailable" if index in unavailable else "accepted"
        assert result["status"] == expected
    rejected = [result for result in body["results"] if result["status"] == "rejected"]
    assert all(result["failed_event_id"] == offered.failed[result["index"]].id for result in rejected)
    assert all(result["error"]["type"] == "schema_violation" for result in rejected)
    assert all("details" in result["error"] or result["details_omitted"] for result in rejected)


def test_later_results_lose_their_details_first() -> None:
    """The first ones keep theirs as long as there is room."""
    _, body = answered(batch([UUID] * 1_000, dict.fromkeys(range(1_000), LONG)))
    with_details = ["details" in result["error"] for result in body["results"]]
    assert with_details == sorted(with_details, reverse=True)
    assert with_details[0]
    assert not with_details[-1]
    assert body["results"][-1]["error"]["message"] == "m" * 300


@hypothesis_settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.none() | st.text(min_size=1, max_size=512), st.sampled_from([None, SHORT, LONG])),
        min_size=1,
        max_size=300,
    )
)
def test_an_answer_is_complete_whatever_was_offered(shapes: list[tuple[str | None, Rejection | None]]) -> None:
    """One result an event, in order, under 1 MB."""
    rejections = {index: why for index, (_, why) in enumerate(shapes) if why}
    given_answer, body = answered(batch([name for name, _ in shapes], rejections))
    assert [result["index"] for result in body["results"]] == list(range(len(shapes)))
    assert len(given_answer.body) < MAX_ANSWER_BYTES


def test_a_refusal_is_one_error() -> None:
    """The error alone, with the failed event's id where there is one."""
    error = {"type": "t", "message": "m", "resolution": "r"}
    assert json.loads(refusal(error, HTTPStatus.BAD_REQUEST).body) == {"error": error}
    assert json.loads(refusal(error, HTTPStatus.BAD_REQUEST, "f").body) == {"error": error, "failed_event_id": "f"}
