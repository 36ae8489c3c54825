"""The dead-letter bucket on S3."""

import logging
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.dead_letters import DeadLetter, put_all
from chalicelib.core.failed_event import FailedEvent

log = logging.getLogger(__name__)


class DeadLetterBucket:
    """One bucket of failed events; implements the port `DeadLetterStore`."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keep(self, failed_events: Sequence[FailedEvent]) -> bool:
        """Store failed events of one stage; tell whether all are safe. An error is logged, not raised."""
        try:
            put_all(failed_events, self._bucket, self._put)
        except (ClientError, BotoCoreError):
            log.exception("failed events NOT kept: %s", ", ".join(failed.id for failed in failed_events[:10]))
            return False
        return True

    def _put(self, letter: DeadLetter) -> str | None:
        """Put one object; return its version id, None in a bucket without versions."""
        answer = self._s3.put_object(
            Bucket=self._bucket, Key=letter.key, Body=letter.body, ContentType=letter.content_type
        )
        version = answer.get("VersionId")
        return None if version is None else str(version)
