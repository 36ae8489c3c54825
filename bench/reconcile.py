"""What reconcile and compare cost over a ledger of 100,000 files: seconds and memory.

    make bench

Each is measured in a process of its own, with the real adapters and boto3. AWS is played by another process
(`played_aws.py`), Snowflake in the same one; it answers at once.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import played_aws

from chalicelib.adapters import clock
from chalicelib.adapters.alert_topic import AlertTopic
from chalicelib.adapters.clients import client
from chalicelib.adapters.dead_letter_bucket import DeadLetterBucket
from chalicelib.adapters.landing_bucket import READ_TIMEOUT_S, LandingBucket
from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.adapters.threads import Threads
from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Outcome, Report, State
from chalicelib.core.times import later
from chalicelib.stages.budget import Budget
from chalicelib.stages.compare import Compare
from chalicelib.stages.load import Load
from chalicelib.stages.reconcile import Reconcile
from chalicelib.stages.reports import PipeStatus, WarehouseState
from sluice.local.emulator import client_environment
from sluice.local.layout import ROOT
from sluice.local.ports import ADDRESS, free_port

FILES = int(os.environ.get("FILES", "100000"))
REPORTED = FILES // 10
"""As many as insertReport holds. Source: Snowpipe REST API."""

PIPE = Pipe(played_aws.PIPE, played_aws.PREFIX, "SLUICE.RAW.EVENTS")
PLAYED_AWS = str(Path(__file__).with_name("played_aws.py"))
BUDGET_S = 118.0
"""What the deployed function has: 120 s less its reserve."""

KIB_PER_MIB = 1024
"""Linux tells the most memory a process ever had in KiB."""


class PlayedSnowflake:
    """Snowflake that takes every file, and reports every file as loaded or none at all."""

    def __init__(self, paths: Collection[str]) -> None:
        self._outcomes = {path: Outcome(State.LOADED, 100) for path in paths}

    def submit(self, pipe: str, files: Mapping[str, int | None], budget: Budget) -> None:
        """Take files."""

    def recent(self, pipe: str, budget: Budget) -> Report:
        """Report them."""
        return Report(complete=True, outcomes=self._outcomes)

    def between(self, pipe: str, start: str, end: str, budget: Budget) -> Report:
        """Know no more."""
        return Report(complete=True, outcomes={})

    def copied(self, pipe: Pipe, paths: Collection[str], since: str) -> Mapping[str, Outcome]:
        """Know no more."""
        return {}

    def rows_in_raw(self, pipe: Pipe, paths: Collection[str]) -> Mapping[str, int]:
        """Know no more."""
        return {}

    def pipe_status(self, pipe: str) -> PipeStatus:
        """Run."""
        return PipeStatus(running=True)

    def warehouse_state(self) -> WarehouseState:
        """Be well."""
        return WarehouseState((), 0.0)


def main() -> None:
    """Measure each case and print it."""
    minutes_ago, hours_ago = later(clock.now(), -300), later(clock.now(), -5 * 3_600)
    show(f"compare: {FILES} files in landing, all in the ledger", "compare", State.LOADED, hours_ago)
    show(f"reconcile: {FILES} files submitted, {REPORTED} reported", "reported", State.SUBMITTED, minutes_ago)
    show(f"reconcile: {FILES} files submitted, none reported", "nowhere", State.SUBMITTED, minutes_ago)
    show(f"the worst: {FILES} files found nowhere, each to be copied", "nowhere", State.SUBMITTED, hours_ago)


def show(title: str, case: str, state: State, noticed_at: str) -> None:
    """Measure one case in a process of its own and print it."""
    with aws(state, noticed_at):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        measured = json.loads(subprocess.check_output([sys.executable, __file__, case], env=environment))
    used = f"{measured['seconds']:.1f} s ({measured['cpu_s']:.1f} s of processor), {measured['mib']:.0f} MiB"
    print(f"{title}\n    {used}   {measured['facts']}", flush=True)


def measure(case: str) -> None:
    """Run one case here; print seconds, the most memory this process ever had, and the facts."""
    run = CASES[case]()
    started = time.monotonic()
    facts = run(Budget(lambda: started + BUDGET_S - time.monotonic()))
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {name: value for name, value in facts.items() if value}
    cpu_s = used.ru_utime + used.ru_stime
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "mib": used.ru_maxrss / KIB_PER_MIB, "facts": told}))


def reconcile(paths: Collection[str]) -> Callable[[Budget], Mapping[str, Any]]:
    """Return a reconcile with the real adapters, and a Snowflake that reports these paths."""
    snowflake = PlayedSnowflake(paths)
    return Reconcile(
        pipes=[PIPE],
        ledger=ledger(),
        ingest=snowflake,
        reports=snowflake,
        history=snowflake,
        landing=LandingBucket(client("s3", attempts=3, read_timeout_s=READ_TIMEOUT_S), played_aws.BUCKET),
        dead_letters=DeadLetterBucket(client("s3"), played_aws.BUCKET),
        alerts=AlertTopic(client("sns"), "arn:aws:sns:us-east-1:000000000000:alerts"),
        now=clock.now,
        processor="bench/0",
        each=Threads(16),
    ).run


def compare() -> Callable[[Budget], Mapping[str, Any]]:
    """Return a comparison with the real adapters."""
    load = Load([PIPE], ledger(), PlayedSnowflake(()), Threads(16))
    landing = LandingBucket(client("s3", attempts=3, read_timeout_s=READ_TIMEOUT_S), played_aws.BUCKET)
    return Compare([PIPE], ledger(), landing, load, clock.now, each=Threads(16)).run


CASES = {
    "reported": lambda: reconcile([played_aws.path(number) for number in range(REPORTED)]),
    "nowhere": lambda: reconcile(()),
    "compare": compare,
}


def ledger() -> LedgerTable:
    """Return the ledger."""
    return LedgerTable(client("dynamodb", attempts=3), played_aws.TABLE, clock.now)


@contextmanager
def aws(state: State, noticed_at: str) -> Iterator[None]:
    """Play AWS with every file in landing and in one state in the ledger; let the measured process talk to it."""
    port = free_port()
    argv = [sys.executable, PLAYED_AWS, str(port), str(FILES), state, noticed_at]
    process = subprocess.Popen(argv)
    os.environ.update(client_environment(port))
    try:
        while not _is_there(port):
            time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()


def _is_there(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) == 0


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
