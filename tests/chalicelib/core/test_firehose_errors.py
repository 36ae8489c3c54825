"""Firehose's own error lines: every spelling of them is read, nothing raises, nothing is left out."""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import failed_event
from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.firehose_errors import Unreadable, read_errors
from chalicelib.core.json_text import dumps
from chalicelib.core.stream_record import StreamRecord
from tests.fakes import ORDER

KEY = "firehose-failed/processing-failed/s-1-2026-01-31-12-34-56-0193a5b2-6c1f-4b1e-9d3a-0f1e2d3c4b5a.gz"
SCHEMA = json.loads((Path(failed_event.__file__).parent / "failed_event.schema.json").read_text())
VALID = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)

CAPTURED = {
    "rawData": base64.b64encode(b"hello").decode(),
    "errorCode": "Lambda.ProcessingFailedStatus",
    "errorMessage": "ProcessingFailed status set for record",
    "attemptsMade": 1,
    "arrivalTimestamp": 1769862897123,
    "attemptEndingTimestamp": 1769862899456,
    "lambdaARN": "arn:aws:lambda:eu-west-1:123456789012:function:transform",
}


def line(index: int = 3, **attributes: Any) -> bytes:
    """Return a line of ours."""
    known = {"specversion": "1.0", "id": "i", "source": "/s", "type": "order.placed", "data": ORDER}
    return dumps({**known, "receiptid": "r", "receiptindex": index, **attributes})


def error_line(data: bytes, **changes: Any) -> bytes:
    """Return an error line about a record with these bytes; a change to None leaves an attribute out."""
    entry = {**CAPTURED, "rawData": base64.b64encode(data).decode(), **changes}
    return json.dumps({name: value for name, value in entry.items() if value is not None}).encode() + b"\n"


def read(body: bytes, key: str = KEY) -> list[FailedEvent | Unreadable]:
    """Return all that an error object holds."""
    return list(read_errors(body, key))


def one(body: bytes, key: str = KEY) -> FailedEvent:
    """Return the only failed event of an error object."""
    (found,) = read(body, key)
    assert isinstance(found, FailedEvent)
    return found


def test_a_line_of_ours_is_found_by_its_receipt() -> None:
    """Stage, type, message, times and attempts come from the error line, the rest from the record."""
    found = one(error_line(line(), attemptsMade=4))
    shown = found.to_json()
    assert found.payload == line()
    assert shown["stage"] == "firehose"
    assert shown["origin"] == {"locator": "r:3", "object_key": KEY, "row": 0}
    assert shown["event"] == {
        "id": "i",
        "source": "/s",
        "type": "order.placed",
        "time": None,
        "dataschema": None,
    }
    assert (shown["error"]["type"], shown["error"]["message"]) == (
        "transform_error",
        "Lambda.ProcessingFailedStatus: ProcessingFailed status set for record",
    )
    assert (shown["attempts"], shown["failed_at"]) == (4, "2026-01-31T12:34:59.456Z")
    assert found.origin.arrived_at == "2026-01-31T12:34:57.123Z"


SPELLINGS = {
    "older key": error_line(line(), lambdaARN=None, lambdaArn="arn:aws:lambda:…"),
    "no function": error_line(line(), lambdaARN=None),
    "numbers as text": error_line(line(), attemptsMade="1", arrivalTimestamp="1769862897123"),
    "floats": error_line(line(), arrivalTimestamp=1769862897123.0),
    "another order": json.dumps(dict(reversed(json.loads(error_line(line())).items()))).encode(),
    "spaces": json.dumps(json.loads(error_line(line())), indent=None, separators=(" , ", " : ")).encode(),
    "no newline": error_line(line()).rstrip(),
    "blank lines": b"\n \r\n" + error_line(line()) + b"\n",
    "gzip": gzip.compress(error_line(line())),
}


@pytest.mark.parametrize("body", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_says_the_same(body: bytes) -> None:
    """However Firehose writes it, it is the same failed event."""
    assert one(body) == one(error_line(line()))


def test_several_lines_of_a_record_part() -> None:
    """Each line is a failed event of its own: ours by receipt, a foreign one by its record and place."""
    data = line(0) + b"\n\nhello\n" + line(1)
    found = [event for event in read(error_line(data)) if isinstance(event, FailedEvent)]
    assert [event.payload for event in found] == [line(0), b"hello", line(1)]
    assert [event.origin.locator for event in found] == ["r:0", f"{hashlib.sha256(data).hexdigest()}:1", "r:1"]


def test_the_same_failure_met_twice_has_the_same_id() -> None:
    """Neither the object, nor the place in it, nor the times make another failure of it."""
    other = one(error_line(line(), arrivalTimestamp=1, attemptsMade=2, errorCode="X"), "elsewhere")
    assert one(error_line(line())).id == other.id


CODES = [
    ("Lambda.FunctionError", "transform_error"),
    ("S3.AccessDenied", "firehose_delivery"),
    ("DataFormatConversion.InvalidSchema", "firehose_delivery"),
]


@pytest.mark.parametrize(("code", "error_type"), CODES)
def test_who_failed(code: str, error_type: str) -> None:
    """What the transform did and what Firehose could not do are told apart."""
    assert one(error_line(line(), errorCode=code)).rejection.type == error_type


def test_format_conversion_names_its_last_error() -> None:
    """Those lines say lastErrorCode and lastErrorMessage, and hold an object."""
    body = error_line(
        line(),
        errorCode=None,
        errorMessage=None,
        lastErrorCode="DataFormatConversion.ParseError",
        lastErrorMessage="no such column",
        dataCatalogTable={"databaseName": "d", "tableName": "t"},
        sequenceNumber="49",
    )
    assert one(body).rejection.message == "DataFormatConversion.ParseError: no such column"


@pytest.mark.parametrize("text", ["m" * 5_000, "\ud800", "", None, 7, {"a": 1}])
def test_whatever_the_message_is_the_failed_event_is_valid(text: Any) -> None:
    """Bounded, writable, never empty."""
    shown = one(error_line(line(), errorMessage=text, errorCode=text)).to_json()
    VALID.validate(json.loads(dumps(shown)))
    assert 1 <= len(shown["error"]["message"]) <= 300


TIMES = [
    (KEY, None, "2026-01-31T12:34:56.000Z"),
    (KEY, "yesterday", "2026-01-31T12:34:56.000Z"),
    (KEY, True, "2026-01-31T12:34:56.000Z"),
    (KEY, -1, "2026-01-31T12:34:56.000Z"),
    (KEY, 10**30, "2026-01-31T12:34:56.000Z"),
    (KEY, "999999999999999", "2026-01-31T12:34:56.000Z"),
    ("elsewhere", None, "1970-01-01T00:00:00.000Z"),
    (KEY.replace("01-31-12-34", "13-99-12-34"), None, "1970-01-01T00:00:00.000Z"),
]


@pytest.mark.parametrize(("key", "given_time", "expected"), TIMES)
def test_a_record_without_a_time_is_filed_all_the_same(key: str, given_time: Any, expected: str) -> None:
    """By the time in the object's name, or at the beginning of time: never by the clock."""
    body = error_line(line(), arrivalTimestamp=given_time, attemptEndingTimestamp=None)
    found = one(body, key)
    assert (found.origin.arrived_at, found.failed_at) == (expected, expected)


@pytest.mark.parametrize("attempts", [None, 0, -3, "x", "", 10**40, 2.5, False, []])
def test_odd_attempts_are_still_a_number(attempts: Any) -> None:
    """At least one, and one that can be written."""
    VALID.validate(json.loads(dumps(one(error_line(line(), attemptsMade=attempts)).to_json())))


UNREADABLE = {
    "no JSON": (b"hello", "not JSON"),
    "half a line": (error_line(line())[:50], "not JSON"),
    "deep": (b"[" * 100_000, "not JSON"),
    "no UTF-8": (b"\xff\xfe", "not JSON"),
    "an array": (b"[1]", "no object"),
    "text": (b'"hello"', "no object"),
    "no record": (error_line(b"", rawData=None), "missing"),
    "a record that is a number": (error_line(b"", rawData=7), "not base64"),
    "no base64": (error_line(b"", rawData="%%%"), "not base64"),
    "half a base64": (error_line(b"", rawData="aGVsb"), "not base64"),
}


@pytest.mark.parametrize(("text", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_error_line_says_so(text: bytes, reason: str) -> None:
    """Between two good lines it is one value with its key and place, and the good ones are read."""
    good = error_line(line())
    first, bad, last = read(b"\n".join([good.rstrip(), text.rstrip(), good]))
    assert isinstance(bad, Unreadable)
    assert (bad.key, bad.place) == (KEY, 1)
    assert reason in bad.reason
    assert isinstance(first, FailedEvent)
    assert isinstance(last, FailedEvent)
    assert first.id == last.id


PACKED = {
    "half a gzip": (gzip.compress(error_line(line()))[:-9], "cut off"),
    "a damaged gzip": (b"\x1f\x8b" + b"x" * 50, "damaged"),
}


@pytest.mark.parametrize(("body", "reason"), PACKED.values(), ids=PACKED.keys())
def test_what_cannot_be_unpacked_says_so(body: bytes, reason: str) -> None:
    """The files before it are read."""
    first, bad = read(gzip.compress(error_line(line())) + body)
    assert isinstance(first, FailedEvent)
    assert isinstance(bad, Unreadable)
    assert reason in bad.reason


def test_a_record_of_blanks_holds_no_line() -> None:
    """As in the transform: nothing is no failure."""
    assert read(error_line(b" \n\n")) == []


def test_large_payloads_stay_whole() -> None:
    """A line over a megabyte is one failed event with all its bytes."""
    large = line(note="x" * 2_000_000)
    assert one(error_line(large)).payload == large


LINES = st.lists(st.sampled_from([line(0), line(1), b"hello", b"\xff", b" ", b""]) | st.binary(max_size=9), max_size=4)
RECORDS = st.lists(LINES.map(b"\n".join), max_size=5)
FILES = st.lists(st.tuples(RECORDS, st.booleans()), max_size=4)


@given(FILES)
def test_files_may_be_joined(files: list[tuple[list[bytes], bool]]) -> None:
    """Gzip or plain, in any order: every line of every record is there, in order, whatever it holds."""
    bodies = [(b"".join(map(error_line, records)), packed) for records, packed in files]
    found = read(b"".join(gzip.compress(body) if packed else body for body, packed in bodies))
    expected = [text for records, _ in files for data in records for text in StreamRecord(data, "").lines()]
    assert [event.payload for event in found if isinstance(event, FailedEvent)] == expected
    assert len(found) == len(expected)


@given(st.lists(st.sampled_from([error_line(line()), error_line(b"hello")]), max_size=4))
def test_files_without_a_last_newline_may_be_joined(lines: list[bytes]) -> None:
    """Objects that follow each other on one line are read one by one."""
    assert len(read(b"".join(text.rstrip() for text in lines))) == len(lines)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ODD_LINES = st.dictionaries(st.sampled_from([*CAPTURED, "lastErrorCode"]), VALUES).map(
    lambda value: json.dumps(value).encode()
)


@given(st.lists(st.binary(max_size=30) | ODD_LINES, max_size=5).map(b"\n".join), st.text(max_size=20))
def test_nothing_raises(body: bytes, key: str) -> None:
    """Whatever lies there; and every failed event found in it is a valid one."""
    for found in read(body, key):
        if isinstance(found, FailedEvent):
            VALID.validate(json.loads(dumps(found.to_json())))


@given(ODD_LINES, st.sampled_from([b"hello", line(), b"\xff"]))
def test_a_record_outlives_whatever_stands_beside_it(odd: bytes, data: bytes) -> None:
    """As long as its bytes are there it is a failed event, however odd the rest is."""
    entry = {**json.loads(odd), "rawData": base64.b64encode(data).decode()}
    found = one(json.dumps(entry).encode())
    assert found.payload == data
    VALID.validate(json.loads(dumps(found.to_json())))
