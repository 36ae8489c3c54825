"""The ledger as an operator reads it: newest first over all states, however many pages there are."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.ledger_item import item_of
from chalicelib.core.ledger import State
from sluice.local.ledger import LedgerView

STATES = list(State)


@pytest.fixture(scope="module")
def view() -> Iterator[LedgerView]:
    """Give a ledger of sixty files whose states take turns, changed one a second; pages hold a few of them."""
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
        for number in range(60):
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
            "first_error": "x" * 300_000,  # four of them fill a page
        }
    )


def _at(second: int) -> str:
    return f"2026-01-31T12:00:{second:02}.000Z"


def _numbers(view: LedgerView, *states: State, since: str = "") -> list[int]:
    return [int(entry.file.key.split("/")[1].split(".")[0]) for entry in view.newest(states, since)]


def test_newest_first(view: LedgerView) -> None:
    """Over all states and pages."""
    assert _numbers(view, *State) == list(range(59, -1, -1))


def test_some_states(view: LedgerView) -> None:
    """Only those, still in order."""
    assert _numbers(view, STATES[1], STATES[4])[:4] == [58, 55, 52, 49]


def test_since(view: LedgerView) -> None:
    """What changed at that time is still shown."""
    assert _numbers(view, *State, since=_at(57)) == [59, 58, 57]


def test_counts(view: LedgerView) -> None:
    """Every state has a number."""
    assert view.counts() == dict.fromkeys((state.value for state in State), 10)
