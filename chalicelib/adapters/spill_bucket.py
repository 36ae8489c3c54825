"""The spill on S3: objects under `spill/v1/` in landing, which no notification announces."""

import logging
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.clients import CALL_S
from chalicelib.adapters.threads import Threads
from chalicelib.core.spill import PREFIX, Spill, StoredSpill

log = logging.getLogger(__name__)

ATTEMPTS = 2
"""Of each call, the first one counted: what the client given to SpillBucket must be made with."""

_LONGEST_BACKOFF_S = 1.0
"""Before the second attempt. Source: botocore, retries, mode standard."""

_READERS = 16
"""Objects read at once. Many are small, and each takes as long as a way to S3 and back."""

_KEYS_PER_DELETE = 1_000
"""Source: Amazon S3, DeleteObjects."""


class SpillBucket:
    """The spill in one bucket; implements the ports `SpillStore` and `Spills`."""

    put_s = ATTEMPTS * CALL_S + _LONGEST_BACKOFF_S

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keep(self, spill: Spill) -> bool:
        """Put one object; tell whether it is safe. An error is logged, not raised."""
        try:
            self._s3.put_object(Bucket=self._bucket, Key=spill.key, Body=spill.body, ContentType="application/x-ndjson")
        except (ClientError, BotoCoreError):
            log.exception("lines NOT spilled: %s", spill.key)
            return False
        return True

    def stored(self) -> list[StoredSpill]:
        """List every object but a console's empty "folders". Raises what boto3 raises."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX)
        return [
            StoredSpill(entry["Key"], entry["Size"], entry["LastModified"].timestamp())
            for page in pages
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/")
        ]

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Read objects side by side, None for each that is gone or could not be read, which is logged."""
        return Threads(_READERS)(self._read, keys)

    def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete objects; return which are gone. An error is logged, not raised."""
        chunks = [keys[start : start + _KEYS_PER_DELETE] for start in range(0, len(keys), _KEYS_PER_DELETE)]
        return [key for chunk in chunks for key in self._delete(chunk)]

    def _read(self, key: str) -> bytes | None:
        try:
            return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except self._s3.exceptions.NoSuchKey:
            return None  # another drain was faster
        except (ClientError, BotoCoreError) as fault:
            log.warning("a spill is left for the next drain, reading it failed: %s: %s", key, fault)
            return None

    def _delete(self, keys: Sequence[str]) -> list[str]:
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        try:
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete=objects)
        except (ClientError, BotoCoreError) as fault:
            log.warning("%d drained spills are not deleted, their lines will come again: %s", len(keys), fault)
            return []
        faults = {error["Key"]: error.get("Code") for error in answer.get("Errors", [])}
        if faults:
            log.warning("drained spills are not deleted, their lines will come again: %s", faults)
        return [key for key in keys if key not in faults]
