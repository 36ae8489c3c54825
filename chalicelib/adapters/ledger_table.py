"""The ledger on DynamoDB: one item a landed file, written by conditional updates only."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.stages.load import LandedFile

NOTICED = "noticed"
SUBMITTED = "submitted"

_TO_SUBMITTED = "SET #state = :submitted, submitted_at = :now, changed_at = :now ADD attempts :1"


class LedgerTable:
    """One DynamoDB table with key `file`; implements the port `Ledger`."""

    def __init__(self, dynamodb: Any, table: str, now: Callable[[], str]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._now = now

    def notice(self, file: LandedFile, pipe: str) -> bool:
        """Note a file once; tell whether its state is still noticed."""
        now = self._now()
        item: dict[str, str] = {
            "file": file.name,
            "state": NOTICED,
            "pipe": pipe,
            "noticed_at": now,
            "changed_at": now,
        }
        if file.etag:
            item["etag"] = file.etag
        typed = {name: {"S": value} for name, value in item.items()}
        if file.size_bytes is not None:
            typed["size_bytes"] = {"N": str(file.size_bytes)}
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=typed,
                ConditionExpression="attribute_not_exists(#file)",
                ExpressionAttributeNames={"#file": "file"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return self._state_before(error, file) == NOTICED
        return True

    def mark_submitted(self, file: LandedFile) -> None:
        """Move a file from noticed to submitted; count the attempt. A file further on stays as it is."""
        now = self._now()
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"file": {"S": file.name}},
                UpdateExpression=_TO_SUBMITTED,
                ConditionExpression="#state = :noticed",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":submitted": {"S": SUBMITTED},
                    ":noticed": {"S": NOTICED},
                    ":now": {"S": now},
                    ":1": {"N": "1"},
                },
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise

    def _state_before(self, error: ClientError, file: LandedFile) -> str:
        """Return the state of the item that was there already. Raises any other error again."""
        if not _condition_failed(error):
            raise error
        item = error.response.get("Item") or self._read(file)
        return str(item["state"]["S"])

    def _read(self, file: LandedFile) -> Any:
        key = {"file": {"S": file.name}}
        return self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"]


def _condition_failed(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
