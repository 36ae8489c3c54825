"""A post as it came over HTTP, and how its body is cut into elements.

What an element must look like is judged by `collect`; here only media types, gzip and the cutting count.
"""

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from chalicelib.core.errors import RESOLUTIONS, ErrorType, Rejection
from chalicelib.core.json_text import UnreadableError, cut_array, loads
from chalicelib.core.limits import MAX_BODY_BYTES, MAX_EVENTS
from chalicelib.stages.collect import Elements

JSON = "application/json"
NDJSON = "application/x-ndjson"
MEDIA_TYPES = (JSON, NDJSON, "application/cloudevents+json", "application/cloudevents-batch+json")

_GZIP_MAGIC = b"\x1f\x8b"

_OF_ONE_ELEMENT = frozenset({"nan", "lone_surrogate", "number_out_of_range", "too_deep"})
"""Faults that lie in a value, not in the body's shape: they reject an element, not the body."""


@dataclass(frozen=True, slots=True)
class Post:
    """One request: `headers` have lower-case names, `event_type` is set when the body is `data` itself."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    event_type: str | None = None
    client_ip: str | None = None

    @property
    def media_type(self) -> str:
        """Return the content type without its parameters, in lower case."""
        return self.headers.get("content-type", JSON).partition(";")[0].strip().lower()

    @property
    def attributes(self) -> dict[str, str] | None:
        """Return the CloudEvents attributes that came as `ce-` headers or in the path, None if none did."""
        named = {name[3:]: unquote(value) for name, value in self.headers.items() if name.startswith("ce-")}
        if self.event_type is not None:
            return {**named, "type": self.event_type}
        is_binary_mode = "cloudevents" not in self.media_type and ("type" in named or "specversion" in named)
        return named if is_binary_mode else None


class RefusalError(Exception):
    """A post that is answered as a whole. `rejection` is set when its body becomes a failed event."""

    def __init__(
        self,
        status: HTTPStatus,
        error_type: str,
        message: str,
        resolution: str,
        rejection: Rejection | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": error_type, "message": message, "resolution": resolution}
        self.rejection = rejection


def read_elements(post: Post) -> tuple[Elements, bytes]:
    """Cut a post into elements; return them and the body after gunzip.

    Raises RefusalError: 415 for another media type, 413 over 4 MB or 5,000 elements, 400 for a body
    that holds no element or cannot be read.
    """
    if post.media_type not in MEDIA_TYPES:
        raise _unsupported(post.media_type)
    body = _plain(post.body)
    elements = _cut(body, post)
    if not elements.values:
        raise _empty()
    _check_count(elements.values)
    return elements, body


def _plain(body: bytes) -> bytes:
    """Return the body, gunzipped when its first bytes say so, 4 MB at most on both sides."""
    if len(body) > MAX_BODY_BYTES:
        raise _too_much(f"the body has {len(body)} bytes, {MAX_BODY_BYTES} are allowed")
    if not body.startswith(_GZIP_MAGIC):
        return body
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(body)).read(MAX_BODY_BYTES + 1)
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise _unreadable(Rejection(ErrorType.BAD_ENCODING, f"not one whole gzip stream: {error}"), body) from None
    if len(plain) > MAX_BODY_BYTES:
        raise _too_much(f"the body has over {MAX_BODY_BYTES} bytes once unzipped")
    return plain


def _cut(body: bytes, post: Post) -> Elements:
    attributes = post.attributes
    if attributes is not None:
        return Elements([_read_whole(body)], lambda _: body, "data", attributes)
    if post.media_type == NDJSON:
        return _read_parts([line for line in body.split(b"\n") if line.strip()])
    return _cut_json(body)


def _cut_json(body: bytes) -> Elements:
    try:
        value = loads(body)
    except UnreadableError as error:
        return _cut_unreadable(body, error)
    if not isinstance(value, list):
        return Elements([value], lambda _: body)

    @cache
    def parts() -> Any:
        return cut_array(body)

    return Elements(value, lambda index: bytes(parts()[index]))


def _cut_unreadable(body: bytes, error: UnreadableError) -> Elements:
    """Cut a body whose faults lie inside its elements, so that each is judged on its own."""
    parts = cut_array(body)
    if parts is not None:
        return _read_parts(parts)
    if body.lstrip().startswith(b"["):
        raise _unreadable(error.rejection, body)
    return Elements([_read_whole(body, error)], lambda _: body)


def _read_parts(parts: Sequence[bytes]) -> Elements:
    """Read each part on its own, unless there are too many: finding out what is wrong with one takes 10 µs."""
    _check_count(parts)
    return Elements([_read_part(part) for part in parts], parts.__getitem__)


def _read_part(text: bytes) -> Any:
    try:
        return loads(text)
    except UnreadableError as error:
        return error.rejection


def _read_whole(body: bytes, error: UnreadableError | None = None) -> Any:
    """Read a body that is one element: a fault inside its value rejects it, any other refuses the body."""
    try:
        if error is None:
            return loads(body)
    except UnreadableError as found:
        error = found
    if error.keyword in _OF_ONE_ELEMENT and len(cut_array(b"[%b]" % body) or ()) == 1:
        return error.rejection
    raise _unreadable(error.rejection, body)


def _check_count(elements: Sequence[Any]) -> None:
    if len(elements) > MAX_EVENTS:
        raise _too_much(f"{len(elements)} events in one request, {MAX_EVENTS} are allowed")


def _unsupported(media_type: str) -> RefusalError:
    return RefusalError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        f'content type "{media_type[:80]}" is not taken',
        f"Send content-type {', '.join(MEDIA_TYPES[:-1])} or {MEDIA_TYPES[-1]}.",
    )


def _too_much(message: str) -> RefusalError:
    return RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message, "Send several smaller requests.")


def _empty() -> RefusalError:
    return RefusalError(HTTPStatus.BAD_REQUEST, "empty_batch", "the body holds no event", "Send at least one event.")


def _unreadable(rejection: Rejection, body: bytes) -> RefusalError:
    message = rejection.message if body.strip() else "the body is empty"
    return RefusalError(HTTPStatus.BAD_REQUEST, rejection.type.value, message, RESOLUTIONS[rejection.type], rejection)
