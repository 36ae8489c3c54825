"""Times as text: the one spelling of lines, failed events and the ledger. As text they sort in order of time."""

from datetime import datetime, timedelta


def to_text(at: datetime) -> str:
    """Return an aware UTC time as RFC 3339 with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(at: str, seconds: float) -> str:
    """Return the time so many seconds after another; before it when they are negative."""
    return to_text(datetime.fromisoformat(at) + timedelta(seconds=seconds))


def seconds_between(start: str, end: str) -> float:
    """Return how many seconds lie between two times; negative when the end comes first."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
