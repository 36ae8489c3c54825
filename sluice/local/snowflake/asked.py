"""What a Snowpipe call asks for, read from its body and its query; what cannot be granted is refused. Pure.

Source: the Snowpipe REST reference.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluice.local.snowflake.loads import NamedFile

MAX_FILES = 5_000
MAX_PATH_BYTES = 1_024
_JSON = "application/json"
_TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class RefusedCallError(Exception):
    """A call that gets an error status; the body carries what the SDK reads."""

    status: int
    message: str
    code: str = "390400"


def named_files(content_type: str, body: bytes) -> list[NamedFile]:
    """Return the files that insertFiles names. Raises RefusedCallError."""
    files = _read_files(content_type, body)
    if not files:
        raise RefusedCallError(400, "No files were named")
    if len(files) > MAX_FILES:
        raise RefusedCallError(429, f"More than {MAX_FILES} files in one request; none was queued", "390429")
    if any(len(file.path.encode()) > MAX_PATH_BYTES for file in files):
        raise RefusedCallError(400, f"A path is longer than {MAX_PATH_BYTES} bytes")
    return files


def asked_mark(text: str | None) -> int | None:
    """Return the number in a beginMark; None for none, or for one that is not ours."""
    number = (text or "").partition("_")[2]
    return int(number) if number.isdecimal() else None


def asked_time(query: Mapping[str, str], name: str, default: datetime | None = None) -> datetime:
    """Return a time of the query, UTC where it names no offset. Raises RefusedCallError."""
    text = query.get(name)
    if text is None and default is not None:
        return default
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        raise RefusedCallError(400, f"{name} is missing or no ISO-8601 time: {text}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_files(content_type: str, body: bytes) -> list[NamedFile]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _TEXT:
        return [NamedFile(path) for line in body.decode().splitlines() if (path := line.strip())]
    if kind != _JSON:
        raise RefusedCallError(415, f"Unsupported content type: {content_type}", "390415")
    try:
        return [NamedFile(str(file["path"]), _size(file.get("size"))) for file in json.loads(body)["files"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        # the reference says 500, not 400, for a body that cannot be parsed
        raise RefusedCallError(500, "The request body cannot be parsed", "390500") from None


def _size(size: Any) -> int | None:
    return size if isinstance(size, int) and size >= 0 else None
