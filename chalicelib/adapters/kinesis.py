"""The stream on Kinesis: one PutRecords call, and its answer told per record."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.clients import CALL_S
from chalicelib.core.record import Record
from chalicelib.stages.publish import StreamRefusalError

_HOPELESS = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidArgumentException",
        "InvalidClientTokenId",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
"""Error codes that no retry cures. Source: Kinesis PutRecords, errors; AWS common errors."""


class KinesisStream:
    """One Kinesis data stream; implements the port `Stream`."""

    call_s = CALL_S

    def __init__(self, kinesis: Any, name: str) -> None:
        self._kinesis = kinesis
        self._name = name

    def put(self, records: Sequence[Record]) -> list[bool]:
        """Put at most 500 records in one call; return for each whether Kinesis acknowledged it.

        A call without an answer counts as not confirmed. Raises StreamRefusalError.
        """
        entries = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        try:
            answer = self._kinesis.put_records(StreamName=self._name, Records=entries)
        except ClientError as error:
            if error.response["Error"]["Code"] in _HOPELESS:
                raise StreamRefusalError(str(error)) from error
            return [False] * len(records)
        except BotoCoreError:
            return [False] * len(records)
        return ["ErrorCode" not in entry or entry["ErrorCode"] is None for entry in answer["Records"]]

    def is_active(self) -> bool:
        """Tell whether the stream answers and takes records."""
        try:
            answer = self._kinesis.describe_stream_summary(StreamName=self._name)
        except (ClientError, BotoCoreError):
            return False
        return answer["StreamDescriptionSummary"]["StreamStatus"] in {"ACTIVE", "UPDATING"}
