"""The composition root: puts settings, adapters and stages together, each once a process."""

import os
import time
from functools import cache
from typing import Any

from chalicelib.adapters import clock
from chalicelib.adapters.clients import client
from chalicelib.adapters.dead_letter_bucket import DeadLetterBucket
from chalicelib.adapters.kinesis import KinesisStream
from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.adapters.request_log import RequestLog
from chalicelib.adapters.snowpipe import Snowpipe
from chalicelib.api.posting import Posting
from chalicelib.contracts.registry import Registry
from chalicelib.settings import Settings
from chalicelib.stages.budget import Budget
from chalicelib.stages.collect import Collect
from chalicelib.stages.load import Load, Pipe

VERSION = "0.1.0"

_LONGEST_PUBLISH_S = 10.0
"""A client waits no longer for a throttled stream than this; API Gateway itself gives up after 29 s."""

_RESERVE_S = 2.0
"""What a Lambda keeps for its answer."""


@cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings.from_environment(os.environ)


@cache
def registry() -> Registry:
    """Return the contracts."""
    return Registry()


@cache
def stream() -> KinesisStream:
    """Return the event stream."""
    return KinesisStream(client("kinesis"), settings().stream)


@cache
def posting() -> Posting:
    """Return what answers posts."""
    known = {token.name: token.types for token in settings().tokens}
    return Posting(
        collect=Collect(registry(), f"sluice-collect/{VERSION}", known.get),
        stream=stream(),
        dead_letters=DeadLetterBucket(client("s3", attempts=2), settings().dead_letter_bucket),
        request_log=RequestLog(settings().request_log),
        tokens=settings().tokens,
        new_id=clock.new_id,
        now=clock.now,
    )


@cache
def load() -> Load:
    """Return what loads landed files."""
    pipes = [Pipe(f"{settings().snowflake.database}.RAW.EVENTS_PIPE", "events/")]
    ledger = LedgerTable(client("dynamodb", attempts=3), settings().ledger_table, clock.now)
    return Load(pipes, ledger, Snowpipe(settings().snowflake, _snowflake_key))


def publish_budget(context: Any) -> Budget:
    """Return a post's time budget: what its Lambda has left less a reserve, 10 s at most."""
    return _budget(min(_remaining_s(context), _LONGEST_PUBLISH_S))


def load_budget(context: Any) -> Budget:
    """Return a load's time budget: what its Lambda has left less a reserve."""
    return _budget(_remaining_s(context))


def _remaining_s(context: Any) -> float:
    return float(context.get_remaining_time_in_millis()) / 1000 - _RESERVE_S


def _budget(seconds: float) -> Budget:
    ends_at = time.monotonic() + seconds
    return Budget(lambda: ends_at - time.monotonic())


def _snowflake_key() -> str:
    secret = client("secretsmanager", attempts=3).get_secret_value(SecretId=settings().snowflake.key_secret)
    return str(secret["SecretString"])
