"""The judge: every line of a record on its own, whoever wrote it."""

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import ErrorType
from chalicelib.core.json_text import dumps
from firehose_transform.judge import Judge, Verdict
from firehose_transform.protocol import FirehoseRecord
from tests.fakes import ORDER

JUDGE = Judge(Registry(), "sluice-transform/0.1.0", "2026-01-31T13:00:00.000Z")
RECEIPT = {"receiptid": "r", "receiptindex": 3}


def line(**attributes: Any) -> bytes:
    """Return a line, valid unless an attribute makes it bad."""
    return dumps({"specversion": "1.0", "id": "i", "source": "/s", "type": "order.placed", "data": ORDER, **attributes})


def record(data: bytes, record_id: str = "1") -> FirehoseRecord:
    """Return a Firehose record."""
    return {
        "recordId": record_id,
        "approximateArrivalTimestamp": 1769862897123,
        "data": base64.b64encode(data).decode(),
    }


def judged(data: bytes) -> Verdict:
    """Return the verdict on a record with these bytes."""
    return JUDGE.judge(record(data))


GOOD = line(**RECEIPT)


@pytest.mark.parametrize(
    "data", [GOOD, GOOD + b"\n", b"\n\n" + GOOD + b"\n \n"], ids=["bare", "ended", "between blanks"]
)
def test_a_good_line_leaves_as_it_came(data: bytes) -> None:
    """Its bytes, newline-ended; blank lines are nothing."""
    verdict = judged(data)
    assert (verdict.lines, verdict.good, verdict.failed) == (1, GOOD + b"\n", ())


def test_bytes_are_not_rewritten() -> None:
    """Spaces, escapes and digits inside a good line stay as they are."""
    odd = GOOD.replace(b'"id":"i"', b'"id" : "\\u0069"').replace(b"12.5", b"12.50")
    assert judged(odd).good == odd + b"\n"


def test_good_and_bad_lines_part() -> None:
    """Of several lines in a record the good ones leave in order, each bad one becomes a failed event."""
    other = line(id="j")
    verdict = judged(b"\n".join([GOOD, b"hello", other, line(data={})]))
    assert verdict.lines == 4
    assert verdict.good == GOOD + b"\n" + other + b"\n"
    assert [failed.payload for failed in verdict.failed] == [b"hello", line(data={})]


FOREIGN = {
    "text": (b"hello", ErrorType.NOT_JSON),
    "no UTF-8": (b"\xff\xfe", ErrorType.NOT_UTF8),
    "no event": (b'{"hello":1}', ErrorType.NOT_AN_EVENT),
    "an array": (b"[]", ErrorType.NOT_AN_EVENT),
    "no id": (line(id=None), ErrorType.NOT_AN_EVENT),
    "an unknown type": (line(type="nobody.knows"), ErrorType.UNKNOWN_SCHEMA),
    "an unknown version": (line(dataschema="sluice:order.placed/9-0-0"), ErrorType.UNKNOWN_SCHEMA),
    "broken data": (line(data={**ORDER, "amount": -1}), ErrorType.SCHEMA_VIOLATION),
    "too large": (line(note="x" * 262_144), ErrorType.TOO_LARGE),
    "too deep": (b"[" * 10_000 + b"]" * 10_000, ErrorType.NOT_JSON),
    "open brackets": (b"[" * 200_000, ErrorType.NOT_JSON),
    "a KPL aggregate": (b"\xf3\x89\x9a\xc2\n\nbinary\n", ErrorType.AGGREGATED_RECORD),
}


@pytest.mark.parametrize(("data", "error_type"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_may_not_land_is_one_failed_event(data: bytes, error_type: ErrorType) -> None:
    """Nothing good, the bytes whole, the type named; an aggregate is not cut at its newlines."""
    verdict = judged(data)
    assert verdict.good == b""
    (failed,) = verdict.failed
    assert (failed.rejection.type, failed.payload) == (error_type, data)


def test_nothing_is_no_failure() -> None:
    """A record of blank lines has no line at all."""
    verdict = judged(b"\n \n")
    assert (verdict.lines, verdict.good, verdict.failed) == (0, b"", ())


def locators(data: bytes) -> list[str]:
    """Return the locator of each failed event."""
    return [failed.origin.locator for failed in judged(data).failed]


def test_our_own_line_is_found_by_receipt_and_index() -> None:
    """Wherever it lies and whatever lies beside it."""
    bad = line(data={}, **RECEIPT)
    assert locators(bad) == locators(b"x\n" + bad)[1:] == ["r:3"]


FORGED = {
    "no receipt": {},
    "a receipt that is a number": {"receiptid": 7, "receiptindex": 3},
    "an index that is text": {"receiptid": "r", "receiptindex": "3"},
    "no index": {"receiptid": "r"},
    "a receipt of 100 KB": {"receiptid": "r" * 100_000, "receiptindex": 3},
}


@pytest.mark.parametrize("receipt", FORGED.values(), ids=FORGED.keys())
def test_a_foreign_line_is_found_by_its_record_and_place(receipt: dict[str, Any]) -> None:
    """The fingerprint of the record and the line's place in it, whatever it claims."""
    data = b"hello\n" + line(data={}, **receipt)
    assert locators(data) == [f"{hashlib.sha256(data).hexdigest()}:{place}" for place in (0, 1)]


def test_the_same_failure_has_the_same_id_in_every_try() -> None:
    """Neither the record's id nor the time of the call makes another failure of it."""
    again = Judge(Registry(), "sluice-transform/0.1.0", "2027-01-01T00:00:00.000Z").judge(record(b"hello", "other"))
    assert [failed.id for failed in again.failed] == [failed.id for failed in judged(b"hello").failed]
    assert again.failed[0].origin.arrived_at == "2026-01-31T12:34:57.123Z"


def test_what_can_be_known_of_a_bad_line_is_told() -> None:
    """Usable attributes are named, others are unknown."""
    (failed,) = judged(line(data={}, source=7)).failed
    assert (failed.identity.id, failed.identity.source, failed.identity.type) == ("i", None, "order.placed")


PARTS = st.lists(
    st.sampled_from([GOOD, b"hello", b"", b" ", b"\xff", line(data={}), b"\xf3\x89\x9a\xc2"]) | st.binary(max_size=5),
    max_size=6,
)


@given(PARTS)
def test_every_line_is_good_or_failed(parts: list[bytes]) -> None:
    """Nothing raises; good and failed lines are together all there is, byte for byte."""
    data = b"\n".join(parts)
    verdict = judged(data)
    good = verdict.good.split(b"\n")[:-1]
    failed = [event.payload for event in verdict.failed]
    assert len(good) + len(failed) == verdict.lines
    expected = [data] if data.startswith(b"\xf3\x89\x9a\xc2") else [text for text in data.split(b"\n") if text.strip()]
    assert sorted(good + failed) == sorted(expected)


def test_a_hostile_line_takes_linear_time() -> None:
    """256 KiB of escaped quotes in a string that never ends, behind 65 brackets: milliseconds, not minutes."""
    started_s = time.process_time()
    assert judged(b"[" * 65 + b'"' + b'\\"' * 130_000).failed
    assert time.process_time() - started_s < 2


def test_failed_events_can_be_written() -> None:
    """Every foreign line's failed event is JSON."""
    for data, _ in FOREIGN.values():
        assert json.dumps(judged(data).failed[0].to_json())
