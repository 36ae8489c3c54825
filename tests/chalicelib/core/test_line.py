"""Lines: one encoder and decoder pair, and the bounds of a line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.event import Event, read_event
from chalicelib.core.json_text import loads
from chalicelib.core.limits import MAX_EVENT_BYTES
from chalicelib.core.line import Receipt, decode_line, encode_line
from tests.fakes import RECEIPT

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38) + 1, 10**38 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
PLAIN_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=20)
EXTENSIONS = st.dictionaries(
    st.from_regex(r"x[a-z0-9]{1,8}", fullmatch=True),
    PLAIN_TEXT | st.booleans() | st.integers(-(2**31), 2**31 - 1),
    max_size=3,
)


def event_of(data: Any, **attributes: Any) -> Event:
    """Return a checked event."""
    event = read_event({"id": "i", "source": "/s", "type": "a", **attributes, "data": data}, {})
    assert isinstance(event, Event)
    return event


def encoded(event: Event, receipt: Receipt = RECEIPT) -> bytes:
    """Return an event as a line."""
    text = encode_line(event, "sluice:a/1-0-0", receipt.enrichment(2, 3))
    assert isinstance(text, bytes)
    return text


def rejected(outcome: object) -> tuple[ErrorType, str]:
    """Return an outcome's error type and first keyword."""
    assert isinstance(outcome, Rejection)
    return outcome.type, outcome.details[0].keyword


def test_a_line_is_the_event_with_its_receipt() -> None:
    """Exact bytes: specversion first, the producer's order, then data, then what the server knows."""
    assert encoded(event_of({"b": 1, "a": 0.1}, subject="s", trace="t")) == (
        b'{"specversion":"1.0","id":"i","source":"/s","type":"a","subject":"s","trace":"t","dataschema":"sluice:a/1-0-0",'
        b'"data":{"b":1,"a":0.1},"receivedat":"2026-01-31T12:34:56.789Z","receiptid":"01980000-0000-7000-8000-000000000001",'
        b'"receiptindex":2,"receiptcount":3,"principal":"anonymous","clientip":"192.0.2.1","useragent":"curl/8"}'
    )


def test_an_unknown_client_leaves_no_null_behind() -> None:
    """Address and agent are left out where they are unknown: null is no CloudEvents attribute."""
    line = loads(encoded(event_of(1), Receipt("r", "2026-01-31T12:00:00.000Z", "anonymous")))
    assert not {"clientip", "useragent"} & line.keys()


@given(DATA, EXTENSIONS)
def test_decoding_gives_back_what_was_encoded(data: Any, extensions: dict[str, Any]) -> None:
    """Event and enrichment come back exactly, and a line holds no newline."""
    event = event_of(data, **extensions)
    text = encoded(event)
    assert b"\n" not in text
    decoded = decode_line(text)
    assert not isinstance(decoded, Rejection)
    back, enrichment = decoded
    assert repr(back.data) == repr(data)
    assert back.attributes == {**event.attributes, "dataschema": "sluice:a/1-0-0"}
    assert enrichment == RECEIPT.enrichment(2, 3)


def test_the_limit_counts_the_whole_line() -> None:
    """256 KiB with everything on it are taken, one byte more is too large, on both sides."""
    room = MAX_EVENT_BYTES - len(encoded(event_of("")))
    fitting = encoded(event_of("x" * room))
    assert len(fitting) == MAX_EVENT_BYTES
    assert not isinstance(decode_line(fitting), Rejection)
    too_large = encode_line(event_of("x" * (room + 1)), "sluice:a/1-0-0", RECEIPT.enrichment(2, 3))
    assert rejected(too_large) == (ErrorType.TOO_LARGE, "maxBytes")
    assert rejected(decode_line(fitting + b" ")) == (ErrorType.TOO_LARGE, "maxBytes")


def nested(levels: int) -> Any:
    """Return arrays in arrays."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [64, 100, 500])
def test_an_event_over_64_levels_is_refused(levels: int) -> None:
    """The event itself is the first level, whatever the writer could follow."""
    assert encoded(event_of(nested(63)))
    assert rejected(encode_line(event_of(nested(levels)), "sluice:a/1-0-0", {})) == (ErrorType.NOT_JSON, "too_deep")


FOREIGN = {
    "nothing of ours": (b'{"type":"a","data":1}', ErrorType.NOT_AN_EVENT),
    "no source": (b'{"id":"i","type":"a","data":1}', ErrorType.NOT_AN_EVENT),
    "an id that is null": (b'{"id":null,"source":"/s","type":"a","data":1}', ErrorType.NOT_AN_EVENT),
    "no object": (b"[1]", ErrorType.NOT_AN_EVENT),
    "no JSON": (b"hello", ErrorType.NOT_JSON),
    "NaN": (b'{"id":"i","source":"/s","type":"a","data":NaN}', ErrorType.NOT_JSON),
    "no UTF-8": (b"\xff\xfe", ErrorType.NOT_UTF8),
    "too deep": (b"[" * 65 + b"]" * 65, ErrorType.NOT_JSON),
    "open brackets": (b"[" * 200_000, ErrorType.NOT_JSON),
}


@pytest.mark.parametrize(("text", "error_type"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_line_that_is_no_event_is_rejected(text: bytes, error_type: ErrorType) -> None:
    """Others may write to the stream: nothing raises, and every fault has its type."""
    assert rejected(decode_line(text))[0] is error_type


def test_a_foreign_event_needs_no_receipt() -> None:
    """An event with id and source is one, without anything of ours on it."""
    decoded = decode_line(b'{"specversion":"1.0","id":"i","source":"/s","type":"a","data":1}')
    assert not isinstance(decoded, Rejection)
    assert decoded[1] == {}


@given(st.binary(max_size=64))
def test_any_bytes_are_a_line_or_a_rejection(text: bytes) -> None:
    """Decoding never raises."""
    decoded = decode_line(text)
    assert isinstance(decoded, Rejection) or decoded[0].type
