"""The landing bucket on S3: listed, read through, and copied within."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.failed_event import StoredPayload
from chalicelib.core.landing import LandedFile
from chalicelib.core.times import to_text
from chalicelib.stages.landing import FileGoneError, LandingUnavailableError, ListedFile

READ_TIMEOUT_S = 30.0
"""For its client: copying 128 MB, as large as Firehose makes them, takes S3 longer than a small call."""

_CHUNK_BYTES = 1024 * 1024
_GONE = frozenset({"NoSuchKey", "404"})


class LandingBucket:
    """One bucket; implements the port `Landing`. Threads may share it."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def files(self, prefix: str, after: str | None = None) -> Iterator[ListedFile]:
        """Yield the files under a prefix in the order of their keys, from behind the key `after`, page by page."""
        place = {"Bucket": self._bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}
        for page in self._s3.get_paginator("list_objects_v2").paginate(**place):
            yield from map(self._listed, page.get("Contents", []))

    def copy(self, key: str, to_key: str) -> None:
        """Copy an object with all its metadata. Raises FileGoneError and LandingUnavailableError."""
        source = {"Bucket": self._bucket, "Key": key}
        with _told_apart(key):
            self._s3.copy_object(Bucket=self._bucket, Key=to_key, CopySource=source)

    def fingerprint(self, key: str) -> StoredPayload:
        """Read an object through, a megabyte at a time. Raises FileGoneError and LandingUnavailableError."""
        digest, size_bytes = hashlib.sha256(), 0
        with _told_apart(key):
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
        return StoredPayload(self._bucket, key, answer.get("VersionId"), size_bytes, digest.hexdigest())

    def _listed(self, described: Any) -> ListedFile:
        file = LandedFile(self._bucket, described["Key"], described["Size"], described["ETag"].strip('"'))
        return ListedFile(file, to_text(described["LastModified"].astimezone(UTC)))


@contextmanager
def _told_apart(key: str) -> Iterator[None]:
    """Tell an object that is gone from a bucket that does not answer."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise FileGoneError(key) from error
        raise LandingUnavailableError(str(error)) from error
    except BotoCoreError as error:
        raise LandingUnavailableError(str(error)) from error
