"""Firehose's buffering hints as a value: what waits, how much, since when. The clock is the caller's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hints:
    """When a buffer is due: at a size, or at an age of its oldest item, whichever is first."""

    max_bytes: int
    interval_s: float
    """0 is Firehose's zero buffering: due as soon as anything is in it."""


@dataclass(frozen=True, slots=True)
class Buffer(Generic[T]):
    """Items in the order they came."""

    hints: Hints
    items: tuple[T, ...] = ()
    size_bytes: int = 0
    opened_s: float = 0.0
    """When the oldest item came in, on a monotonic clock; without meaning while the buffer is empty."""

    def add(self, items: Sequence[T], size_bytes: int, now_s: float) -> "Buffer[T]":
        """Return the buffer with items of `size_bytes` in total behind those it has."""
        return replace(
            self,
            items=(*self.items, *items),
            size_bytes=self.size_bytes + size_bytes,
            opened_s=self.opened_s if self.items else now_s,
        )

    def without_first(self, count: int, size_bytes: int) -> "Buffer[T]":
        """Return the buffer after its first `count` items, of `size_bytes` in total, have left."""
        return replace(self, items=self.items[count:], size_bytes=self.size_bytes - size_bytes)

    def due_in_s(self, now_s: float) -> float | None:
        """Return the seconds until the buffer is due, 0 or less when it is, None while it is empty."""
        if not self.items:
            return None
        return 0.0 if self.size_bytes >= self.hints.max_bytes else self.opened_s + self.hints.interval_s - now_s

    def is_due(self, now_s: float) -> bool:
        """Say whether the hints ask for the buffer to be emptied."""
        due_in_s = self.due_in_s(now_s)
        return due_in_s is not None and due_in_s <= 0
