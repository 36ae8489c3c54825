"""What objects hold: whatever lies in a bucket is counted, and what cannot be read says so."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_fakes import failed_event, line, packed, receipt

from sluice.local.audit.contents import (
    Contents,
    line_id,
    located,
    read_failed_events,
    read_firehose_errors,
    read_lines,
)

FILES = {
    "gzip": packed([line(1, 0), line(1, 1)]),
    "plain": line(1, 0) + b"\n" + line(1, 1),
    "joined": packed([line(1, 0)]) + packed([line(1, 1)]),
}


@pytest.mark.parametrize("body", FILES.values(), ids=FILES.keys())
def test_a_file_of_lines(body: bytes) -> None:
    """Packed or not, its lines are known by receipt and index."""
    contents = read_lines("key", body)
    assert contents == Contents(2, {receipt(1): [0, 1]})
    assert list(contents.line_ids()) == [(receipt(1), 0), (receipt(1), 1)]


FOREIGN: list[dict[str, Any]] = [
    {},
    {"receiptid": "r", "receiptindex": 0},
    {"receiptid": 7, "receiptindex": 0},
    {"receiptid": receipt(1)},
    {"receiptid": receipt(1), "receiptindex": "0"},
    {"receiptid": receipt(1), "receiptindex": True},
    {"receiptid": receipt(1), "receiptindex": -1},
    {"receiptid": receipt(1), "receiptindex": 10**30},
]


@pytest.mark.parametrize("element", FOREIGN)
def test_a_foreign_line_is_counted_and_not_followed(element: dict[str, Any]) -> None:
    """Whatever another producer writes where a receipt stands."""
    assert read_lines("key", packed([json.dumps(element).encode()])) == Contents(1)


@pytest.mark.parametrize("text", [b"hello", b"[]", b"7", b"\xff", b"null"])
def test_what_is_no_line_has_no_id(text: bytes) -> None:
    """Nothing raises."""
    assert line_id(text) is None


@pytest.mark.parametrize("read", [read_lines, read_failed_events])
def test_a_damaged_object_says_so(read: Any) -> None:
    """It holds nothing that is known of."""
    body = packed([line(1, 0)])[:-9]
    assert read("key", body) == Contents(faults=("not one whole gzip stream",))


def test_failed_events() -> None:
    """Ids, the lines they were, and files they point to; a payload that was too large to keep inline is no file."""
    large = {"encoding": "s3", "bucket": "b", "key": "payloads/v1/x"}
    file = {"encoding": "s3", "bucket": "landing", "key": "events/a.gz"}
    events = [
        failed_event("transform", f"{receipt(1)}:4", large),
        failed_event("transform", "f" * 64 + ":0"),
        failed_event("load", "landing/events/a.gz", file),
        failed_event("load", "landing/events/b.gz:3"),
    ]
    contents = read_failed_events("key", packed(events))
    assert (contents.lines, contents.ours, contents.files) == (4, {receipt(1): [4]}, ("events/a.gz",))
    assert len(set(contents.failed)) == 4


@pytest.mark.parametrize("text", [b"hello", b"[]", b"{}", b'{"payload":7,"stage":"load"}', b'{"payload":null}'])
def test_what_is_no_failed_event_says_so(text: bytes) -> None:
    """Its neighbours are read."""
    contents = read_failed_events("key", packed([text, failed_event("collect", f"{receipt(1)}:0")]))
    assert (contents.lines, contents.ours) == (2, {receipt(1): [0]})
    assert contents.faults == ("a line is no failed event",)


def test_firehose_errors() -> None:
    """Each line of each record is a failed event; what is none is named by its place."""
    entry = {"rawData": base64.b64encode(line(1, 0) + b"\n" + line(1, 1)).decode(), "errorCode": "Lambda.X"}
    contents = read_firehose_errors("key", gzip.compress(json.dumps(entry).encode() + b"\nhello\n"))
    assert (contents.lines, contents.ours) == (2, {receipt(1): [0, 1]})
    assert contents.faults == ("entry 1: this is not JSON",)


@given(st.text())
def test_any_locator(text: str) -> None:
    """Only one of ours is a line."""
    assert located(text) is None
    assert located(f"{receipt(1)}:{4_999}") == (receipt(1), 4_999)
    assert located(f"{receipt(1)}:{5_000}") is None


@given(st.binary())
def test_nothing_raises(body: bytes) -> None:
    """Whatever lies there."""
    for read in (read_lines, read_failed_events, read_firehose_errors):
        assert read("key", body).lines >= 0
