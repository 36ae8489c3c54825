"""`sluice load`: times as an operator writes them."""

from datetime import UTC, datetime

import pytest

from sluice.commands.console import CommandError
from sluice.commands.load import read_time

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

TIMES = [
    ("90s", "2026-01-31T11:58:30.000Z"),
    ("15m", "2026-01-31T11:45:00.000Z"),
    ("2h", "2026-01-31T10:00:00.000Z"),
    ("1d", "2026-01-30T12:00:00.000Z"),
    ("2026-01-31T11:00:00Z", "2026-01-31T11:00:00.000Z"),
    ("2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00.000Z"),
    ("2026-01-31T11:00", "2026-01-31T11:00:00.000Z"),
    ("2026-01-31", "2026-01-31T00:00:00.000Z"),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_times(text: str, expected: str) -> None:
    """How long ago, or when; UTC where nothing else is said."""
    assert read_time(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "15", "m", "-5m", "99999999d", "999999d", "0001-01-01T00:00+10:00"])
def test_no_times(text: str) -> None:
    """A sentence that shows how to write one."""
    with pytest.raises(CommandError, match="is no time; write 15m"):
        read_time(text, NOW)
