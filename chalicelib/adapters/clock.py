"""The clock and the maker of ids: where "now" and "new" come from."""

from datetime import UTC, datetime

import uuid_utils

from chalicelib.core.times import to_text


def now() -> str:
    """Return the time as RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return to_text(datetime.now(UTC))


def new_id() -> str:
    """Return a UUIDv7: unique, and in the order of time."""
    return str(uuid_utils.uuid7())
