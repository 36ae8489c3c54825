"""The transform Lambda's entry point: decode, judge, keep what failed, answer, log one line.

boto3 comes from the Lambda runtime; everything else is in this function's own small zip.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.contracts.registry import Registry
from chalicelib.core.dead_letters import DeadLetter, put_all
from chalicelib.core.failed_event import FailedEvent
from chalicelib.core.metrics import dead_letters_by_type, log_line
from chalicelib.core.times import to_text
from firehose_transform.judge import Judge, Verdict
from firehose_transform.protocol import FirehoseAnswer, FirehoseEvent
from firehose_transform.transform import transform

log = logging.getLogger(__name__)

PROCESSOR = "sluice-transform/0.1.0"

_registry = Registry()


def handler(event: FirehoseEvent, _context: object) -> FirehoseAnswer:
    """Answer one Firehose invocation. Never raises because of a record, and remembers nothing."""
    now = datetime.now(UTC)
    judge = Judge(_registry, PROCESSOR, to_text(now))
    verdicts = [judge.judge(record) for record in event["records"]]
    answer = transform(verdicts, _keep)
    facts = _facts(event, verdicts, answer)
    line = log_line("transform", os.environ["SLUICE_DEPLOY_STAGE"], int(now.timestamp() * 1000), facts)
    print(json.dumps(line), flush=True)  # noqa: T201 - Lambda's log is standard output
    return answer


def _keep(failed_events: Sequence[FailedEvent]) -> bool:
    """Store failed events in the dead-letter bucket; tell whether they are safe."""
    bucket = os.environ["SLUICE_DEAD_LETTER_BUCKET"]
    try:
        put_all(failed_events, bucket, partial(_put, bucket))
    except (ClientError, BotoCoreError):
        log.exception("%d failed events not kept; Firehose keeps their records", len(failed_events))
        return False
    return True


def _put(bucket: str, letter: DeadLetter) -> str | None:
    answer = _s3().put_object(Bucket=bucket, Key=letter.key, Body=letter.body, ContentType=letter.content_type)
    version = answer.get("VersionId")
    return None if version is None else str(version)


@cache
def _s3() -> Any:
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("s3", config=config)


def _facts(event: FirehoseEvent, verdicts: Sequence[Verdict], answer: FirehoseAnswer) -> dict[str, Any]:
    results = Counter(entry["result"] for entry in answer["records"])
    failed_events = [failed for verdict in verdicts for failed in verdict.failed]
    return {
        "invocation_id": event["invocationId"],
        "records": len(verdicts),
        "lines": sum(verdict.lines for verdict in verdicts),
        "failed": len(failed_events),
        "ok": results["Ok"],
        "dropped": results["Dropped"],
        "processing_failed": results["ProcessingFailed"],
        "dead_letters": dead_letters_by_type(failed_events),
    }
