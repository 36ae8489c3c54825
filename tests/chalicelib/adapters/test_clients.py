"""Clients: patience as it is asked for, and times as botocore reads them."""

import pytest
from botocore.utils import parse_timestamp

from chalicelib.adapters.clients import client, read_time


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:34:56.000Z", "2026-01-31T12:34:56Z", "Sat, 31 Jan 2026 12:34:56 GMT", 1769862896.5, "1769862896"],
)
def test_a_time_is_read_as_botocore_reads_it(text: str | float) -> None:
    """In every form that AWS services write."""
    assert read_time(text) == parse_timestamp(text)
    assert read_time(text).tzinfo is not None


def test_a_client_waits_no_longer_than_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timeouts and tries are ours, and the same client is made once."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config = client("sqs", attempts=2, read_timeout_s=7.0).meta.config
    assert (config.connect_timeout, config.read_timeout) == (1.0, 7.0)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}
    assert client("sqs", attempts=2, read_timeout_s=7.0) is client("sqs", attempts=2, read_timeout_s=7.0)
