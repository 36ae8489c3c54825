"""S3's announcements of new objects, as they arrive through SQS."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_plus

import orjson

from chalicelib.core.landing import LandedFile


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
