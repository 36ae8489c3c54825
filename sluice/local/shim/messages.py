"""HTTP messages as they come over a connection: read whole, kept byte for byte. Nothing of AWS belongs here.

Source of the framing rules: RFC 9112, section 6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedIOBase
from typing import Self

MAX_HEAD_BYTES = 65_536
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BrokenMessageError(Exception):
    """What came is not a whole HTTP message."""


@dataclass(frozen=True, slots=True)
class Head:
    """A start line and header lines: the very bytes, the empty line included."""

    raw: bytes

    @property
    def start(self) -> tuple[str, ...]:
        """Return the words of the start line."""
        return tuple(self.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" "))

    def value(self, name: str) -> str:
        """Return a header's value, empty if there is none; `name` in lower case."""
        for line in self.raw.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return ""

    def has_word(self, name: str, word: str) -> bool:
        """Tell whether a header's list of words holds one."""
        return word in (part.strip() for part in self.value(name).lower().split(","))

    def with_length(self, length: int) -> Self:
        """Return the head of a body of so many bytes, plainly framed."""
        first, *lines = self.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        other = [line for line in lines if not line.lower().startswith((b"content-length:", b"transfer-encoding:"))]
        return type(self)(b"\r\n".join([first, *other, f"Content-Length: {length}".encode(), b"", b""]))


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    head: Head
    body: bytes
    """As it came, chunk sizes included."""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Self:
        """Return a request of our own."""
        return cls(_head(f"{method} {target} HTTP/1.1", headers, body), body)

    @property
    def method(self) -> str:
        """Return the method."""
        return self.head.start[0]

    @property
    def target(self) -> str:
        """Return path and query, as they were spelled."""
        return self.head.start[1]

    def with_body(self, body: bytes) -> Self:
        """Return the same request for another body."""
        return type(self)(self.head.with_length(len(body)), body)


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered; `ends_connection` when nothing more can come over the same connection."""

    head: Head
    body: bytes
    ends_connection: bool = False

    @classmethod
    def of(cls, status: HTTPStatus, headers: Mapping[str, str], body: bytes) -> Self:
        """Return an answer of our own."""
        return cls(_head(f"HTTP/1.1 {status.value} {status.phrase}", headers, body), body)

    @property
    def status(self) -> int:
        """Return the status code."""
        return int(self.head.start[1])


Send = Callable[[Request], Response]
"""Hands a request on, and returns the answer."""


def read_head(stream: BufferedIOBase) -> Head | None:
    """Return the next head, None when the other side has closed. Raises BrokenMessageError, OSError."""
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        line = stream.readline(MAX_HEAD_BYTES)
        if not line and not raw:
            return None
        raw += line
        if not line.endswith(b"\r\n") or len(raw) > MAX_HEAD_BYTES:
            raise BrokenMessageError("a head is cut off or too long")
        if raw == b"\r\n":  # a line between messages means nothing
            raw = b""
    return Head(raw)


def read_request_body(head: Head, stream: BufferedIOBase) -> bytes:
    """Return a request's body. Raises BrokenMessageError, OSError."""
    if len(head.start) != 3:  # noqa: PLR2004 - method, target, version
        raise BrokenMessageError("a request without method, target and version")
    return _framed_body(head, stream) or b""


def read_response(stream: BufferedIOBase, method: str) -> Response:
    """Return the answer to a request of a method; interim ones (1xx) are left out.

    Raises BrokenMessageError, OSError.
    """
    head = read_head(stream)
    while head and head.start[1].startswith("1"):
        head = read_head(stream)
    if head is None:
        raise BrokenMessageError("closed without an answer")
    closes = head.has_word("connection", "close")
    if method == "HEAD" or int(head.start[1]) in _BODILESS:
        return Response(head, b"", closes)
    body = _framed_body(head, stream)
    return Response(head, stream.read(), ends_connection=True) if body is None else Response(head, body, closes)


def _head(start: str, headers: Mapping[str, str], body: bytes) -> Head:
    lines = [start, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return Head("\r\n".join(lines).encode("latin-1")).with_length(len(body))


def _framed_body(head: Head, stream: BufferedIOBase) -> bytes | None:
    """Return the body that a head announces, None when it announces none."""
    if head.has_word("transfer-encoding", "chunked"):
        return _chunks(stream)
    length = head.value("content-length")
    if not length:
        return None
    if not (length.isascii() and length.isdigit()):
        raise BrokenMessageError(f"{length!r} is no content length")
    return _exactly(stream, int(length))


def _chunks(stream: BufferedIOBase) -> bytes:
    """Return a chunked body with its chunk sizes and trailer, as it came."""
    raw = bytearray()
    size = -1
    while size:
        line = _line(stream)
        raw += line
        size = _chunk_size(line)
        raw += _exactly(stream, size + 2) if size else b""
    while (line := _line(stream)) != b"\r\n":  # trailer fields
        raw += line
    return bytes(raw + line)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise BrokenMessageError(f"{line!r} is no chunk size") from error


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(MAX_HEAD_BYTES)
    if not line.endswith(b"\r\n"):
        raise BrokenMessageError("a chunked body is cut off")
    return line


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise BrokenMessageError("a body is cut off")
    return body
