"""Firehose's contract with its transform Lambda: the event, the answer, what an answer means for each record.

Source: Amazon Data Firehose Developer Guide, "Transform source data"; codes and messages as AWS writes them
into its error output.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, takewhile
from typing import Any
from uuid import uuid4

import orjson

from sluice.local.firehose.delivery_stream import DeliveryStream, TransformSettings
from sluice.local.firehose.ports import Function, Refusal
from sluice.local.firehose.records import Delivered, Dropped, Failed, Record, Settled, epoch_ms

MAX_REQUEST_BYTES = 6_291_456
"""Source: AWS Lambda quotas, "Invocation payload (request and response)", synchronous."""
_ENVELOPE_BYTES = 1_024
_ENTRY_BYTES = 640
"""More than a record's ids, timestamps and JSON syntax ever take."""
_ESCAPED_CHARACTER_BYTES = 6

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
"""Between attempts. AWS doesn't say how long it waits; long enough for a killed worker to be back."""

_MISSING = Refusal(
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.",
)
_DUPLICATED = Refusal(
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record Id. "
    "Ensure that the Lambda function returns a unique record Id for each record.",
)
_PROCESSING_FAILED = Refusal("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
_NULL_DATA = Refusal(
    "Lambda.InvalidReturnFormat",
    "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource "
    "and processing result is Ok. "
    "The value field cannot be null when the SourceType is MSKAsSource and processing result is Ok.",
)
# AWS's own words for the next two aren't known.
_NOT_BASE64 = Refusal("Lambda.InvalidReturnFormat", "The data field must be base64 encoded.")
_NO_RESULT = Refusal("Lambda.InvalidReturnFormat", "The result field must be one of Ok, Dropped or ProcessingFailed.")


def first_batch(records: Sequence[Record], max_bytes: int) -> tuple[Record, ...]:
    """Return the records to hand over next: at least one, then as many as both limits hold.

    `max_bytes` limits the raw data, as the buffer hint does; the whole request stays within Lambda's 6 MB.
    """
    raw = accumulate(len(record.data) for record in records)
    whole = accumulate(request_bytes(record) for record in records)
    fitting = takewhile(
        lambda sizes: sizes[0] <= max_bytes and sizes[1] <= MAX_REQUEST_BYTES - _ENVELOPE_BYTES,
        zip(raw, whole, strict=True),
    )
    fits = sum(1 for _ in fitting)
    return tuple(records[: max(fits, 1)])


def request_bytes(record: Record) -> int:
    """Return an upper bound of a record's bytes in the request."""
    return -(-len(record.data) // 3) * 4 + _ESCAPED_CHARACTER_BYTES * len(record.partition_key) + _ENTRY_BYTES


def encode_event(records: Iterable[Record], stream: DeliveryStream, invocation_id: str) -> bytes:
    """Return the event of one invocation, as AWS shapes it for a Kinesis source."""
    return orjson.dumps(
        {
            "invocationId": invocation_id,
            "sourceKinesisStreamArn": stream.source_arn,
            "deliveryStreamArn": stream.arn,
            "region": stream.region,
            "records": [_entry(record) for record in records],
        }
    )


def _entry(record: Record) -> dict[str, Any]:
    arrived_ms = epoch_ms(record.arrived_at)
    return {
        "recordId": record.record_id,
        "approximateArrivalTimestamp": arrived_ms,
        "data": b64encode(record.data).decode(),
        "kinesisRecordMetadata": {
            "sequenceNumber": record.sequence_number,
            "subsequenceNumber": 0,
            "partitionKey": record.partition_key,
            "shardId": record.shard_id,
            "approximateArrivalTimestamp": arrived_ms,
        },
    }


def sort_answers(
    records: Sequence[Record], response: bytes, *, attempts: int, ended_at: datetime
) -> tuple[Settled, ...]:
    """Return what an answer means for each record, in the order of the records.

    An answer is final, however malformed: a record it doesn't name is a failed one, an id that nobody asked
    about is ignored.
    """
    answers = _answers_by_id(response)

    def settle(record: Record) -> Settled:
        verdict = _verdict(answers.get(record.record_id, []))
        match verdict:
            case None:
                return Dropped(record)
            case bytes():
                return Delivered(record, verdict)
            case Refusal(code, message):
                return Failed(record, code, message, attempts, ended_at)

    return tuple(settle(record) for record in records)


def _answers_by_id(response: bytes) -> dict[str, list[dict[str, Any]]]:
    """Group an answer's entries by record id; what can't be read has none."""
    try:
        body = orjson.loads(response)
    except orjson.JSONDecodeError:
        return {}
    entries = body.get("records") if isinstance(body, dict) else None
    grouped: dict[str, list[dict[str, Any]]] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("recordId"), str):
            grouped.setdefault(entry["recordId"], []).append(entry)
    return grouped


def _verdict(answers: list[dict[str, Any]]) -> bytes | Refusal | None:
    """Return the data to deliver, why there is none, or None for a record to drop."""
    if len(answers) != 1:
        return _DUPLICATED if answers else _MISSING
    match answers[0].get("result"):
        case "Ok":
            return _decode(answers[0].get("data"))
        case "Dropped":
            return None
        case "ProcessingFailed":
            return _PROCESSING_FAILED
    return _NO_RESULT


def _decode(data: object) -> bytes | Refusal:
    if data is None:
        return _NULL_DATA
    try:
        return b64decode(data, validate=True) if isinstance(data, str) else _NOT_BASE64
    except ValueError:
        return _NOT_BASE64


def pass_through(records: Iterable[Record]) -> tuple[Settled, ...]:
    """Deliver records as they came: what a delivery stream without processing does."""
    return tuple(Delivered(record, record.data) for record in records)


@dataclass(frozen=True, slots=True)
class Transform:
    """Asks the transform Lambda, as often as the delivery stream allows."""

    function: Function
    stream: DeliveryStream
    settings: TransformSettings
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def settle(self, records: Sequence[Record]) -> tuple[Settled, ...]:
        """Return what became of each record; raise `UnreachableError` while the function can't be asked.

        A function that fails is asked `retries` more times, each time under a new invocation id; then all its
        records are failed ones.
        """
        answer, attempts = self._answer(records)
        if isinstance(answer, bytes):
            return sort_answers(records, answer, attempts=attempts, ended_at=self.now())
        code, message, ended_at = answer.error_code, answer.message, self.now()
        return tuple(Failed(record, code, message, attempts, ended_at) for record in records)

    def _answer(self, records: Sequence[Record]) -> tuple[bytes | Refusal, int]:
        """Return the last answer and how many attempts it took."""
        attempts = 1
        while isinstance(answer := self._ask(records), Refusal) and attempts <= self.settings.retries:
            self.sleep(min(_FIRST_PAUSE_S * 2 ** (attempts - 1), _LONGEST_PAUSE_S))
            attempts += 1
        return answer, attempts

    def _ask(self, records: Sequence[Record]) -> bytes | Refusal:
        return self.function.invoke(encode_event(records, self.stream, str(uuid4())))
