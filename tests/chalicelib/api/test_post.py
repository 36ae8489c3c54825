"""Posts: media types, gzip, headers, and how a body is cut into elements."""

import gzip
import json
import time
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.post import Post, RefusalError, read_elements
from chalicelib.core.errors import ErrorType, Rejection
from chalicelib.core.limits import MAX_BODY_BYTES
from chalicelib.stages.collect import Elements

NDJSON = "application/x-ndjson"


def read(body: bytes, media_type: str = "application/json", event_type: str | None = None, **headers: str) -> Elements:
    """Return the elements of a body; headers are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_elements(Post(body, {"content-type": media_type, **named}, event_type))[0]


def refused(body: bytes, media_type: str = "application/json", **headers: str) -> RefusalError:
    """Return how a body is refused as a whole."""
    with pytest.raises(RefusalError) as caught:
        read(body, media_type, **headers)
    return caught.value


def shown(elements: Elements) -> list[Any]:
    """Return values, with the keyword in place of each rejection."""
    return [value.details[0].keyword if isinstance(value, Rejection) else value for value in elements.values]


def texts(elements: Elements) -> list[bytes]:
    """Return each element's own bytes."""
    return [elements.text_of(index) for index in range(len(elements.values))]


CUT = {
    "one object": (b'{"a":1}', "application/json", [{"a": 1}], [b'{"a":1}']),
    "an array": (b' [ {"a":1} ,2]\n', "application/json", [{"a": 1}, 2], [b'{"a":1}', b"2"]),
    "a scalar": (b"7", "application/json", [7], [b"7"]),
    "a CloudEvent": (b'{"a":1}', "application/cloudevents+json", [{"a": 1}], [b'{"a":1}']),
    "a batch of CloudEvents": (b'[{"a":1}]', "application/cloudevents-batch+json", [{"a": 1}], [b'{"a":1}']),
    "NDJSON": (b'{"a":1}\n\n{"b":2}\r\n', NDJSON, [{"a": 1}, {"b": 2}], [b'{"a":1}', b'{"b":2}\r']),
    "NDJSON with bad lines": (
        b'{"a":1}\nhello\n{"b":NaN}\n"\xff"\n[1]',
        NDJSON,
        [{"a": 1}, "syntax", "nan", "utf8", [1]],
        [b'{"a":1}', b"hello", b'{"b":NaN}', b'"\xff"', b"[1]"],
    ),
    "an array with elements of each fault": (
        b'[{"a":1},{"b":NaN},1e400,"\\ud800",nonsense,3]',
        "application/json",
        [{"a": 1}, "nan", "number_out_of_range", "lone_surrogate", "syntax", 3],
        [b'{"a":1}', b'{"b":NaN}', b"1e400", b'"\\ud800"', b"nonsense", b"3"],
    ),
    "an array with a deep element": (
        b"[1," + b"[" * 100_000 + b"]" * 100_000 + b"]",
        "application/json",
        [1, "too_deep"],
        [b"1", b"[" * 100_000 + b"]" * 100_000],
    ),
    "one object with NaN": (b'{"a":NaN}', "application/json", ["nan"], [b'{"a":NaN}']),
    "one deep object": (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, "application/json", ["too_deep"], None),
}


@pytest.mark.parametrize(("body", "media_type", "values", "pieces"), CUT.values(), ids=CUT.keys())
def test_a_body_is_cut_into_its_elements(body: bytes, media_type: str, values: Any, pieces: Any) -> None:
    """Each element is judged on its own, and its own bytes are kept."""
    elements = read(body, media_type)
    assert shown(elements) == values
    assert texts(elements) == (pieces or [body])


WHOLE = {
    "an empty body": (b"", "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "white space": (b" \n", "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "not JSON": (b"hello", "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "an empty array": (b"[]", "application/json", HTTPStatus.BAD_REQUEST, "empty_batch"),
    "empty NDJSON": (b"\n \n", NDJSON, HTTPStatus.BAD_REQUEST, "empty_batch"),
    "brackets that do not fit": (b'[{"a":1},{]},3]', "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "an open array": (b"[1,2", "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "100,000 open brackets": (b"[" * 100_000, "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "100,000 open objects": (b'{"a":' * 100_000, "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "invalid UTF-8": (b'{"a":"\xff"}', "application/json", HTTPStatus.BAD_REQUEST, "not_utf8"),
    "two objects in lines, without saying so": (
        b'{"a":1}\n{"a":2}',
        "application/json",
        HTTPStatus.BAD_REQUEST,
        "not_json",
    ),
    "two values, the first NaN": (b"NaN, 1", "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "a byte order mark": (b"\xef\xbb\xbf[]", "application/json", HTTPStatus.BAD_REQUEST, "not_json"),
    "a form": (
        b"a=1",
        "application/x-www-form-urlencoded",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
    ),
    "no known type": (b"{}", "", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    "a type of a megabyte": (b"{}", "x" * 1_000_000, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    "over 4 MB": (b" " * (MAX_BODY_BYTES + 1), "application/json", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
    "5,001 events": (
        b"[" + b"1," * 5_000 + b"1]",
        "application/json",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
    ),
    "5,001 bad events": (
        b"[" + b"x," * 5_000 + b"x]",
        "application/json",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
    ),
    "5,001 lines": (b"1\n" * 5_001, NDJSON, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
}


@pytest.mark.parametrize(("body", "media_type", "status", "error_type"), WHOLE.values(), ids=WHOLE.keys())
def test_a_body_is_refused_whole(body: bytes, media_type: str, status: HTTPStatus, error_type: str) -> None:
    """Each has its status, its type and a bounded message."""
    refusal = refused(body, media_type)
    assert (refusal.status, refusal.error["type"]) == (status, error_type)
    assert all(0 < len(text) <= 300 for text in refusal.error.values())


def test_5000_events_are_taken() -> None:
    """The limit itself is allowed, in both forms."""
    assert len(read(b"[" + b"1," * 4_999 + b"1]").values) == 5_000
    assert len(read(b"1\n" * 5_000, NDJSON).values) == 5_000


@pytest.mark.parametrize("media_type", ["APPLICATION/JSON", "application/json; charset=utf-8", " application/json "])
def test_parameters_and_case_of_a_media_type_do_not_matter(media_type: str) -> None:
    """Only the type itself counts."""
    assert shown(read(b"1", media_type)) == [1]


def test_without_a_content_type_a_body_is_json() -> None:
    """No header is as good as application/json."""
    assert read_elements(Post(b"[1]"))[0].values == [1]


def zipped(text: bytes) -> bytes:
    """Return a gzip member."""
    return gzip.compress(text, mtime=0)


GZIP = {
    "one member": zipped(b"[1,2]"),
    "two members": zipped(b"[1,") + zipped(b"2]"),
    "an empty member between": zipped(b"[1,") + zipped(b"") + zipped(b"2]"),
    "ten thousand members": zipped(b"[1,") + zipped(b"") * 10_000 + zipped(b"2]"),
}


@pytest.mark.parametrize("body", GZIP.values(), ids=GZIP.keys())
def test_gzip_is_known_by_its_first_bytes(body: bytes) -> None:
    """No header is asked; several members are one body, and failures keep the text as it was zipped."""
    elements, plain = read_elements(Post(body))
    assert elements.values == [1, 2]
    assert plain == b"[1,2]"


BAD_GZIP = {
    "only the magic": b"\x1f\x8b",
    "truncated": zipped(b"[1,2]" * 100)[:-5],
    "truncated in the second member": zipped(b"[1,") + zipped(b"2]")[:-1],
    "with a wrong checksum": zipped(b"[1,2]")[:-8] + bytes(8),
    "with garbage behind it": zipped(b"[1,2]") + b"garbage",
    "garbage behind the magic": b"\x1f\x8b" + b"garbage" * 10,
}


@pytest.mark.parametrize("body", BAD_GZIP.values(), ids=BAD_GZIP.keys())
def test_gzip_that_is_not_whole_is_refused(body: bytes) -> None:
    """bad_encoding, 400, and the raw bytes become a failed event."""
    refusal = refused(body)
    assert (refusal.status, refusal.error["type"]) == (HTTPStatus.BAD_REQUEST, "bad_encoding")
    assert refusal.rejection is not None
    assert refusal.rejection.type is ErrorType.BAD_ENCODING


def test_a_bomb_is_refused() -> None:
    """A few KB that unzip to a gigabyte are too large, and are not unzipped further than 4 MB."""
    bomb = zipped(bytes(20_000_000)) * 50
    started_s = time.process_time()
    assert refused(bomb).status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert time.process_time() - started_s < 2


def test_exactly_4_mb_are_taken_after_gunzip() -> None:
    """The limit itself is allowed on the far side, one byte more is not."""
    text = b"[1" + b" " * (MAX_BODY_BYTES - 3) + b"]"
    assert read(zipped(text)).values == [1]
    assert refused(zipped(text + b" ")).status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_binary_mode_takes_attributes_from_headers() -> None:
    """ce- headers are percent-decoded; the body is data itself, an array too."""
    elements = read(b"[1]", ce_specversion="1.0", ce_type="a", ce_subject="caf%C3%A9%20x")
    assert elements.content == "data"
    assert elements.values == [[1]]
    assert elements.attributes == {"specversion": "1.0", "type": "a", "subject": "café x"}


def test_ce_headers_without_type_are_not_binary_mode() -> None:
    """A stray ce- header does not turn an event into data."""
    assert read(b'{"a":1}', ce_id="x").content == "event"


def test_a_type_in_the_path_makes_the_body_data() -> None:
    """The path wins over a header."""
    elements = read(b"{}", event_type="order.placed", ce_type="other", ce_id="h")
    assert (elements.content, elements.attributes) == ("data", {"type": "order.placed", "id": "h"})


def test_data_alone_may_have_a_fault_of_its_own() -> None:
    """NaN in the body rejects the event; text that is no JSON refuses the body."""
    assert shown(read(b"NaN", event_type="a")) == ["nan"]
    with pytest.raises(RefusalError):
        read(b"hello", event_type="a")


HOSTILE = {
    "x in an array": (b"[" + b"x," * 600_000 + b"x]", "application/json"),
    "x in lines": (b"x\n" * 600_000, NDJSON),
    "open brackets": (b"[" * 1_000_000, "application/json"),
    "quotes": (b"[" + b'"' * 1_000_000, "application/json"),
    "escaped quotes": (b'["' + b'\\"' * 1_999_990, "application/json"),
    "empty gzip members": (zipped(b"") * 199_000, "application/json"),
    "one long number": (b"1" * 4_000_000, "application/json"),
    "digits behind the point": (b"0." + b"1" * 3_999_990, "application/json"),
}


@pytest.mark.parametrize(("body", "media_type"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_megabytes_are_refused_in_time(body: bytes, media_type: str) -> None:
    """Whatever a body holds, its answer is found in linear time, and too many elements are never judged."""
    started_s = time.process_time()
    try:
        elements = read(body, media_type)
    except RefusalError as refusal:
        assert refusal.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}  # noqa: PT017
    else:
        assert len(elements.values) == 1
    assert time.process_time() - started_s < 4


KEPT_INTEGERS = st.integers(1 - 10**38, 10**38 - 1)
"""Integers that the contract keeps; one of 39 digits is rejected, which other tests assert."""

FRAGMENTS = st.lists(
    st.sampled_from([b"[", b"]", b"{", b"}", b",", b'"', b"NaN", b"1", b'{"a":1}', b"\n", b" ", b"\\", b"\x1f\x8b"])
    | st.binary(max_size=3),
    max_size=20,
).map(b"".join)


@given(FRAGMENTS, st.sampled_from(["application/json", NDJSON]), st.sampled_from([None, "a"]))
def test_any_body_is_elements_or_a_refusal(body: bytes, media_type: str, event_type: str | None) -> None:
    """Nothing but RefusalError is raised, and every element has its bytes."""
    try:
        elements = read(body, media_type, event_type)
    except RefusalError as refusal:
        assert refusal.error["message"]  # noqa: PT017 - either outcome is right
    else:
        assert all(isinstance(text, bytes) and text for text in texts(elements))


@given(st.lists(st.dictionaries(st.text(max_size=3), KEPT_INTEGERS, max_size=3), min_size=1, max_size=5))
def test_an_array_and_its_lines_are_the_same_elements(values: list[Any]) -> None:
    """The form of a batch does not matter."""
    lines = "\n".join(map(json.dumps, values)).encode()
    assert read(json.dumps(values).encode()).values == read(lines, NDJSON).values == values
