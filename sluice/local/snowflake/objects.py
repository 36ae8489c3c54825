"""Fetches landed files from the S3 endpoint. The only place of the stand-in that talks to S3."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class MissingObjectError(Exception):
    """There is no such object: waiting will not bring it."""


class UnavailableError(Exception):
    """S3 could not answer: the object may be there, try again."""


class ObjectStore:
    """Reads whole objects."""

    def __init__(self, endpoint_url: str) -> None:
        config = Config(
            connect_timeout=2,
            read_timeout=20,
            max_pool_connections=16,
            retries={"max_attempts": 1, "mode": "standard"},  # the loader tries again itself
            s3={"addressing_style": "path"},
        )
        self._client: Any = boto3.client("s3", endpoint_url=endpoint_url, config=config)

    def read(self, bucket: str, key: str) -> bytes:
        """Give an object's bytes as they are stored."""
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key)
            return bytes(answer["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise MissingObjectError(f"Remote file 's3://{bucket}/{key}' was not found.") from None
            raise UnavailableError(str(error)) from error
        except BotoCoreError as error:
            raise UnavailableError(str(error)) from error
