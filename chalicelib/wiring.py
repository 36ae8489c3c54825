"""The composition root: puts settings, adapters and stages together, each once a process."""

import os
import time
from functools import cache
from typing import Any

from chalicelib.adapters import clock
from chalicelib.adapters.alert_topic import AlertTopic
from chalicelib.adapters.batch_log import BatchLog
from chalicelib.adapters.clients import client
from chalicelib.adapters.dead_letter_bucket import DeadLetterBucket
from chalicelib.adapters.kinesis import KinesisStream
from chalicelib.adapters.landing_bucket import READ_TIMEOUT_S, LandingBucket
from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.adapters.snowflake_sql import SnowflakeSql
from chalicelib.adapters.snowpipe import Snowpipe
from chalicelib.adapters.spill_bucket import ATTEMPTS, SpillBucket
from chalicelib.adapters.threads import Threads
from chalicelib.api.posting import Posting
from chalicelib.contracts.registry import Registry
from chalicelib.core.landing import Pipe, pipes_of
from chalicelib.settings import Settings
from chalicelib.stages.budget import Budget
from chalicelib.stages.collect import Collect
from chalicelib.stages.compare import Compare
from chalicelib.stages.drain import Drain
from chalicelib.stages.load import Load
from chalicelib.stages.reconcile import Reconcile
from chalicelib.stages.spill import Delivery

VERSION = "0.1.0"

_RESERVE_S = 2.0
"""What a Lambda keeps for its answer."""

_THREADS = Threads(16)
"""How many calls about single files are under way at once."""


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
        delivery=Delivery(stream(), spill_bucket() if settings().spill else None),
        dead_letters=dead_letters(),
        request_log=BatchLog("request", settings().deploy_stage, settings().request_log),
        tokens=settings().tokens,
        new_id=clock.new_id,
        now=clock.now,
    )


@cache
def drain() -> Drain:
    """Return what puts spilled lines on the stream."""
    return Drain(spill_bucket(), stream(), time.time)


@cache
def load() -> Load:
    """Return what loads landed files."""
    return Load(pipes(), ledger(), snowpipe(), each=_THREADS)


@cache
def reconcile() -> Reconcile:
    """Return what finds out what became of every file."""
    return Reconcile(
        pipes=pipes(),
        ledger=ledger(),
        ingest=snowpipe(),
        reports=snowpipe(),
        history=SnowflakeSql(settings().snowflake, _snowflake_key),
        landing=landing(),
        dead_letters=dead_letters(),
        alerts=AlertTopic(client("sns", attempts=2), settings().alert_topic),
        now=clock.now,
        processor=f"sluice-reconcile/{VERSION}",
        times=settings().times,
        each=_THREADS,
    )


@cache
def compare() -> Compare:
    """Return what finds the files that nobody announced."""
    after_s = settings().times.compare_after_s
    return Compare(pipes(), ledger(), landing(), load(), clock.now, compare_after_s=after_s, each=_THREADS)


@cache
def log(name: str) -> BatchLog:
    """Return the log of one function: a line a batch."""
    return BatchLog(name, settings().deploy_stage)


@cache
def pipes() -> tuple[Pipe, ...]:
    """Return the pipes, each the only way in for its prefix of landing."""
    return pipes_of(settings().snowflake.database)


@cache
def dead_letters() -> DeadLetterBucket:
    """Return where failed events are kept."""
    return DeadLetterBucket(client("s3", attempts=2), settings().dead_letter_bucket)


@cache
def landing() -> LandingBucket:
    """Return the bucket that files land in."""
    s3 = client("s3", attempts=3, read_timeout_s=READ_TIMEOUT_S)
    return LandingBucket(s3, settings().landing_bucket)


@cache
def ledger() -> LedgerTable:
    """Return the memory of every landed file."""
    return LedgerTable(client("dynamodb", attempts=3), settings().ledger_table, clock.now)


@cache
def snowpipe() -> Snowpipe:
    """Return Snowpipe's REST calls."""
    return Snowpipe(settings().snowflake, _snowflake_key)


@cache
def spill_bucket() -> SpillBucket:
    """Return where lines wait that the stream did not take."""
    return SpillBucket(client("s3", attempts=ATTEMPTS), settings().landing_bucket)


def work_budget(context: Any) -> Budget:
    """Return a call's time budget: what its Lambda has left less a reserve."""
    return _budget(_remaining_s(context))


def _remaining_s(context: Any) -> float:
    return float(context.get_remaining_time_in_millis()) / 1000 - _RESERVE_S


def _budget(seconds: float) -> Budget:
    ends_at = time.monotonic() + seconds
    return Budget(lambda: ends_at - time.monotonic())


def _snowflake_key() -> str:
    secret = client("secretsmanager", attempts=3).get_secret_value(SecretId=settings().snowflake.key_secret)
    return str(secret["SecretString"])
