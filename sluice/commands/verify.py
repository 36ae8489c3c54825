"""`sluice verify`: hold the promises against what the stores hold."""

import sys
import time

from sluice.commands.console import console, print_json, print_table
from sluice.commands.running import running
from sluice.deploy.stack import stack_outputs
from sluice.local.evidence import Evidence, Stores
from sluice.local.layout import Layout
from sluice.local.run_file import Run
from sluice.local.stack import INFRA_STACK, clients
from sluice.local.verify import Breach, breaches
from sluice.local.warehouse import Warehouse

_PAUSE_S = 1.0
_SHOWN = 50


def verify(*, wait_s: float, as_json: bool) -> None:
    """Print every missing or double line, exit 1 if there is one. What is under way is waited for."""
    layout = Layout.from_environment()
    stores = _stores(layout, running(layout))
    ends_at = time.monotonic() + wait_s
    while True:
        evidence = stores.evidence()
        found = breaches(evidence)
        if not found or time.monotonic() > ends_at:
            break
        time.sleep(_PAUSE_S)
    _report(evidence, found, as_json=as_json)
    if found:
        sys.exit(1)


def _report(evidence: Evidence, found: list[Breach], *, as_json: bool) -> None:
    counts = {
        "accepted": sum(evidence.accepted.values()),
        "raw": len(evidence.raw),
        "core": evidence.core.total(),
        "missing": sum(breach.kind == "missing" for breach in found),
        "double": sum(breach.kind == "double" for breach in found),
    }
    if as_json:
        print_json({**counts, "breaches": [breach.to_json() for breach in found]})
        return
    if found:
        print_table([breach.to_json() for breach in found[:_SHOWN]])
        console.out()
    console.out(", ".join(f"{count} {name}" for name, count in counts.items()))


def _stores(layout: Layout, run: Run) -> Stores:
    client = clients(run.ports.aws)
    outputs = stack_outputs(client("cloudformation"), INFRA_STACK)
    return Stores(
        request_log=layout.request_log,
        kinesis=client("kinesis"),
        stream=outputs["StreamName"],
        s3=client("s3"),
        landing_bucket=outputs["LandingBucket"],
        dead_letter_bucket=outputs["DeadLetterBucket"],
        warehouse=Warehouse.of(run.ports),
    )
