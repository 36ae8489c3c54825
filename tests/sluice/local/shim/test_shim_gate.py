"""The gate: which requests a fault catches, and how they are answered."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shim_upstream import Emulator, kinesis_answer, ok

from sluice.local.faults import Fault, FaultFile
from sluice.local.firehose.aws import _refusal
from sluice.local.shim.gate import Gate
from sluice.local.shim.kinesis import FaultyKinesis
from sluice.local.shim.messages import Request, Response
from sluice.local.shim.upstream import Upstream

THROTTLED = "ProvisionedThroughputExceededException"
INVOKE = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A0%3Afunction%3At/invocations"


@pytest.fixture
def faults(tmp_path: Path) -> FaultFile:
    """Return the faults of a run that has none."""
    return FaultFile(tmp_path / "faults.json")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Give an emulator with a stream of two shards."""
    with Emulator(
        lambda request: kinesis_answer(request) if request.head.value("x-amz-target") else ok()
    ).serving() as it:
        yield it


class Shim:
    """A gate before an emulator, and how long it slept."""

    def __init__(self, faults: FaultFile, emulator: Emulator) -> None:
        self.slept: list[float] = []
        self._gate = Gate(faults, self.slept.append)
        self._upstream = Upstream(emulator.url)

    def close(self) -> None:
        """Close its connection."""
        self._upstream.close()

    def ask(self, request: Request) -> Response:
        """Return the answer to a request."""
        return self._gate.answer(request, self._upstream.send)

    def put(self, *keys: str, data: str = "AAAA") -> dict[str, Any]:
        """Return the answer to PutRecords."""
        records = [{"Data": data, "PartitionKey": key} for key in keys]
        return dict(json.loads(self.ask(kinesis("PutRecords", {"StreamName": "s", "Records": records})).body))


@pytest.fixture
def shim(faults: FaultFile, emulator: Emulator) -> Iterator[Shim]:
    """Give a gate before that emulator."""
    shim = Shim(faults, emulator)
    yield shim
    shim.close()


def kinesis(call: str, body: dict[str, Any]) -> Request:
    """Return a call of Kinesis."""
    headers = {"Host": "h", "Authorization": "AWS4 me", "X-Amz-Target": f"Kinesis_20131202.{call}"}
    return Request.of("POST", "/", headers, json.dumps(body).encode())


def s3(method: str = "PUT") -> Request:
    """Return a call of S3."""
    return Request.of(method, "/bucket/key", {"Host": "h"}, b"body")


def invoke() -> Request:
    """Return a call of Lambda."""
    return Request.of("POST", INVOKE, {"Host": "h"}, b"{}")


@pytest.mark.parametrize(
    ("fault", "caught"),
    [("s3=503", "s3"), ("transform=raise", "invoke"), ("kinesis=throttle", "put"), ("snowpipe=503", None)],
)
def test_fault_catches_its_own_target_only(
    shim: Shim, emulator: Emulator, faults: FaultFile, fault: str, caught: str | None
) -> None:
    """The others pass as they came."""
    requests = {
        "s3": s3(),
        "invoke": invoke(),
        "put": kinesis("PutRecord", {"StreamName": "s", "Data": "AAAA", "PartitionKey": "k"}),
        "look": kinesis("DescribeStreamSummary", {"StreamName": "s", "Records": []}),
    }
    faults.replace([Fault.parse(fault)])
    for request in requests.values():
        shim.ask(request)
    assert emulator.requests == [request for name, request in requests.items() if name != caught]


def test_transform_that_raises_is_what_firehose_takes_it_for(shim: Shim, faults: FaultFile) -> None:
    """Lambda answers 200 with a header; the engine reads a function error."""
    faults.replace([Fault.parse("transform=raise")])
    answer = shim.ask(invoke())
    assert (answer.status, answer.head.value("x-amz-function-error")) == (200, "Unhandled")
    assert json.loads(answer.body)["errorMessage"]
    assert _refusal(answer.body).error_code == "Lambda.FunctionError"


def test_s3_that_is_slow_answers_later(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """And then as always."""
    faults.replace([Fault.parse("s3=slow:1.5")])
    assert (shim.ask(s3()).body, shim.slept, len(emulator.requests)) == (b"ok", [1.5], 1)


@pytest.mark.parametrize(("method", "has_body"), [("PUT", True), ("GET", True), ("HEAD", False)])
def test_s3_that_is_busy_says_so(shim: Shim, faults: FaultFile, method: str, has_body: bool) -> None:
    """In S3's own words, which the SDK tries again."""
    faults.replace([Fault.parse("s3=503")])
    answer = shim.ask(s3(method))
    assert (answer.status, b"<Code>SlowDown</Code>" in answer.body) == (503, has_body)


def test_throttle_of_everything(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """Not one record reaches the stream, and the answer is still 200."""
    faults.replace([Fault.parse("kinesis=throttle")])
    answer = shim.put("a", "b")
    assert answer["FailedRecordCount"] == 2
    assert [entry["ErrorCode"] for entry in answer["Records"]] == [THROTTLED] * 2
    assert emulator.requests == []


def test_throttle_at_a_rate_hands_the_rest_on_in_one_call(emulator: Emulator, faults: FaultFile) -> None:
    """Each record's answer is its own."""
    faults.replace([Fault.parse("kinesis=throttle:0.3")])
    keys = [str(number) for number in range(400)]
    body = {"StreamName": "s", "Records": [{"Data": "AAAA", "PartitionKey": key} for key in keys]}
    upstream = Upstream(emulator.url)
    response = FaultyKinesis(faults, random.Random(7)).answer("PutRecords", kinesis("PutRecords", body), upstream.send)
    upstream.close()
    answer = json.loads(response.body)
    (handed_on,) = emulator.requests
    taken = [record["PartitionKey"] for record in json.loads(handed_on.body)["Records"]]

    assert [entry["SequenceNumber"] for entry in answer["Records"] if "SequenceNumber" in entry] == taken
    assert [key for key, entry in zip(keys, answer["Records"], strict=True) if "ErrorCode" not in entry] == taken
    assert answer["FailedRecordCount"] == 400 - len(taken)
    assert 80 < answer["FailedRecordCount"] < 160


def test_throttled_put_record_is_a_plain_error(shim: Shim, faults: FaultFile) -> None:
    """One record has one answer: status 400 with the exception's name."""
    faults.replace([Fault.parse("kinesis=throttle")])
    answer = shim.ask(kinesis("PutRecord", {"StreamName": "s", "Data": "AAAA", "PartitionKey": "k"}))
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, THROTTLED)


def test_limits_are_those_of_each_shard(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """One hot key fills its shard; the other shard takes what comes; shards are asked for once."""
    faults.replace([Fault.parse("kinesis=limits:0.01")])
    hot = shim.put(*["hot"] * 25)
    assert hot["FailedRecordCount"] == 15
    assert ["ErrorCode" in entry for entry in hot["Records"]] == [False] * 10 + [True] * 15
    spread = shim.put(*(f"key-{number}" for number in range(12)))
    assert 0 < spread["FailedRecordCount"] < 12
    calls = [request.head.value("x-amz-target").split(".")[1] for request in emulator.requests]
    assert calls == ["ListShards", "PutRecords", "PutRecords"]
    assert emulator.requests[0].head.value("authorization") == "AWS4 me"


def test_call_within_the_limits_passes_as_it_came(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """Nothing is written anew without need."""
    faults.replace([Fault.parse("kinesis=limits")])
    request = kinesis(
        "PutRecords",
        {"StreamARN": "arn:aws:kinesis:us-east-1:0:stream/s", "Records": [{"Data": "AAAA", "PartitionKey": "k"}]},
    )
    shim.ask(request)
    assert json.loads(emulator.requests[0].body) == {"StreamName": "s"}
    assert emulator.requests[1] == request


def test_call_that_fails_as_a_whole_fails_for_all(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """The stream's own error comes back, not a mixture."""
    faults.replace([Fault.parse("kinesis=limits:0.001")])
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"
    emulator.answer = lambda request: (
        refused if "Put" in request.head.value("x-amz-target") else kinesis_answer(request)
    )
    body = {"StreamName": "s", "Records": [{"Data": "AAAA", "PartitionKey": "k"}] * 3}
    assert shim.ask(kinesis("PutRecords", body)).status == 400


def test_stream_that_is_not_there_says_so_itself(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """There are no shards to limit."""
    faults.replace([Fault.parse("kinesis=limits:0.001")])
    emulator.answer = lambda _: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"
    body = {"StreamName": "s", "Records": [{"Data": "AAAA", "PartitionKey": "k"}] * 3}
    assert shim.ask(kinesis("PutRecords", body)).status == 400
    assert json.loads(emulator.requests[1].body) == body


def test_put_that_cannot_be_read_is_refused_as_kinesis_does(shim: Shim, emulator: Emulator, faults: FaultFile) -> None:
    """Never handed on unlooked-at while a fault is on."""
    faults.replace([Fault.parse("kinesis=limits")])
    request = Request.of("POST", "/", {"X-Amz-Target": "Kinesis_20131202.PutRecords"}, b"{")
    answer = shim.ask(request)
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, "SerializationException")
    assert emulator.requests == []
