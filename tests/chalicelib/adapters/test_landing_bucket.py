"""The landing bucket: what is listed, copied and read is what lies there, whatever its key."""

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from chalicelib.adapters.landing_bucket import LandingBucket
from chalicelib.core.failed_event import StoredPayload
from chalicelib.stages.landing import FileGoneError, LandingUnavailableError

KEY = "events/dt=2026-01-31/a b+%2F é日本.gz"


@pytest.fixture
def s3() -> Iterator[Any]:
    """Return a client of an emulated S3 with a bucket `landing`."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="landing")
        yield client


@pytest.fixture
def landing(s3: Any) -> LandingBucket:
    """Return the bucket."""
    return LandingBucket(s3, "landing")


def test_a_listing_is_in_the_order_of_keys(s3: Any, landing: LandingBucket) -> None:
    """Over pages, under a prefix, from behind a key, keys as they are."""
    s3.meta.events.register("before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=3))
    keys = sorted([KEY, *(f"events/{number}.gz" for number in range(10))])
    for key in [*keys, "spill/x"]:
        s3.put_object(Bucket="landing", Key=key, Body=b"12345")
    listed = list(landing.files("events/"))
    assert [one.file.key for one in listed] == keys
    assert [one.file.key for one in landing.files("events/", "events/6.gz")] == keys[7:]
    assert list(landing.files("weather/")) == []
    assert (listed[0].file.bucket, listed[0].file.size_bytes) == ("landing", 5)
    assert listed[0].file.etag == hashlib.md5(b"12345").hexdigest()  # noqa: S324 - S3's own
    assert listed[0].modified_at.endswith("Z")
    assert len(listed[0].modified_at) == len("2026-01-31T12:00:00.000Z")


def test_a_copy_is_the_same_object(s3: Any, landing: LandingBucket) -> None:
    """Bytes and metadata, twice as well as once."""
    s3.put_object(Bucket="landing", Key=KEY, Body=b"lines", ContentEncoding="gzip", Metadata={"a": "b"})
    for _ in range(2):
        landing.copy(KEY, "events/reload=1/a b+é.gz")
    copied = s3.get_object(Bucket="landing", Key="events/reload=1/a b+é.gz")
    assert (copied["Body"].read(), copied["ContentEncoding"], copied["Metadata"]) == (b"lines", "gzip", {"a": "b"})


@pytest.mark.parametrize("body", [b"", b"lines", b"x" * (2 * 1024 * 1024 + 1)], ids=["empty", "small", "large"])
def test_a_fingerprint_is_that_of_all_bytes(s3: Any, landing: LandingBucket, body: bytes) -> None:
    """Size and SHA-256 of the object as it lies there; a bucket without versions has none."""
    s3.put_object(Bucket="landing", Key=KEY, Body=body)
    stored = StoredPayload("landing", KEY, None, len(body), hashlib.sha256(body).hexdigest())
    assert landing.fingerprint(KEY) == stored


def test_the_version_is_told(s3: Any, landing: LandingBucket) -> None:
    """In a bucket with versions."""
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="landing", Key=KEY, Body=b"x")["VersionId"]
    assert landing.fingerprint(KEY).version_id == version


def test_an_object_that_is_gone_is_no_fault_of_s3(landing: LandingBucket) -> None:
    """Asking again would not help."""
    with pytest.raises(FileGoneError):
        landing.copy(KEY, "events/reload=1/a.gz")
    with pytest.raises(FileGoneError):
        landing.fingerprint(KEY)


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("AccessDenied", 403), ("InternalError", 500)])
def test_every_other_error_means_that_landing_is_away(code: str, status: int) -> None:
    """Asking again may help; of a listing the error itself is told."""
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106
    landing = LandingBucket(s3, "landing")
    with Stubber(s3) as stub:
        for call in ("copy_object", "get_object", "list_objects_v2"):
            stub.add_client_error(call, code, http_status_code=status)
        with pytest.raises(LandingUnavailableError, match=code):
            landing.copy(KEY, "events/reload=1/a.gz")
        with pytest.raises(LandingUnavailableError, match=code):
            landing.fingerprint(KEY)
        with pytest.raises(ClientError, match=code):
            list(landing.files("events/"))


def test_no_connection_means_that_landing_is_away() -> None:
    """Nobody listens there."""
    s3 = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106
        config=boto3.session.Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(LandingUnavailableError):
        LandingBucket(s3, "landing").copy(KEY, "events/reload=1/a.gz")
