"""Spills: what is written is read again line by line, with the same keys and in the same order."""

import gzip
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.registry import Registry
from chalicelib.core.json_text import dumps
from chalicelib.core.line import Receipt
from chalicelib.core.spill import (
    MAX_SPILL_BYTES,
    SpilledLine,
    StoredSpill,
    UnreadableSpillError,
    loads,
    oldest_first,
    read_spill,
    spill_object,
)
from chalicelib.stages.collect import Collect, Elements
from tests.fakes import ORDER, RECEIPT, numbered_ids, order

COLLECT = Collect(Registry(), "sluice-collect/0.1.0")
KEYS = st.none() | st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=300)
EVENTS = st.fixed_dictionaries(
    {"partitionkey": KEYS, "subject": KEYS, "data": st.sampled_from([ORDER, {**ORDER, "note": "a\n\r\u2028ü"}])}
)


def collected(*events: dict[str, Any]) -> list[SpilledLine]:
    """Return the lines that collect makes of these events, as they are spilled."""
    make_id = numbered_ids()
    elements = Elements([order(**event) for event in events], lambda _: b"")
    batch = COLLECT.judge(elements, RECEIPT, lambda _: make_id())
    assert not batch.failed
    return [SpilledLine.of(line, RECEIPT) for line in batch.lines]


@given(st.lists(EVENTS, min_size=1, max_size=20))
def test_a_spill_is_read_as_it_was_written(events: list[dict[str, Any]]) -> None:
    """Bytes, order, receipts, and the partition keys that collect had chosen, though no key is written."""
    lines = collected(*events)
    assert read_spill(spill_object(lines).body) == lines
    assert [line.as_line(7).partition_key for line in lines] == [
        event["partitionkey"] or event["subject"] for event in events
    ]


def test_a_key_tells_hour_content_and_count() -> None:
    """The key comes from the data alone: spilling the same lines again overwrites the same object."""
    lines = collected({}, {}, {})
    digest = hashlib.sha256("\n".join(f"{RECEIPT.id}:{index}" for index in range(3)).encode()).hexdigest()
    spill = spill_object(lines)
    assert spill.key == f"spill/v1/dt=2026-01-31/hh=12/{digest}-3.ndjson.gz"
    assert spill == spill_object(lines)
    assert spill_object(lines[:2]).key != spill.key
    assert gzip.decompress(spill.body) == b"".join(line.text + b"\n" for line in lines)


def test_a_key_lies_in_the_hour_of_the_earliest_line() -> None:
    """What is left of several requests waits where the oldest of them would."""
    (line,) = collected({})
    later = SpilledLine(line.text, None, "r:1", "2026-02-01T00:00:00.000Z")
    assert spill_object([later, line]).key.startswith("spill/v1/dt=2026-01-31/hh=12/")


def test_the_objects_own_key_tells_its_count() -> None:
    """The listing is enough to know how much an object holds."""
    spill = spill_object(collected({}, {}))
    assert StoredSpill(spill.key, len(spill.body), 0.0).line_count == 2


GOOD_KEY = f"spill/v1/dt=2026-01-31/hh=12/{'0' * 64}-5.ndjson.gz"


@pytest.mark.parametrize(
    ("key", "size_bytes"),
    [
        ("spill/v1/notes.txt", 1),
        (GOOD_KEY.replace("-5", "-0"), 1),
        (GOOD_KEY.replace("v1", "v2"), 1),
        (GOOD_KEY + "\n", 1),
        (GOOD_KEY, MAX_SPILL_BYTES + 1),
    ],
    ids=["a stranger", "no line", "another version", "a line break behind it", "far too large"],
)
def test_what_is_no_spill_has_no_count(key: str, size_bytes: int) -> None:
    """Objects of other makers under the prefix are told apart before anything is read."""
    assert StoredSpill(GOOD_KEY, 1, 0.0).line_count == 5
    assert StoredSpill(key, size_bytes, 0.0).line_count is None


def _event(**attributes: Any) -> bytes:
    return dumps({"specversion": "1.0", "id": "a", "source": "/s", **order(), **attributes})


WHOLE = gzip.compress(_event(**RECEIPT.enrichment(0, 1)) + b"\n")
UNREADABLE = {
    "no gzip": b"hello",
    "nothing": b"",
    "cut off": WHOLE[:-3],
    "no line": gzip.compress(b""),
    "a line that does not end": gzip.compress(gzip.decompress(WHOLE)[:-1]),
    "no JSON": gzip.compress(b"hello\n"),
    "no event": gzip.compress(b"{}\n"),
    "a list": gzip.compress(b"[]\n"),
    "an empty line": gzip.compress(gzip.decompress(WHOLE) + b"\n"),
    "an event without a receipt": gzip.compress(_event() + b"\n"),
    "two gzip streams": WHOLE * 2,
    "a bomb": gzip.compress(bytes(MAX_SPILL_BYTES + 1), 1),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_spill_is_unreadable(body: bytes) -> None:
    """One error for whatever else lies under the prefix; a whole line is read."""
    assert len(read_spill(WHOLE)) == 1
    with pytest.raises(UnreadableSpillError):
        read_spill(body)


def test_a_foreign_line_break_does_not_cut() -> None:
    """Only the line feed ends a line; a bare carriage return between members is white space of JSON."""
    text = _event(**RECEIPT.enrichment(0, 1)).replace(b'"id":', b'\r"id":')
    (line,) = read_spill(gzip.compress(text + b"\n"))
    assert line.text == text


def stored(hour: int, stored_s: float, count: int, name: str = "0") -> StoredSpill:
    """Return a listed object."""
    return StoredSpill(f"spill/v1/dt=2026-01-31/hh={hour:02}/{name * 64}-{count}.ndjson.gz", 1, stored_s)


def test_the_oldest_come_first() -> None:
    """By the hour of the data, then by when they were put, then by key."""
    right = [stored(1, 90, 1), stored(2, 10, 1, "f"), stored(2, 20, 1, "a"), stored(2, 20, 1, "b")]
    assert oldest_first(reversed(right)) == right


@given(st.lists(st.integers(1, 600)))
def test_loads_hold_what_fits(counts: list[int]) -> None:
    """Every object is in one load, in order; a load has up to 250 lines or is one object, and none could be joined."""
    spills = [stored(1, number, count) for number, count in enumerate(counts)]
    cut = list(loads(spills))
    sizes = [sum(spill.line_count or 0 for spill in load) for load in cut]
    assert [spill for load in cut for spill in load] == spills
    assert all(size <= 250 or len(load) == 1 for size, load in zip(sizes, cut, strict=True))
    assert all(size + (after[0].line_count or 0) > 250 for size, after in zip(sizes, cut[1:], strict=False))


def test_a_line_of_a_request_keeps_its_receipt() -> None:
    """The receipt that posting knows and the one that stands on the line are the same."""
    (first, second) = collected({}, {})
    other = Receipt("r", "2026-02-01T00:00:00.000Z", "p")
    assert (first.receipt, second.receipt) == (f"{RECEIPT.id}:0", f"{RECEIPT.id}:1")
    assert SpilledLine.of(second.as_line(9), other).receipt == "r:9"
