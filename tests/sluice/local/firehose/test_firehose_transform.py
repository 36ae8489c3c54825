"""What a transform's answer means for each record, and the shape of what it is asked."""

import json
from base64 import b64decode, b64encode
from typing import Any

import orjson
import pytest
from firehose_fakes import ARRIVED_AT, STREAM, FakeClock, FakeFunction, record
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.firehose.ports import Refusal
from sluice.local.firehose.records import Delivered, Dropped, Failed, Record, Settled
from sluice.local.firehose.transform import (
    MAX_REQUEST_BYTES,
    Transform,
    encode_event,
    first_batch,
    pass_through,
    request_bytes,
    sort_answers,
)

RECORD = record()
GOOD = {"recordId": RECORD.record_id, "result": "Ok", "data": b64encode(b"new\n").decode()}


def settle_one(*entries: object) -> Settled:
    """Settle the one record by an answer with some entries."""
    (settled,) = sort_answers([RECORD], orjson.dumps({"records": entries}), attempts=1, ended_at=ARRIVED_AT)
    return settled


def transform(function: FakeFunction, clock: FakeClock | None = None) -> Transform:
    """Return the transform of the test stream."""
    clock = clock or FakeClock()
    assert STREAM.transform is not None
    return Transform(function, STREAM, STREAM.transform, clock.now, clock.sleep)


def test_ok_delivers_the_answers_data() -> None:
    """Ok replaces the record's data."""
    assert settle_one(GOOD) == Delivered(RECORD, b"new\n")


def test_empty_data_is_data() -> None:
    """An empty string is delivered as nothing; only null is an error."""
    assert settle_one(GOOD | {"data": ""}) == Delivered(RECORD, b"")


def test_dropped_leaves_no_trace() -> None:
    """Dropped needs no data."""
    assert settle_one({"recordId": RECORD.record_id, "result": "Dropped"}) == Dropped(RECORD)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([GOOD | {"result": "ProcessingFailed"}], "Lambda.ProcessingFailedStatus"),
        ([GOOD | {"data": None}], "Lambda.InvalidReturnFormat"),
        ([{"recordId": RECORD.record_id, "result": "Ok"}], "Lambda.InvalidReturnFormat"),
        ([GOOD | {"data": "no base64!"}], "Lambda.InvalidReturnFormat"),
        ([GOOD | {"data": "eA"}], "Lambda.InvalidReturnFormat"),
        ([GOOD | {"data": "ü"}], "Lambda.InvalidReturnFormat"),
        ([GOOD | {"data": 7}], "Lambda.InvalidReturnFormat"),
        ([GOOD | {"result": "ok"}], "Lambda.InvalidReturnFormat"),
        ([GOOD | {"result": None}], "Lambda.InvalidReturnFormat"),
        ([GOOD, GOOD], "Lambda.DuplicatedRecordId"),
        ([GOOD, {"recordId": RECORD.record_id, "result": "Dropped"}], "Lambda.DuplicatedRecordId"),
        ([], "Lambda.MissingRecordId"),
        ([GOOD | {"recordId": "stranger"}], "Lambda.MissingRecordId"),
        (["not an entry", 1, None, {"result": "Ok"}], "Lambda.MissingRecordId"),
    ],
)
def test_failures(entries: list[object], code: str) -> None:
    """Each way an answer can be wrong has its code, keeps the record as it came, and is final."""
    settled = settle_one(*entries)
    assert isinstance(settled, Failed)
    assert (settled.error_code, settled.record, settled.attempts) == (code, RECORD, 1)


@pytest.mark.parametrize("response", [b"", b"null", b"[]", b"{}", b'{"records":null}', b'{"records":{}}', b"\xff"])
def test_malformed_answers_name_no_record(response: bytes) -> None:
    """An answer without usable records leaves every record missing, after one attempt."""
    (settled,) = sort_answers([RECORD], response, attempts=1, ended_at=ARRIVED_AT)
    assert isinstance(settled, Failed)
    assert settled.error_code == "Lambda.MissingRecordId"


def test_unknown_ids_are_ignored() -> None:
    """An id nobody asked about changes nothing for the others."""
    assert settle_one(GOOD, GOOD | {"recordId": "stranger"}) == Delivered(RECORD, b"new\n")


ENTRY = st.fixed_dictionaries(
    {"recordId": st.sampled_from([record(n).record_id for n in range(8)] + ["stranger"])},
    optional={
        "result": st.sampled_from(["Ok", "Dropped", "ProcessingFailed", "ok", None]),
        "data": st.one_of(
            st.none(),
            st.text("aA=+-é ", max_size=4),
            st.binary(max_size=8).map(lambda b: b64encode(b).decode()),
        ),
    },
)


@given(st.lists(ENTRY, max_size=16))
def test_one_in_one_out(entries: list[dict[str, Any]]) -> None:
    """Whatever comes back, every record is delivered, dropped or failed exactly once, in order."""
    records = [record(number) for number in range(6)]
    settled = sort_answers(records, orjson.dumps({"records": entries}), attempts=1, ended_at=ARRIVED_AT)
    assert [item.record for item in settled] == records


@given(st.lists(st.binary(max_size=64), max_size=12))
def test_an_echo_keeps_bytes_and_order(payloads: list[bytes]) -> None:
    """Through a transform that echoes, the concatenation is the records' bytes in their order."""
    records = [record(number, payload) for number, payload in enumerate(payloads)]
    settled = transform(FakeFunction(answer=lambda entry: {**entry, "result": "Ok"})).settle(records)
    assert settled == pass_through(records)
    assert b"".join(item.data for item in settled if isinstance(item, Delivered)) == b"".join(payloads)


def test_event_has_the_shape_aws_sends() -> None:
    """The event is AWS's for a Kinesis source, field by field."""
    event = json.loads(encode_event([RECORD], STREAM, "invocation"))
    arrived_ms = 1_795_258_799_124
    assert event == {
        "invocationId": "invocation",
        "sourceKinesisStreamArn": STREAM.source_arn,
        "deliveryStreamArn": STREAM.arn,
        "region": "eu-west-1",
        "records": [
            {
                "recordId": RECORD.record_id,
                "approximateArrivalTimestamp": arrived_ms,
                "data": "ZGF0YQ==",
                "kinesisRecordMetadata": {
                    "sequenceNumber": RECORD.sequence_number,
                    "subsequenceNumber": 0,
                    "partitionKey": "key-1",
                    "shardId": "shardId-000000000000",
                    "approximateArrivalTimestamp": arrived_ms,
                },
            }
        ],
    }


def test_record_ids_are_160_characters_and_distinct() -> None:
    """Ids look like those of AWS and differ by shard and sequence number."""
    ids = {record(number, shard_id=f"shardId-{shard:012d}").record_id for number in range(9) for shard in range(3)}
    assert {len(record_id) for record_id in ids} == {160}
    assert len(ids) == 27


def test_failing_function_is_asked_again_then_the_batch_fails() -> None:
    """Three retries are four attempts, each with an invocation id of its own; then all records fail."""
    function, clock = FakeFunction([Refusal("Lambda.FunctionError", "raised")] * 4), FakeClock()
    settled = transform(function, clock).settle([record(1), record(2)])
    assert [(item.error_code, item.attempts) for item in settled if isinstance(item, Failed)] == [
        ("Lambda.FunctionError", 4),
        ("Lambda.FunctionError", 4),
    ]
    assert len({event["invocationId"] for event in function.events}) == 4
    assert len({event["records"][0]["recordId"] for event in function.events}) == 1
    assert clock.now_s - 100 == pytest.approx(0.5 + 1 + 2)


def test_function_that_recovers_loses_nothing() -> None:
    """An answer on the last attempt counts as any other."""
    function = FakeFunction([Refusal("Lambda.FunctionTimedOut", "slow")] * 3)
    assert transform(function).settle([RECORD]) == (Delivered(RECORD, b"data\n"),)


def entry_size(item: Record) -> int:
    """Return a record's real size in the request."""
    return len(encode_event([item], STREAM, "i" * 36)) - len(encode_event([], STREAM, "i" * 36))


@given(st.binary(max_size=200), st.text('a"\\\n\x00é\u2028😀', min_size=1, max_size=256))
def test_request_size_is_an_upper_bound(data: bytes, partition_key: str) -> None:
    """No record takes more of the request than was reckoned."""
    item = Record("shardId-000000000000", "1" * 56, partition_key, data, ARRIVED_AT)
    assert entry_size(item) <= request_bytes(item)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=30), st.integers(1, 1_000))
def test_batches_hold_the_limit_and_lose_nothing(sizes: list[int], max_bytes: int) -> None:
    """Batch after batch takes the records in order, within the hint unless one record alone is above it."""
    left = [record(number, b"x" * size) for number, size in enumerate(sizes)]
    taken: list[Record] = []
    while left:
        batch = first_batch(left, max_bytes)
        assert len(batch) == 1 or sum(len(item.data) for item in batch) <= max_bytes
        taken, left = [*taken, *batch], left[len(batch) :]
    assert [item.sequence_number for item in taken] == [record(number).sequence_number for number in range(len(sizes))]


def test_requests_stay_within_lambdas_limit() -> None:
    """Small records would make a request of 6.5 MB at a hint of 1 MiB: it is cut below 6 MB."""
    records = [record(number, b"x" * 100) for number in range(10_486)]
    batch = first_batch(records, 2**20)
    assert len(batch) < len(records)
    assert len(encode_event(batch, STREAM, "i" * 36)) <= MAX_REQUEST_BYTES


def test_event_data_is_the_records_bytes() -> None:
    """Bytes that are no text survive the way in."""
    event = json.loads(encode_event([record(1, bytes(range(256)))], STREAM, "i"))
    assert b64decode(event["records"][0]["data"]) == bytes(range(256))
