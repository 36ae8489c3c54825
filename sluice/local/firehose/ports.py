"""What the engine needs of the world. The real ones are in `aws`, the tests bring their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sluice.local.firehose.records import Record


class UnreachableError(Exception):
    """A service didn't do what was asked and may do so later: nothing is lost, try again."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard of the source and the shards it was split or merged from."""

    shard_id: str
    parents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """What one read of a shard brought."""

    records: tuple[Record, ...]
    behind: bool = False
    """There is more to read already."""
    ended: bool = False
    """The shard is closed and was read to its end."""


class Source(Protocol):
    """A Kinesis stream. Both methods raise `UnreachableError`."""

    def shards(self) -> Sequence[Shard]:
        """Return every shard that can be read."""

    def read(self, shard_id: str, after: str | None) -> Page:
        """Return the records after a sequence number, or from the oldest there is."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A function that was asked and gave no answer: it raised, ran out of time or was throttled."""

    error_code: str
    message: str


class Function(Protocol):
    """The transform Lambda."""

    def invoke(self, event: bytes) -> bytes | Refusal:
        """Return the function's answer, JSON text; raise `UnreachableError` when it could not be asked."""


class Destination(Protocol):
    """The S3 bucket."""

    def put_once(self, key: str, body: bytes) -> None:
        """Put an object unless the key exists already; raise `UnreachableError` when that isn't certain."""


class Log(Protocol):
    """Where the engine says what it did: counts and keys, never payloads."""

    def __call__(self, event: str, **fields: object) -> None:
        """Write one line."""
