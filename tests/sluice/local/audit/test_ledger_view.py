"""The ledger as an operator reads it: newest first over all states, however many pages there are."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.ledger_item import item_of
from chalicelib.core.ledger import State
from sluice.local.audit.ledger import LedgerView

STATES = list(State)


@pytest.fixture(scope="module")
def view() -> Iterator[LedgerView]:
    """Give a ledger of 24 files whose states take turns, changed one a second; pages hold a few of them."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        text = {"AttributeType": "S"}
        client.create_table(
            TableName="ledger",
            KeySchema=[{"AttributeName": "file", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, **text} for name in ("file", "state", "changed_at")],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_state",
                    "KeySchema": [
                        {"AttributeName": "state", "KeyType": "HASH"},
                        {"AttributeName": "changed_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for number in range(24):
            client.put_item(TableName="ledger", Item=_item(number))
        stores: Any = SimpleNamespace(dynamodb=client, ledger_table="ledger")
        yield LedgerView(stores)


def _item(number: int) -> dict[str, Any]:
    return item_of(
        {
            "file": f"landing/events/{number}.gz",
            "state": STATES[number % len(STATES)],
            "pipe": "PIPE",
            "noticed_at": _at(0),
            "changed_at": _at(number),
            "first_error": "x" * 350_000,  # three of them fill a page: no state fits on one
        }
    )


def _at(second: int) -> str:
    return f"2026-01-31T12:00:{second:02}.000Z"


def _numbers(view: LedgerView, *states: State, since: str = "") -> list[int]:
    return [int(entry.file.key.split("/")[1].split(".")[0]) for entry in view.newest(states, since)]


def test_newest_first(view: LedgerView) -> None:
    """Over all states and pages."""
    assert _numbers(view, *State) == list(range(23, -1, -1))


def test_some_states(view: LedgerView) -> None:
    """Only those, still in order."""
    assert _numbers(view, STATES[1], STATES[4])[:4] == [22, 19, 16, 13]


def test_since(view: LedgerView) -> None:
    """What changed at that time is still shown."""
    assert _numbers(view, *State, since=_at(21)) == [23, 22, 21]


def test_counts(view: LedgerView) -> None:
    """Every state has a number."""
    assert view.counts() == dict.fromkeys((state.value for state in State), 4)
