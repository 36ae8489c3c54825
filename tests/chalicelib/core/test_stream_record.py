"""A record of the stream: its lines, and how those that fail are named."""

import hashlib
import time
from typing import Any

import pytest

from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.failed_event import Stage
from chalicelib.core.stream_record import Signature, StreamRecord, receipt_locator, set_aside
from tests.fakes import RECEIVED_AT

FAULT = Rejection(ErrorType.NOT_JSON, "no")
SIGNATURE = Signature(Stage.TRANSFORM, "sluice-transform/1", RECEIVED_AT)


def test_only_lines_with_a_fault_are_set_aside() -> None:
    """Each keeps its bytes, and its place among all lines of the record."""
    data = b"a\n\nb\nc"
    (failed,) = set_aside(StreamRecord(data, RECEIVED_AT), {1: FAULT}, SIGNATURE)
    assert failed.payload == b"b"
    assert failed.origin.locator == f"{hashlib.sha256(data).hexdigest()}:1"


def test_a_record_of_many_bad_lines_takes_no_minutes() -> None:
    """Its fingerprint is taken once, not once a line."""
    data = (b"x" * 199 + b"\n") * 10_000
    faults = dict.fromkeys(range(10_000), FAULT)
    started_s = time.process_time()
    assert len(set_aside(StreamRecord(data, RECEIVED_AT), faults, SIGNATURE)) == 10_000
    assert time.process_time() - started_s < 5


LOCATORS = [
    ({"receiptid": "r", "receiptindex": 0}, "r:0"),
    ({"receiptid": "r", "receiptindex": True}, None),
    ({"receiptid": "r", "receiptindex": 1.0}, None),
    ({"receiptid": "r" * 513, "receiptindex": 1}, None),
    ({}, None),
]


@pytest.mark.parametrize(("element", "expected"), LOCATORS)
def test_a_receipt_is_only_believed_in_its_own_shape(element: dict[str, Any], expected: str | None) -> None:
    """Text and a whole number; whatever else stands there is another producer's."""
    assert receipt_locator(element) == expected
