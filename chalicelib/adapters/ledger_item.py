"""A ledger entry as a DynamoDB item: attribute names and types, both ways."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import Compared, Entry, State

Item = Mapping[str, Mapping[str, Any]]

COMPARED = "compared"
"""The key of the one item that is no file: how far landing was compared. Without a state it is in no index."""


def key_of(name: str) -> dict[str, dict[str, str]]:
    """Return the key of a file's item; `name` is bucket and key."""
    return {"file": {"S": name}}


def item_of(values: Mapping[str, str | int | None]) -> dict[str, dict[str, str]]:
    """Return values as an item; what is None is left out."""
    return {name: value_of(value) for name, value in values.items() if value is not None}


def value_of(value: str | int) -> dict[str, str]:
    """Return one value with its type."""
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def entry_of(item: Item) -> Entry:
    """Read an entry."""
    bucket, _, key = item["file"]["S"].partition("/")
    return Entry(
        file=LandedFile(bucket, key, _number(item, "size_bytes"), _text(item, "etag")),
        pipe=item["pipe"]["S"],
        state=State(item["state"]["S"]),
        noticed_at=item["noticed_at"]["S"],
        changed_at=item["changed_at"]["S"],
        submitted_at=_text(item, "submitted_at"),
        attempts=_number(item, "attempts") or 0,
        rows=_number(item, "rows"),
        first_error=_text(item, "first_error"),
        reload_of=_text(item, "reload_of"),
        reloaded_as=_text(item, "reloaded_as"),
    )


def compared_of(item: Item) -> Compared:
    """Read how far landing was compared; nothing yet where there is no item."""
    return Compared(_text(item, "through"), _text(item, "began_at"), _text(item, "after"))


def _text(item: Item, name: str) -> str | None:
    return str(item[name]["S"]) if name in item else None


def _number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
