"""The spill on S3: what is listed, what is read, and failures that are told."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from chalicelib.adapters.spill_bucket import SpillBucket
from chalicelib.core.spill import Spill

SPILL = Spill("spill/v1/dt=2026-01-31/hh=12/a-1.ndjson.gz", b"body")


@pytest.fixture
def s3() -> Iterator[Any]:
    """Return a client of an emulated S3 with a bucket `landing`."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="landing")
        yield client


def test_a_listing_holds_more_than_a_page(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object under the prefix with its size and time; no other prefix, no console's folder."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        s3.put_object(Bucket="landing", Key=f"spill/v1/{number}", Body=b"x" * number)
    for key in ("events/a.gz", "spill/v1/", "spill/v2/a"):
        s3.put_object(Bucket="landing", Key=key, Body=b"")
    stored = SpillBucket(s3, "landing").stored()
    assert [(spill.key, spill.size_bytes) for spill in stored] == [(f"spill/v1/{n}", n) for n in range(5)]
    assert all(spill.stored_s > 1_700_000_000 for spill in stored)


def test_more_objects_go_than_a_call_takes(s3: Any) -> None:
    """DeleteObjects takes a thousand keys."""
    keys = [f"spill/v1/{number:04}" for number in range(1_001)]
    for key in keys[-2:]:
        s3.put_object(Bucket="landing", Key=key, Body=b"")
    spills = SpillBucket(s3, "landing")
    assert spills.delete(keys) == keys
    assert spills.stored() == []
    assert spills.delete([]) == []


def test_a_bucket_that_fails_is_told_and_logged(s3: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not kept is False and an error, not read is None, not deleted is still there; nothing is raised."""
    missing = SpillBucket(s3, "missing")
    with caplog.at_level(logging.WARNING):
        assert not missing.keep(SPILL)
        assert missing.read([SPILL.key]) == [None]
        assert missing.delete([SPILL.key]) == []
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "WARNING"]
    assert SPILL.key in caplog.records[0].getMessage()


def test_a_listing_that_fails_is_raised(s3: Any) -> None:
    """An empty spill and one that cannot be seen are not the same."""
    with pytest.raises(ClientError):
        SpillBucket(s3, "missing").stored()


class UnwillingS3:
    """A client that refuses one key of a deletion, and answers nothing else."""

    class exceptions:  # noqa: N801 - botocore's own name
        """The errors of the service."""

        NoSuchKey = type("NoSuchKey", (Exception,), {})

    def delete_objects(self, **_arguments: Any) -> Any:
        """Answer."""
        return {"Errors": [{"Key": "b", "Code": "InternalError"}]}

    def get_object(self, **_arguments: Any) -> Any:
        """Fail."""
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    put_object = get_object


def test_a_key_that_is_not_deleted_is_not_gone(caplog: pytest.LogCaptureFixture) -> None:
    """Each key of a deletion has its own verdict."""
    with caplog.at_level(logging.WARNING):
        assert SpillBucket(UnwillingS3(), "landing").delete(["a", "b", "c"]) == ["a", "c"]
    assert "InternalError" in caplog.text


def test_a_network_that_fails_is_told() -> None:
    """No connection: not kept, not read."""
    spills = SpillBucket(UnwillingS3(), "landing")
    assert not spills.keep(SPILL)
    assert spills.read(["a"]) == [None]
