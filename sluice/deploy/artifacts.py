"""Zips put where CloudFormation finds them, named after their content: none is ever overwritten."""

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError


def upload(s3: Any, bucket: str, archive: Path) -> str:
    """Put a content-named archive into `bucket` unless it is there already; return its key."""
    if not _exists(s3, bucket, archive.name):
        s3.upload_file(str(archive), bucket, archive.name)
    return archive.name


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise
    return True
