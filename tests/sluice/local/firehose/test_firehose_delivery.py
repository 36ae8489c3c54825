"""Keys and bytes of what is written, the buffers before it, and the prefixes."""

import gzip
import json
from base64 import b64encode
from dataclasses import replace

import pytest
from firehose_fakes import ARRIVED_AT, STREAM, numbered_names, record
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.firehose.buffers import Buffer, Hints
from sluice.local.firehose.delivery import plan_delivery
from sluice.local.firehose.prefixes import Facts, PrefixError, parse_error_prefix, parse_prefix
from sluice.local.firehose.records import Delivered, Dropped, Failed, Settled

FACTS = Facts(ARRIVED_AT, "abcdefghijk", "processing-failed")


def failed(number: int) -> Failed:
    """Return a failed record."""
    return Failed(record(number, b"raw"), "Lambda.FunctionError", "it raised", 4, ARRIVED_AT)


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=20))
def test_body_is_the_concatenation(payloads: list[bytes]) -> None:
    """An object is the payloads in order with nothing between them."""
    settled = [Delivered(record(number), data) for number, data in enumerate(payloads)]
    (planned,) = plan_delivery(settled, STREAM, numbered_names()).objects
    assert gzip.decompress(planned.body) == b"".join(payloads)


def test_key_is_timed_by_the_oldest_record() -> None:
    """Prefix and name speak of the oldest arrival in the object, in UTC, even when it isn't the first."""
    settled = [Delivered(record(2_000), b"later"), Delivered(record(1), b"oldest")]
    (planned,) = plan_delivery(settled, STREAM, numbered_names()).objects
    assert planned.key == "events/dt=2026-11-21/hh=10/sluice-test-events-1-2026-11-21-10-59-59-uuid-1.gz"


def test_failed_records_make_firehoses_error_lines() -> None:
    """The error output holds one JSON line a record with the fields, types and whole raw data of AWS's."""
    settled: list[Settled] = [failed(1), Delivered(record(2), b"good\n"), failed(3)]
    delivery = plan_delivery(settled, STREAM, numbered_names())
    good, errors = delivery.objects
    lines = [json.loads(line) for line in gzip.decompress(errors.body).splitlines()]
    assert gzip.decompress(good.body) == b"good\n"
    assert errors.key.startswith("firehose-failed/processing-failed/dt=2026-11-21/sluice-test-events-1-")
    assert lines[0] == {
        "rawData": b64encode(b"raw").decode(),
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "it raised",
        "attemptsMade": 4,
        "arrivalTimestamp": 1_795_258_799_124,
        "attemptEndingTimestamp": 1_795_258_799_123,
        "lambdaARN": "arn:aws:lambda:eu-west-1:123456789012:function:transform",
    }
    assert lines[1]["arrivalTimestamp"] == 1_795_258_799_126


def test_dropped_records_move_the_position_only() -> None:
    """A delivery of dropped records writes nothing and still advances."""
    delivery = plan_delivery([Dropped(record(1)), Dropped(record(5))], STREAM, numbered_names())
    assert delivery.objects == ()
    assert delivery.positions == {"shardId-000000000000": record(5).sequence_number}


def test_uncompressed_streams_write_plain_bytes() -> None:
    """Without GZIP the object is the lines themselves."""
    plain = replace(STREAM, gzip=False, file_extension="")
    (planned,) = plan_delivery([Delivered(record(1), b"line\n")], plain, numbered_names()).objects
    assert planned.body == b"line\n"
    assert planned.key.endswith("uuid-1")


def test_buffer_is_due_by_size_or_age() -> None:
    """An empty buffer is never due, a full one at once, any other after its interval."""
    empty: Buffer[str] = Buffer(Hints(max_bytes=10, interval_s=2))
    started = empty.add(["a"], 4, now_s=100).add(["b"], 4, now_s=101)
    assert (empty.is_due(10**6), started.is_due(101.9), started.is_due(102)) == (False, False, True)
    assert started.add(["c"], 2, now_s=101).is_due(101)
    assert started.without_first(1, 4).items == ("b",)
    assert empty.due_in_s(100) is None


def test_zero_buffering_is_due_at_once() -> None:
    """An interval of 0 delivers whatever there is."""
    buffer: Buffer[str] = Buffer(Hints(max_bytes=10, interval_s=0))
    assert buffer.add(["a"], 1, now_s=100).is_due(100)


@pytest.mark.parametrize(
    ("source", "evaluated"),
    [
        ("events/dt=!{timestamp:yyyy-MM-dd}/hh=!{timestamp:HH}/", "events/dt=2026-11-21/hh=10/"),
        ("!{timestamp:HHmmss}-!{firehose:random-string}/", "105959-abcdefghijk/"),
        ("plain/", "plain/2026/11/21/10/"),
        ("no-slash", "no-slash2026/11/21/10/"),
        ("", "2026/11/21/10/"),
    ],
)
def test_prefixes(source: str, evaluated: str) -> None:
    """Prefixes evaluate as Firehose's do, with the time added when they speak of none."""
    assert parse_prefix(source).evaluate(FACTS) == evaluated


def test_error_prefix_names_its_type() -> None:
    """The error output type is filled in."""
    prefix = parse_error_prefix("failed/!{firehose:error-output-type}/!{timestamp:yyyy}/")
    assert prefix.evaluate(FACTS) == "failed/processing-failed/2026/"


@pytest.mark.parametrize(
    "source",
    [
        "!{timestamp:YYYY}/",
        "!{timestamp:EEE}/",
        "!{timestamp:yyyy'T'}/",
        "!{partitionKeyFromQuery:x}/",
        "!{firehose:unknown}/",
        "!{nothing}/",
        "!{firehose:error-output-type}/",
    ],
)
def test_unsupported_prefixes_are_refused_at_the_start(source: str) -> None:
    """What isn't understood is named, not guessed."""
    with pytest.raises(PrefixError, match=r"refix|timestamp"):
        parse_prefix(source)


def test_error_prefix_with_expressions_needs_the_type() -> None:
    """AWS demands the error output type there, so a stream without it would not deploy."""
    with pytest.raises(PrefixError, match="must have"):
        parse_error_prefix("failed/!{timestamp:yyyy}/")


def test_too_long_prefixes_are_refused() -> None:
    """An evaluated prefix has 512 characters at most."""
    with pytest.raises(PrefixError, match="512"):
        parse_prefix("x" * 510)
