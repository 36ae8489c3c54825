"""`sluice status`: addresses, processes and counts."""

from dataclasses import asdict
from typing import Any

import psutil

from sluice.commands.console import CommandError, console, print_json, print_table
from sluice.commands.running import STORE_ERRORS, running
from sluice.local.audit.counts import counts, legs, offered
from sluice.local.audit.holdings import Holdings
from sluice.local.audit.ledger import LedgerView
from sluice.local.audit.rows import row_counts
from sluice.local.audit.stores import Stores
from sluice.local.audit.survey import take_survey
from sluice.local.faults import FaultFile
from sluice.local.layout import Layout
from sluice.local.run_file import Run
from sluice.local.supervisor import family


def status(*, as_json: bool) -> None:
    """Print the road's status."""
    layout = Layout.from_environment()
    run = running(layout)
    try:
        stores = Stores.of(layout, run)
        found = read_status(layout, run, stores, Holdings(stores))
    except STORE_ERRORS as error:
        raise CommandError(f"a store does not answer: {error}. Logs are in {layout.logs}") from error
    if as_json:
        print_json(found)
    else:
        _show(found)


def read_status(layout: Layout, run: Run, stores: Stores, holdings: Holdings) -> dict[str, Any]:
    """Return all that `status --json` holds. Raises STORE_ERRORS."""
    survey, rows = take_survey(stores, holdings), row_counts(stores.warehouse)
    posted = offered(survey)
    return {
        "api": run.ports.api_url,
        "packaged_api": run.packaged_api,
        "aws_endpoint": run.ports.aws_url,
        "snowflake": stores.warehouse.to_json(),
        "buckets": {"landing": stores.landing_bucket, "dead_letters": stores.dead_letter_bucket},
        "ready_at": run.ready_at,
        "processes": {name: _process(name, process) for name, process in run.living().items()},
        "logs": str(layout.logs),
        "counts": counts(survey, rows, posted),
        "legs": [leg.to_json() for leg in legs(survey, rows, posted)],
        "ledger": LedgerView(stores).counts(),
        "queues": stores.queues(),
        "faults": [asdict(fault) for fault in FaultFile(layout.faults).on()],
    }


def _process(name: str, process: psutil.Process) -> dict[str, int]:
    """Return a process's id and its memory, with what it started; all others were started by the supervisor."""
    members = [process] if name == "supervisor" else family(process)
    return {"pid": process.pid, "memory_mb": sum(map(_memory_bytes, members)) // 1_000_000}


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _show(found: dict[str, Any]) -> None:
    console.out(f"API {found['api']}, ready since {found['ready_at']}; logs in {found['logs']}\n")
    print_table([{"process": name, **process} for name, process in found["processes"].items()])
    console.out()
    failed = {stage: count for stage, count in found["counts"]["dead_lettered"].items() if count}
    counts = {**found["counts"], "dead_lettered": failed or 0}
    print_table([{"count": name, "events": value} for name, value in counts.items()])
    console.out()
    print_table(found["legs"])
    console.out(f"\nledger: {_named(found['ledger'])}; queues: {_named(found['queues'])}")


def _named(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())
