"""`sluice verify`: hold the promises against what the stores hold."""

import sys
import time

from sluice.commands.console import console, print_json, print_table
from sluice.commands.running import running
from sluice.local.evidence import Evidence, read_evidence
from sluice.local.layout import Layout
from sluice.local.stores import Stores
from sluice.local.verify import Breach, breaches

_PAUSE_S = 1.0
_SHOWN = 50


def verify(*, wait_s: float, as_json: bool) -> None:
    """Print every missing or double line, exit 1 if there is one. What is under way is waited for."""
    layout = Layout.from_environment()
    stores = Stores.of(layout, running(layout))
    ends_at = time.monotonic() + wait_s
    while True:
        evidence = read_evidence(stores)
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
