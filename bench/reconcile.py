"""What reconcile and compare cost over a ledger of 100,000 files: seconds and memory.

    make bench        (starts an emulator of its own)

Each is measured in a process of its own, with the real adapters; only Snowflake is played, and it answers at
once. The emulator is one Python process, so its share of the seconds is large: DynamoDB would be faster.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.adapters import clock
from chalicelib.adapters.alert_topic import AlertTopic
from chalicelib.adapters.clients import client
from chalicelib.adapters.dead_letter_bucket import DeadLetterBucket
from chalicelib.adapters.landing_bucket import READ_TIMEOUT_S, LandingBucket
from chalicelib.adapters.ledger_item import item_of
from chalicelib.adapters.ledger_table import LedgerTable
from chalicelib.adapters.threads import Threads
from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Outcome, Report, State
from chalicelib.core.times import later
from chalicelib.stages.budget import Budget
from chalicelib.stages.compare import Compare
from chalicelib.stages.each import batched
from chalicelib.stages.load import Load
from chalicelib.stages.reconcile import Reconcile
from chalicelib.stages.reports import PipeStatus, WarehouseState
from sluice.local.emulator import ACCOUNT_ID, EmulatorPaths, client_environment, emulator_process, is_ready, prepare
from sluice.local.layout import EMULATOR_PYTHON, ROOT
from sluice.local.ports import free_port

FILES = int(os.environ.get("FILES", "100000"))
UNFINISHED = FILES // 100
BUCKET = "landing"
TABLE = "ledger"
PIPE = Pipe("SLUICE.RAW.EVENTS_PIPE", "events/", "SLUICE.RAW.EVENTS")
BUDGET_S = 118.0
"""What the deployed function has: 120 s less its reserve."""

ALL_OF_THEM_S = -3_600.0
"""The comparison waits for nothing here: the emulator dates objects that it found on disk by the first listing."""

MIB = 1024 * 1024


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
    """Measure three cases and print them."""
    with tempfile.TemporaryDirectory() as home, emulator(Path(home)):
        create_table()
        minutes_ago, hours_ago = later(clock.now(), -300), later(clock.now(), -5 * 3_600)
        note(State.LOADED, hours_ago, range(FILES))
        note(State.SUBMITTED, minutes_ago, range(UNFINISHED))
        show(f"a good minute: {UNFINISHED} of {FILES} files submitted, all reported", "reported")
        show(f"compare: {FILES} files in landing, all in the ledger", "compare")
        note(State.SUBMITTED, minutes_ago, range(FILES))
        show(f"a long queue: {FILES} files submitted, none reported yet", "nowhere")
        note(State.SUBMITTED, hours_ago, range(FILES))
        show(f"the worst: {FILES} files submitted hours ago, found nowhere", "nowhere")


def show(title: str, case: str) -> None:
    """Measure one case in a process of its own and print it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.check_output([sys.executable, __file__, case], env=environment)
    measured = json.loads(answer)
    print(f"{title}\n    {measured['seconds']:.1f} s, {measured['mib']:.0f} MiB   {measured['facts']}", flush=True)


def measure(case: str) -> None:
    """Run one case here; print seconds, the most memory this process ever had, and the facts."""
    run = CASES[case]()
    started = time.monotonic()
    facts = run(Budget(lambda: started + BUDGET_S - time.monotonic()))
    seconds = time.monotonic() - started
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {name: value for name, value in facts.items() if value}
    print(json.dumps({"seconds": seconds, "mib": peak_kib * 1024 / MIB, "facts": told}))


def reconcile(paths: Collection[str]) -> Callable[[Budget], Mapping[str, Any]]:
    """Return a reconcile with the real adapters, and a Snowflake that reports these paths."""
    snowflake = PlayedSnowflake(paths)
    return Reconcile(
        pipes=[PIPE],
        ledger=ledger(),
        ingest=snowflake,
        reports=snowflake,
        history=snowflake,
        landing=LandingBucket(client("s3", attempts=3, read_timeout_s=READ_TIMEOUT_S), BUCKET),
        dead_letters=DeadLetterBucket(client("s3"), BUCKET),
        alerts=AlertTopic(client("sns"), "arn:aws:sns:us-east-1:000000000000:alerts"),
        now=clock.now,
        processor="bench/0",
        each=Threads(16),
    ).run


def compare() -> Callable[[Budget], Mapping[str, Any]]:
    """Return a comparison with the real adapters."""
    load = Load([PIPE], ledger(), PlayedSnowflake(()), Threads(16))
    landing = LandingBucket(client("s3", attempts=3, read_timeout_s=READ_TIMEOUT_S), BUCKET)
    return Compare([PIPE], ledger(), landing, load, clock.now, ALL_OF_THEM_S, Threads(16)).run


CASES = {
    "reported": lambda: reconcile([path(number) for number in range(UNFINISHED)]),
    "nowhere": lambda: reconcile(()),
    "compare": compare,
}


def ledger() -> LedgerTable:
    """Return the ledger."""
    return LedgerTable(client("dynamodb", attempts=3), TABLE, clock.now)


def path(number: int) -> str:
    """Return a file's path under its pipe's prefix, as long as Firehose makes them."""
    return f"dt=2026-01-31/hh={number % 24:02}/sluice-production-events-1-2026-01-31-12-34-56-{number:036}.gz"


@contextmanager
def emulator(home: Path) -> Iterator[None]:
    """Run an emulator whose landing holds all files; let this process's clients talk to it."""
    paths = EmulatorPaths(EMULATOR_PYTHON, home)
    prepare(paths)
    for number in range(FILES):
        file = paths.objects / ACCOUNT_ID / BUCKET / PIPE.prefix / path(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    port = free_port()
    command = emulator_process(paths, port)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command.argv, cwd=command.cwd, env=command.environment(os.environ), **quiet)
    os.environ.update(client_environment(port))
    try:
        while not is_ready(port):
            time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()


def create_table() -> None:
    """Create the ledger as infra/template.yaml does."""
    names = ("file", "state", "changed_at")
    by_state = [{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "changed_at", "KeyType": "RANGE"}]
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "file", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {"IndexName": "by_state", "KeySchema": by_state, "Projection": {"ProjectionType": "ALL"}}
        ],
    )


def note(state: State, at: str, numbers: range) -> None:
    """Put files into the ledger in one state."""
    for batch in batched(numbers, 25):
        requests = [{"PutRequest": {"Item": item(number, state, at)}} for number in batch]
        client("dynamodb").batch_write_item(RequestItems={TABLE: requests})


def item(number: int, state: State, at: str) -> dict[str, dict[str, str]]:
    """Return one file's item, as large as a real one; submitted twice, so that nothing but a copy helps."""
    return item_of(
        {
            "file": f"{BUCKET}/{PIPE.prefix}{path(number)}",
            "state": state,
            "pipe": PIPE.name,
            "noticed_at": at,
            "changed_at": later(at, number / FILES),
            "submitted_at": at,
            "etag": "0cc175b9c0f1b6a831c399e269772661",
            "size_bytes": 5_000_000,
            "attempts": 2,
            "rows": 100 if state == State.LOADED else None,
        }
    )


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
