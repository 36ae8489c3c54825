"""The ledger: one contract, for the fake the stages are tested with and for the table on DynamoDB."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.stages.load import LandedFile, Ledger
from tests.fakes import FakeLedger, numbered_ids

FILE = LandedFile("landing", "events/a.gz", 5, "etag")
OTHER = LandedFile("landing", "events/b.gz")


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Return a client of an emulated DynamoDB with a table `ledger`."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName="ledger",
            KeySchema=[{"AttributeName": "file", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "file", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture(params=["fake", "table"])
def ledger(request: pytest.FixtureRequest, dynamodb: Any) -> Ledger:
    """Return each implementation of the port in turn."""
    return FakeLedger() if request.param == "fake" else LedgerTable(dynamodb, "ledger", numbered_ids())


def test_a_new_file_has_to_be_submitted(ledger: Ledger) -> None:
    """Noting it again before it is submitted says so again."""
    assert ledger.notice(FILE, "pipe")
    assert ledger.notice(FILE, "pipe")


def test_a_submitted_file_is_done(ledger: Ledger) -> None:
    """Noting it once more does not bring it back, and its neighbour is its own file."""
    ledger.notice(FILE, "pipe")
    ledger.mark_submitted(FILE)
    assert not ledger.notice(FILE, "pipe")
    assert ledger.notice(OTHER, "pipe")


def test_marking_twice_changes_nothing(ledger: Ledger) -> None:
    """A state only moves forward."""
    ledger.notice(FILE, "pipe")
    ledger.mark_submitted(FILE)
    ledger.mark_submitted(FILE)
    assert not ledger.notice(FILE, "pipe")


def test_marking_an_unknown_file_does_not_create_it(ledger: Ledger) -> None:
    """What was never noted is noted later as new."""
    ledger.mark_submitted(FILE)
    assert ledger.notice(FILE, "pipe")


def item(dynamodb: Any) -> dict[str, Any]:
    """Return the file's item."""
    return dict(dynamodb.get_item(TableName="ledger", Key={"file": {"S": FILE.name}})["Item"])


def test_an_item_tells_its_story(dynamodb: Any) -> None:
    """File, pipe, size, etag, state, times and attempts; the first notice stays."""
    ledger = LedgerTable(dynamodb, "ledger", numbered_ids())
    ledger.notice(FILE, "pipe")
    ledger.notice(FILE, "other pipe")
    ledger.mark_submitted(FILE)
    ledger.mark_submitted(FILE)
    assert item(dynamodb) == {
        "file": {"S": "landing/events/a.gz"},
        "state": {"S": "submitted"},
        "pipe": {"S": "pipe"},
        "noticed_at": {"S": "id-0"},
        "submitted_at": {"S": "id-2"},
        "changed_at": {"S": "id-2"},
        "etag": {"S": "etag"},
        "size_bytes": {"N": "5"},
        "attempts": {"N": "1"},
    }


def test_a_file_further_on_stays_there(dynamodb: Any) -> None:
    """Later states, which other stages write, are not taken back."""
    ledger = LedgerTable(dynamodb, "ledger", numbered_ids())
    dynamodb.put_item(TableName="ledger", Item={"file": {"S": FILE.name}, "state": {"S": "loaded"}})
    assert not ledger.notice(FILE, "pipe")
    ledger.mark_submitted(FILE)
    assert item(dynamodb)["state"] == {"S": "loaded"}


def test_any_other_error_is_raised(dynamodb: Any) -> None:
    """A missing table is no answer: the message must come again."""
    ledger = LedgerTable(dynamodb, "missing", numbered_ids())
    with pytest.raises(ClientError):
        ledger.notice(FILE, "pipe")
    with pytest.raises(ClientError):
        ledger.mark_submitted(FILE)
