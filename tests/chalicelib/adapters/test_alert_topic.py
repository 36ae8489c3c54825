"""The alert topic: people get the message, or we know that they did not."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends

from chalicelib.adapters.alert_topic import AlertTopic


@pytest.fixture
def sns() -> Iterator[Any]:
    """Return a client of an emulated SNS."""
    with mock_aws():
        yield boto3.client("sns", region_name="us-east-1")


def test_an_alert_is_subject_and_json(sns: Any) -> None:
    """The subject made plain and short enough for SNS, the message whole."""
    arn = sns.create_topic(Name="alerts")["TopicArn"]
    message = {"failed": 1, "files": [{"file": "landing/events/é.gz", "first_error": None}]}
    assert AlertTopic(sns, arn).publish("é" * 200, message)
    _, text, subject, *_ = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].topics[arn].sent_notifications[0]
    assert json.loads(text) == message
    assert subject == "?" * 99


def test_an_alert_that_is_not_taken_is_told(sns: Any) -> None:
    """No topic, no alert: the caller must not go on as if there had been one."""
    assert not AlertTopic(sns, f"arn:aws:sns:us-east-1:{DEFAULT_ACCOUNT_ID}:none").publish("s", {})
