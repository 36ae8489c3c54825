"""The ledger of a local run, as an operator reads it: newest first, and by state."""

import heapq
from collections.abc import Collection, Iterator
from typing import Any

from chalicelib.adapters.ledger_item import entry_of
from chalicelib.core.ledger import Entry, State
from sluice.local.audit.stores import Stores

_INDEX = "by_state"


class LedgerView:
    """The ledger through its index by state, page by page. Read-only; the index follows a moment behind."""

    def __init__(self, stores: Stores) -> None:
        self._dynamodb = stores.dynamodb
        self._table = stores.ledger_table

    def newest(self, states: Collection[State], since: str = "") -> Iterator[Entry]:
        """Yield the files in some states that changed since a time (RFC 3339, UTC), the latest change first."""
        by_state = [self._in_state(state, since) for state in states]
        return heapq.merge(*by_state, key=lambda entry: entry.changed_at, reverse=True)

    def counts(self) -> dict[str, int]:
        """Return how many files are in each state."""
        return {state.value: self._count(state) for state in State}

    def _in_state(self, state: State, since: str) -> Iterator[Entry]:
        for page in self._pages(state, since, ScanIndexForward=False):
            yield from map(entry_of, page["Items"])

    def _count(self, state: State) -> int:
        return sum(page["Count"] for page in self._pages(state, "", Select="COUNT"))

    def _pages(self, state: State, since: str, **how: Any) -> Iterator[Any]:
        condition = "#state = :state" + (" AND changed_at >= :since" if since else "")
        values = {":state": {"S": state.value}, **({":since": {"S": since}} if since else {})}
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=values,
            **how,
        )
        return iter(pages)
