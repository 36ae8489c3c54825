"""HTTP messages: every byte is kept, and an end is found where there is one."""

from http import HTTPStatus
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.shim.messages import (
    BrokenMessageError,
    Head,
    Request,
    Response,
    read_head,
    read_request_body,
    read_response,
)

NEXT = b"GET / HTTP/1.1\r\n\r\n"


def _request(raw: bytes) -> tuple[Request, bytes]:
    """Return the first request, and what is left behind it."""
    stream = BytesIO(raw)
    head = read_head(stream)
    assert head
    return Request(head, read_request_body(head, stream)), stream.read()


@given(st.binary(max_size=200))
def test_body_of_a_length_is_kept(body: bytes) -> None:
    """What follows belongs to the next request."""
    head = f"PUT /b/a%2Bb%20%C3%BC?x-id=PutObject HTTP/1.1\r\nhost: h\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    request, left = _request(head + body + NEXT)

    assert (request.head.raw, request.body, left) == (head, body, NEXT)
    assert (request.method, request.target) == ("PUT", "/b/a%2Bb%20%C3%BC?x-id=PutObject")


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.sampled_from([b"", b"x-amz-checksum-crc32:AAAA==\r\n"])
)
def test_chunked_body_is_kept_with_its_chunk_sizes(chunks: list[bytes], trailer: bytes) -> None:
    """As the SDK sends an upload whose checksum follows it."""
    body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"
    request, left = _request(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body + NEXT)

    assert (request.body, left) == (body, NEXT)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nhost",
        b"GET / HTTP/1.1\nhost: h\r\n\r\n",
        b"PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\nabc",
        b"PUT / HTTP/1.1\r\ncontent-length: five\r\n\r\nabc",
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
    ],
)
def test_broken_request_is_told_from_a_whole_one(raw: bytes) -> None:
    """Half a request is never handed on as if it were all."""
    with pytest.raises(BrokenMessageError):
        _request(raw)


def test_closed_connection_is_no_request() -> None:
    """That is how a client says that it has done."""
    assert read_head(BytesIO(b"")) is None


@pytest.mark.parametrize(
    ("method", "raw", "body", "left"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", b"next"),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", b"next"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"", b"next"),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", b"", b"next"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", b"next"),
        (
            "GET",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"2\r\nok\r\n0\r\n\r\n",
            b"next",
        ),
    ],
)
def test_answer_ends_where_it_says(method: str, raw: bytes, body: bytes, left: bytes) -> None:
    """By its length, its chunks, or because it can have no body."""
    stream = BytesIO(raw + left)
    response = read_response(stream, method)

    assert (response.body, stream.read(), response.ends_connection) == (body, left, False)


def test_answer_without_a_length_ends_with_its_connection() -> None:
    """Then nothing can follow it."""
    response = read_response(BytesIO(b"HTTP/1.1 200 OK\r\n\r\nall of it"), "GET")

    assert (response.body, response.ends_connection) == (b"all of it", True)


def test_answer_that_says_so_is_the_last() -> None:
    """However it ends itself."""
    raw = b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert read_response(BytesIO(raw), "GET").ends_connection


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]
)
def test_no_answer_and_half_an_answer_are_errors(raw: bytes) -> None:
    """Whoever asked must not take them for an answer."""
    with pytest.raises(BrokenMessageError):
        read_response(BytesIO(raw), "GET")


def test_new_body_brings_its_own_length() -> None:
    """Other headers stay, in their order."""
    head = Head(b"POST / HTTP/1.1\r\nA: 1\r\ncontent-LENGTH: 99\r\nTransfer-Encoding: chunked\r\nB: 2\r\n\r\n")
    request = Request(head, b"").with_body(b"four")

    assert request.head.raw == b"POST / HTTP/1.1\r\nA: 1\r\nB: 2\r\nContent-Length: 4\r\n\r\n"
    assert _request(request.head.raw + request.body)[0] == request


def test_own_answer_is_a_whole_one() -> None:
    """It reads back as what it is."""
    answer = Response.of(HTTPStatus.SERVICE_UNAVAILABLE, {"X": "y"}, b"later")
    assert answer.status == 503
    assert read_response(BytesIO(answer.head.raw + answer.body), "GET") == answer
