"""Times as text: the one spelling that lines, failed events and the ledger share."""

from datetime import datetime


def to_text(at: datetime) -> str:
    """Return an aware UTC time as RFC 3339 with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
