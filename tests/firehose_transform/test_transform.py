"""The transform's answer: one entry a record, inside the budget, nothing dropped that is not kept."""

import base64
import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage
from firehose_transform.judge import Verdict
from firehose_transform.protocol import FirehoseAnswer
from firehose_transform.transform import transform
from tests.fakes import RECEIVED_AT, FakeDeadLetters


def failed(name: str) -> FailedEvent:
    """Return a failed event."""
    rejection = Rejection(ErrorType.NOT_JSON, "no")
    return FailedEvent(
        Stage.TRANSFORM, "sluice-transform/0.1.0", RECEIVED_AT, rejection, Identity(), b"x", Origin(name, RECEIVED_AT)
    )


def verdict(record_id: str, good: bytes = b"", failures: int = 0) -> Verdict:
    """Return a verdict with so many failed events."""
    events = tuple(failed(f"{record_id}:{place}") for place in range(failures))
    return Verdict(record_id, good.count(b"\n") + failures, good, events)


GOOD = st.lists(st.binary(min_size=1, max_size=300).map(lambda data: data.replace(b"\n", b"") + b"\n"), max_size=3).map(
    b"".join
)
VERDICTS = st.lists(st.tuples(st.text(min_size=1, max_size=10), GOOD, st.integers(0, 2)), max_size=10).map(
    lambda shapes: [verdict(f"{place}{name}", good, failures) for place, (name, good, failures) in enumerate(shapes)]
)


def results(answer: FirehoseAnswer) -> list[str]:
    """Return each record's result."""
    return [entry["result"] for entry in answer["records"]]


def ids(failed_events: Sequence[FailedEvent]) -> list[str]:
    """Return ids in order."""
    return [event.id for event in failed_events]


@given(VERDICTS, st.booleans(), st.integers(0, 3_000))
def test_each_record_is_answered_once(verdicts: list[Verdict], works: bool, budget_bytes: int) -> None:
    """Exactly one entry with the same recordId, in order; whatever is kept or not, fits or not."""
    answer = transform(verdicts, FakeDeadLetters(works).keep, budget_bytes)
    assert [entry["recordId"] for entry in answer["records"]] == [verdict.record_id for verdict in verdicts]


@given(VERDICTS, st.booleans(), st.integers(0, 3_000))
def test_nothing_is_lost(verdicts: list[Verdict], works: bool, budget_bytes: int) -> None:
    """A record is Ok with all its good lines and its failures kept, Dropped with its failures kept, or Firehose's."""
    dead_letters = FakeDeadLetters(works)
    answer = transform(verdicts, dead_letters.keep, budget_bytes)
    settled = [
        (verdict, entry)
        for verdict, entry in zip(verdicts, answer["records"], strict=True)
        if entry["result"] != "ProcessingFailed"
    ]
    kept = ids(dead_letters.kept)
    for verdict, entry in settled:
        assert base64.b64decode(entry.get("data", "")) == verdict.good
        assert (entry["result"] == "Ok") is bool(verdict.good)
        assert {*ids(verdict.failed)} <= {*kept}
    assert len(kept) == sum(len(verdict.failed) for verdict, _ in settled)


@given(VERDICTS, st.booleans(), st.integers(0, 3_000))
def test_the_answer_stays_inside_its_budget(verdicts: list[Verdict], works: bool, budget_bytes: int) -> None:
    """As the Lambda runtime writes it, it is no longer than the budget, or than leaving all to Firehose."""
    answer = transform(verdicts, FakeDeadLetters(works).keep, budget_bytes)
    least = {"records": [{"recordId": verdict.record_id, "result": "ProcessingFailed"} for verdict in verdicts]}
    assert len(json.dumps(answer)) <= max(budget_bytes, len(json.dumps(least)))


def test_a_record_that_grows_back_stays_inside_the_budget() -> None:
    """What dropping one record saves is not spent on another: keeping may fail, and then it is Firehose's again."""
    verdicts = [verdict("a", b"", 1), verdict("b", b"x\n")]
    exact = len(json.dumps({"records": [{"recordId": name, "result": "ProcessingFailed"} for name in "ab"]}))
    for budget_bytes in range(exact, exact + 20):
        answer = transform(verdicts, FakeDeadLetters(works=False).keep, budget_bytes)
        assert len(json.dumps(answer)) <= budget_bytes


def test_past_the_budget_records_are_left_to_firehose() -> None:
    """The first ones are Ok, the rest ProcessingFailed with their failures unkept; 500 records of 6 MB fit."""
    dead_letters = FakeDeadLetters()
    verdicts = [verdict(f"{number:056d}", b"x" * 11_999 + b"\n", 1) for number in range(500)]
    answer = transform(verdicts, dead_letters.keep)
    assert len(json.dumps(answer)) <= 6_000_000
    told = results(answer)
    assert told == sorted(told)
    assert {*told} == {"Ok", "ProcessingFailed"}
    assert len(dead_letters.kept) == told.count("Ok")


def test_failures_that_cannot_be_kept_stay_with_firehose() -> None:
    """Every record with a failed event is ProcessingFailed, all others are as they were."""
    verdicts = [verdict("a", b"x\n"), verdict("b", b"x\n", 1), verdict("c", b"", 2), verdict("d")]
    answer = transform(verdicts, FakeDeadLetters(works=False).keep)
    assert results(answer) == ["Ok", "ProcessingFailed", "ProcessingFailed", "Dropped"]


def test_nothing_failed_nothing_kept() -> None:
    """Without failed events the dead-letter bucket is not asked."""
    dead_letters = FakeDeadLetters()
    transform([verdict("a", b"x\n"), verdict("b")], dead_letters.keep)
    assert dead_letters.puts == 0


def test_failures_of_all_records_are_kept_at_once() -> None:
    """One put a call."""
    dead_letters = FakeDeadLetters()
    transform([verdict("a", b"", 2), verdict("b", b"x\n", 1)], dead_letters.keep)
    assert dead_letters.puts == 1
    assert len(dead_letters.kept) == 3
