"""An event: what a producer sent, once it is known to be a CloudEvent with `type` and `data`.

Checks of the envelope live here; what `data` must look like is the contracts' affair.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.errors import Detail, ErrorType, Rejection, shorten
from chalicelib.core.limits import MAX_TEXT_CHARACTERS, MAX_TYPE_CHARACTERS

SPEC_VERSION = "1.0"
"""Source: CloudEvents 1.0, `specversion`."""

SERVER_ATTRIBUTES = frozenset(
    {
        "receivedat",
        "receiptid",
        "receiptindex",
        "receiptcount",
        "principal",
        "clientip",
        "useragent",
        "replayof",
        "replayattempt",
    }
)
"""Attributes that only Sluice itself may set. Source: DESIGN §3.1."""

_NAMED_CHARACTERS = 80
"""Of an attribute's name in a message, so that what is wrong with it still fits behind."""

_TYPE = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+")
_NO_CLOUDEVENTS_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
"""Control characters and noncharacters. Source: CloudEvents 1.0, type system, String."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt](?!24)\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)
"""Python 3.13 reads hour 24 and every Python an offset of +00:60; RFC 3339 knows neither."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of an event before it is judged; None where the client's own value is unusable."""

    id: str | None = None
    source: str | None = None
    type: str | None = None
    time: str | None = None
    dataschema: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return the five attributes by name."""
        return {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
            "dataschema": self.dataschema,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """A checked envelope: `attributes` holds every CloudEvents attribute but `data`, in the order sent."""

    attributes: Mapping[str, Any]
    data: Any

    @property
    def id(self) -> str:
        """Return the event's id."""
        return str(self.attributes["id"])

    @property
    def type(self) -> str:
        """Return the event's type."""
        return str(self.attributes["type"])

    @property
    def dataschema(self) -> str | None:
        """Return the contract the producer named, if any."""
        return self.attributes.get("dataschema")

    @property
    def partition_key(self) -> str | None:
        """Return what keeps events together and in order: `partitionkey`, else `subject`, else None."""
        return self.attributes.get("partitionkey") or self.attributes.get("subject")


def identify(envelope: Mapping[str, Any], defaults: Mapping[str, str]) -> Identity:
    """Assign `id`, `source` and `time` where the client gave none, before any check. Never fails."""
    given = {name: envelope.get(name) for name in ("id", "source", "type", "time", "dataschema")}
    known = {
        name: defaults.get(name) if value is None else value if _CHECKS[name](value) is None else None
        for name, value in given.items()
    }
    return Identity(**known)


def read_event(element: Any, defaults: Mapping[str, str]) -> Event | Rejection:
    """Check one element to be an event, and complete it with `defaults` for `id`, `source` and `time`.

    An attribute that is null counts as not given, `data` that is null counts as given.
    """
    if not isinstance(element, dict):
        return _not_an_event([Detail("", "type", f"an event is a JSON object, this is {_kind(element)}")])
    faults = [fault for name, value in element.items() if (fault := _attribute_fault(name, value))]
    faults += [Detail("", "required", f'"{name}" is missing') for name in _missing(element)]
    if faults:
        return _not_an_event(faults)
    given = {name: value for name, value in element.items() if value is not None and name != "data"}
    return Event({"specversion": SPEC_VERSION, **defaults, **given}, element["data"])


def _missing(element: Mapping[str, Any]) -> list[str]:
    missing = [] if element.get("type") is not None else ["type"]
    return missing if "data" in element else [*missing, "data"]


def _attribute_fault(name: str, value: Any) -> Detail | None:
    """Return what is wrong with one attribute, or None."""
    if name == "data":
        return None
    if name in SERVER_ATTRIBUTES:
        return _fault(name, "reserved", f'"{name}" is set by the server; leave it out')
    if name == "data_base64":
        return _fault(name, "reserved", 'binary data is not taken; send JSON in "data"')
    if value is None:
        return None
    message = _CHECKS.get(name, _extension_fault)(value)
    if message is None and name not in _CHECKS and not _ATTRIBUTE_NAME.fullmatch(name):
        message = "an attribute's name is lower-case letters and digits; payload belongs inside data"
    return _fault(name, "attribute", message) if message else None


def _fault(name: str, keyword: str, message: str) -> Detail:
    return Detail("/" + name.replace("~", "~0").replace("/", "~1"), keyword, message)


def _text_fault(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be a string, this is {_kind(value)}"
    if not 1 <= len(value) <= MAX_TEXT_CHARACTERS:
        return f"must have 1 to {MAX_TEXT_CHARACTERS} characters, this has {len(value)}"
    return _character_fault(value)


def _character_fault(text: str) -> str | None:
    return "must not contain control characters or noncharacters" if _NO_CLOUDEVENTS_TEXT.search(text) else None


def _type_fault(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be a string, this is {_kind(value)}"
    if len(value) > MAX_TYPE_CHARACTERS or not _TYPE.fullmatch(value):
        return (
            "must be lower-case words of letters and digits joined by . _ or -, "
            f"{MAX_TYPE_CHARACTERS} characters at most"
        )
    return None


def _time_fault(value: Any) -> str | None:
    shape = _TIME.fullmatch(value) if isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS else None
    if shape is None:
        return "must be an RFC 3339 time such as 2026-01-31T12:00:00Z"
    minute, second, _, zone = shape.groups()
    try:
        read = datetime.fromisoformat(minute.upper() + ("59" if second == "60" else second) + zone.upper())
        read.astimezone(UTC)  # a warehouse keeps it in UTC, where year 0 and year 10000 are none
    except (ValueError, OverflowError) as error:
        return f"is no such time: {error}"
    return None


def _specversion_fault(value: Any) -> str | None:
    return None if value == SPEC_VERSION else f'must be "{SPEC_VERSION}"'


def _extension_fault(value: Any) -> str | None:
    if isinstance(value, str):
        return _character_fault(value)
    if isinstance(value, int):
        return None if -(2**31) <= value < 2**31 else "must fit 32 bits as an integer; send it as a string"
    return f"must be a string, boolean or integer, this is {_kind(value)}; payload belongs inside data"


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _not_an_event(faults: list[Detail]) -> Rejection:
    first = faults[0]
    where = f"{shorten(first.pointer[1:], _NAMED_CHARACTERS)} " if first.keyword == "attribute" else ""
    return Rejection(ErrorType.NOT_AN_EVENT, where + first.message, tuple(faults))


_CHECKS = {
    "specversion": _specversion_fault,
    "id": _text_fault,
    "source": _text_fault,
    "type": _type_fault,
    "subject": _text_fault,
    "time": _time_fault,
    "dataschema": _text_fault,
    "datacontenttype": _text_fault,
    "partitionkey": _text_fault,
}
