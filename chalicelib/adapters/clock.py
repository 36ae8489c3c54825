"""The clock and the maker of ids: where "now" and "new" come from."""

from datetime import UTC, datetime

import uuid_utils


def now() -> str:
    """Return the time as RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """Return a UUIDv7: unique, and in the order of time."""
    return str(uuid_utils.uuid7())
