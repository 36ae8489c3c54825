"""A line: one event as compact JSON with its receipt, the shape that travels in Kinesis and lands in S3.

One encoder and one decoder; nothing here talks to either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.event import SERVER_ATTRIBUTES, Event, read_event
from chalicelib.core.json_text import UnreadableError, dumps, loads, nests_too_deep, too_deep
from chalicelib.core.limits import MAX_EVENT_BYTES


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the server knows of one request: its id (UUIDv7), when it came (RFC 3339, UTC), and from whom."""

    id: str
    received_at: str
    principal: str
    client_ip: str | None = None
    user_agent: str | None = None

    def enrichment(self, index: int, count: int) -> dict[str, Any]:
        """Return the server's attributes of the event at place `index` among `count`."""
        known = {
            "receivedat": self.received_at,
            "receiptid": self.id,
            "receiptindex": index,
            "receiptcount": count,
            "principal": self.principal,
            "clientip": self.client_ip,
            "useragent": self.user_agent,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Line:
    """One encoded event, without its closing newline, and where it belongs.

    `index` is its place in its request, `partition_key` what it must stay together with.
    """

    text: bytes
    index: int
    partition_key: str | None = None


def encode_line(event: Event, dataschema: str, enrichment: Mapping[str, Any]) -> bytes | Rejection:
    """Write an event as a line, `dataschema` as an absolute URI. Refuse it over 256 KiB or 64 levels."""
    attributes = {**event.attributes, "dataschema": dataschema}
    try:
        text = dumps({**attributes, "data": event.data, **enrichment})
    except UnreadableError as error:
        return error.rejection
    return _size_fault(text) or text


def decode_line(text: bytes) -> tuple[Event, Mapping[str, Any]] | Rejection:
    """Read a line back: the event, and the server's attributes that stand on it (none on a foreign line)."""
    fault = _size_fault(text)
    if fault:
        return fault
    try:
        element = loads(text)
    except UnreadableError as error:
        return error.rejection
    return _split(element)


def _split(element: Any) -> tuple[Event, Mapping[str, Any]] | Rejection:
    if not isinstance(element, dict):
        fault = read_event(element, {})
        return fault if isinstance(fault, Rejection) else (fault, {})
    enrichment = {name: element.pop(name) for name in SERVER_ATTRIBUTES & element.keys()}
    event = read_event(element, {})
    if isinstance(event, Rejection):
        return event
    missing = [name for name in ("specversion", "id", "source") if element.get(name) is None]
    if missing:
        details = tuple(Detail("", "required", f'"{name}" is missing') for name in missing)
        return Rejection(ErrorType.NOT_AN_EVENT, details[0].message, details)
    return event, enrichment


def _size_fault(text: bytes) -> Rejection | None:
    if len(text) > MAX_EVENT_BYTES:
        message = f"the event is {len(text)} bytes as a line, {MAX_EVENT_BYTES} are allowed"
        return Rejection(ErrorType.TOO_LARGE, message, (Detail("", "maxBytes", message),))
    return too_deep().rejection if nests_too_deep(text) else None
