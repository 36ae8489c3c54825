"""S3's announcements of new objects, as they arrive through SQS."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import orjson

from chalicelib.core.landing import LandedFile

_NO_ANNOUNCEMENT = (ValueError, KeyError, TypeError, AttributeError)


class UnreadableMessageError(ValueError):
    """Messages that are no announcement of S3: the queue's redrive moves them aside."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a batch of messages announces: the files, and why each message that is no announcement is none."""

    files: tuple[LandedFile, ...]
    faults: tuple[str, ...]

    def check(self) -> None:
        """Raise UnreadableMessageError if a message could not be read, so that it is not taken for done."""
        if self.faults:
            raise UnreadableMessageError(f"{len(self.faults)} messages announce nothing: {'; '.join(self.faults)}")


def announced(messages: Iterable[Any]) -> Announced:
    """Read a batch of SQS messages; one that cannot be read does not stop its neighbours."""
    files: list[LandedFile] = []
    faults: list[str] = []
    for message in messages:
        try:
            files += list(landed_files([message]))
        except _NO_ANNOUNCEMENT as fault:
            faults.append(f"{type(fault).__name__}: {fault}")
    return Announced(tuple(files), tuple(faults))


def landed_files(messages: Iterable[Any]) -> Iterator[LandedFile]:
    """Yield the objects that SQS messages announce; S3's test message announces none.

    Each message's `body` is an S3 event; keys in it are URL-encoded, with `+` for a space.
    Source: Amazon S3, event message structure.
    """
    for message in messages:
        for record in orjson.loads(message.body).get("Records", []):
            yield _landed_file(record["s3"])


def _landed_file(s3: Any) -> LandedFile:
    described = s3["object"]
    return LandedFile(
        bucket=s3["bucket"]["name"],
        key=unquote_plus(described["key"]),
        size_bytes=described.get("size"),
        etag=described.get("eTag"),
    )
