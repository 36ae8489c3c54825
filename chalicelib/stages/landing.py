"""Landing, as the stages see it: files are listed, read through once for their fingerprint, and copied."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.failed_event import StoredPayload
from chalicelib.core.landing import LandedFile


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as landing lists it; `modified_at` is RFC 3339 in UTC."""

    file: LandedFile
    modified_at: str


class Landing(Protocol):
    """One bucket of landed files. `copy` and `fingerprint` raise FileGoneError and LandingUnavailableError."""

    def files(self, prefix: str, after: str | None = None) -> Iterator[ListedFile]:
        """Yield the files under a prefix in the order of their keys, from behind the key `after`. Streams."""

    def copy(self, key: str, to_key: str) -> None:
        """Copy an object within landing; doing it again changes nothing."""

    def fingerprint(self, key: str) -> StoredPayload:
        """Read an object through and return where it lies, its size and its fingerprint."""


class FileGoneError(Exception):
    """The object is no longer in landing."""


class LandingUnavailableError(Exception):
    """Landing did not answer; asking again later is safe."""
