"""The topic on SNS that tells people what needs them."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger(__name__)

MAX_SUBJECT_CHARACTERS = 99
"""Source: SNS Publish, `Subject`: ASCII, less than 100 characters."""


class AlertTopic:
    """One topic; implements the port `Alerts`."""

    def __init__(self, sns: Any, topic_arn: str) -> None:
        self._sns = sns
        self._topic_arn = topic_arn

    def publish(self, subject: str, message: Mapping[str, Any]) -> bool:
        """Send a message as JSON; tell whether SNS took it. An error is logged, not raised."""
        plain = subject.encode("ascii", "replace").decode()[:MAX_SUBJECT_CHARACTERS]
        text = orjson.dumps(message, option=orjson.OPT_INDENT_2).decode()
        try:
            self._sns.publish(TopicArn=self._topic_arn, Subject=plain, Message=text)
        except (ClientError, BotoCoreError):
            log.exception("alert NOT sent: %s", plain)
            return False
        return True
