"""The ledger on DynamoDB: one item a landed file, written by conditional updates only.

The index `by_state` (state, changed_at) follows a moment behind: what it names may have changed since, and
the condition of each update decides.
"""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.ledger_item import COMPARED, compared_of, entry_of, item_of, key_of, value_of
from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import FINISHABLE, Compared, Entry, Outcome, State

_PAUSES_S = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Before each try to read the keys that a batch left unprocessed because the table was busy."""

_NOT_TOGETHER = frozenset({"TransactionCanceledException", "TransactionInProgressException"})

Change = dict[str, Any]
"""One conditional update, as UpdateItem and TransactWriteItems both take it."""


class LedgerTable:
    """One DynamoDB table with key `file`; implements the ports `Ledger` of all stages. Threads may share it."""

    def __init__(
        self, dynamodb: Any, table: str, now: Callable[[], str], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._now = now
        self._sleep = sleep

    def notice(self, file: LandedFile, pipe: str, reload_of: str | None = None) -> bool:
        """Note a file once; tell whether its state is still noticed."""
        now = self._now()
        item = item_of(
            {
                "file": file.name,
                "state": State.NOTICED,
                "pipe": pipe,
                "noticed_at": now,
                "changed_at": now,
                "etag": file.etag,
                "size_bytes": file.size_bytes,
                "reload_of": reload_of,
            }
        )
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(#file)",
                ExpressionAttributeNames={"#file": "file"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return self._noticed_before(error, file, reload_of)
        return True

    def mark_submitted(self, files: Sequence[LandedFile]) -> int:
        """Move at most 100 files from noticed to submitted; count the attempt. A file further on stays as it is."""
        return self._write([self._submitted(file, "#state = :before", {":before": State.NOTICED}) for file in files])

    def mark_resubmitted(self, entries: Sequence[Entry]) -> int:
        """Count one more attempt for at most 100 files, but for those that somebody counted since they were read."""
        condition = "#state = :before AND #attempts = :seen"
        return self._write(
            [
                self._submitted(entry.file, condition, {":before": State.SUBMITTED, ":seen": entry.attempts})
                for entry in entries
            ]
        )

    def finish(self, ends: Sequence[tuple[LandedFile, Outcome]]) -> int:
        """Move at most 100 unfinished files to what became of them; return how many moved."""
        return self._write([self._finished(file, outcome) for file, outcome in ends])

    def mark_unknown(self, file: LandedFile, reloaded_as: str) -> bool:
        """Move a submitted file to unknown: its copy is loaded instead. Tell whether it moved."""
        update = "SET #state = :unknown, #changed_at = :now, #reloaded_as = :copy"
        states: dict[str, str | int | None] = {":unknown": State.UNKNOWN, ":submitted": State.SUBMITTED}
        values = {**states, ":now": self._now(), ":copy": reloaded_as}
        return self._update(self._change(file.name, update, "#state = :submitted", values))

    def mark_reloaded(self, file: LandedFile, reloaded_as: str) -> bool:
        """Note which copy is loaded instead of an ended file; its state stays. Tell whether that was new."""
        condition = "attribute_exists(#file) AND attribute_not_exists(#reloaded_as)"
        return self._update(self._change(file.name, "SET #reloaded_as = :copy", condition, {":copy": reloaded_as}))

    def get(self, name: str) -> Entry | None:
        """Return a file's entry, None where there is none; `name` is bucket and key."""
        item = self._read(name)
        return entry_of(item) if item else None

    def in_state(self, state: State, before: str | None = None) -> Iterator[Entry]:
        """Yield the files in a state that came into it before a time, the longest there first. Streams pages."""
        values: dict[str, str | int] = {":state": state, **({":before": before} if before else {})}
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_state",
            KeyConditionExpression="#state = :state" + (" AND #changed_at < :before" if before else ""),
            ExpressionAttributeNames={"#state": "state", **({"#changed_at": "changed_at"} if before else {})},
            ExpressionAttributeValues={name: value_of(value) for name, value in values.items()},
        )
        for page in pages:
            yield from map(entry_of, page["Items"])

    def known(self, names: Collection[str]) -> frozenset[str]:
        """Return those of at most 100 names that the ledger has. Raises TimeoutError when the table stays busy."""
        if not names:
            return frozenset()
        keys = [key_of(name) for name in dict.fromkeys(names)]
        asked = {"Keys": keys, "ProjectionExpression": "#file", "ExpressionAttributeNames": {"#file": "file"}}
        request: Any = {self._table: asked}
        found: set[str] = set()
        for pause_s in _PAUSES_S:
            self._sleep(pause_s)
            answer = self._dynamodb.batch_get_item(RequestItems=request)
            found.update(item["file"]["S"] for item in answer["Responses"].get(self._table, []))
            request = answer.get("UnprocessedKeys")
            if not request:
                return frozenset(found)
        raise TimeoutError(f"the table {self._table} left keys unread {len(_PAUSES_S)} times")

    def compared(self) -> Compared:
        """Return how far landing was compared with the ledger."""
        return compared_of(self._read(COMPARED))

    def mark_compared(self, compared: Compared) -> None:
        """Keep how far landing was compared with the ledger."""
        self._dynamodb.put_item(TableName=self._table, Item=item_of({"file": COMPARED, **asdict(compared)}))

    def _submitted(self, file: LandedFile, condition: str, values: Mapping[str, str | int]) -> Change:
        update = "SET #state = :submitted, #submitted_at = :now, #changed_at = :now ADD #attempts :one"
        common: dict[str, str | int | None] = {":submitted": State.SUBMITTED, ":now": self._now(), ":one": 1}
        return self._change(file.name, update, condition, {**common, **values})

    def _finished(self, file: LandedFile, outcome: Outcome) -> Change:
        update = "SET #state = :state, #changed_at = :now, #rows = :rows"
        if outcome.first_error is not None:
            update += ", #first_error = :first_error"
        values: dict[str, str | int | None] = {f":{state}": state for state in FINISHABLE}
        condition = f"#state IN ({', '.join(values)})"
        values |= {":state": outcome.state, ":now": self._now(), ":rows": outcome.rows}
        return self._change(file.name, update, condition, {**values, ":first_error": outcome.first_error})

    def _change(self, name: str, update: str, condition: str, values: Mapping[str, str | int | None]) -> Change:
        """Return the request for a conditional update. Attributes are written `#name` in update and condition."""
        words = re.findall(r"#(\w+)", f"{update} {condition}")
        return {
            "TableName": self._table,
            "Key": key_of(name),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{word}": word for word in words},
            "ExpressionAttributeValues": item_of(values),
        }

    def _write(self, changes: Sequence[Change]) -> int:
        """Make changes of different files, together in one call if all conditions hold; return how many were made.

        A call costs far more than an item in it. If one condition does not hold, none is made so, and each alone.
        """
        changes = list({change["Key"]["file"]["S"]: change for change in changes}.values())
        if len(changes) > 1 and self._update_together(changes):
            return len(changes)
        return sum(map(self._update, changes))

    def _update_together(self, changes: Sequence[Change]) -> bool:
        try:
            self._dynamodb.transact_write_items(TransactItems=[{"Update": change} for change in changes])
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_TOGETHER:
                raise
            return False
        return True

    def _update(self, change: Change) -> bool:
        """Make one change if its condition holds; tell whether it did."""
        try:
            self._dynamodb.update_item(**change)
        except ClientError as error:
            if not _condition_failed(error):
                raise
            return False
        return True

    def _noticed_before(self, error: ClientError, file: LandedFile, reload_of: str | None) -> bool:
        """Tell whether the item that was there already is still noticed. Raises any other error again."""
        if not _condition_failed(error):
            raise error
        item = error.response.get("Item") or self._read(file.name)
        if reload_of and "reload_of" not in item:
            missing = "attribute_exists(#file) AND attribute_not_exists(#reload_of)"
            self._update(self._change(file.name, "SET #reload_of = :original", missing, {":original": reload_of}))
        return bool(item["state"]["S"] == State.NOTICED)

    def _read(self, name: str) -> Any:
        answer = self._dynamodb.get_item(TableName=self._table, Key=key_of(name), ConsistentRead=True)
        return answer.get("Item", {})


def _condition_failed(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
