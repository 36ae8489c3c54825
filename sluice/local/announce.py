"""Announce a landed file to the load queue once more, in the words that S3 uses."""

from typing import Any
from urllib.parse import quote_plus

import orjson

from chalicelib.core.landing import LandedFile


def announce(sqs: Any, queue_url: str, file: LandedFile) -> None:
    """Send one message as S3 sends it for a new object. Sending it again is harmless."""
    sqs.send_message(QueueUrl=queue_url, MessageBody=announcement(file))


def announcement(file: LandedFile) -> str:
    """Return the message's body; the key in it is URL-encoded. Source: Amazon S3, event message structure."""
    described = {"key": quote_plus(file.key, safe="/"), "size": file.size_bytes, "eTag": file.etag}
    known = {name: value for name, value in described.items() if value is not None}
    record = {"eventSource": "aws:s3", "s3": {"bucket": {"name": file.bucket}, "object": known}}
    return orjson.dumps({"Records": [record]}).decode()
