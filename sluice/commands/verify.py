"""`sluice verify`: hold the promises against what the stores hold."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sluice.commands.console import CommandError, console, print_json, print_table
from sluice.commands.running import STORE_ERRORS, running
from sluice.local.audit.counts import offered
from sluice.local.audit.evidence import Evidence, evidence_reader
from sluice.local.audit.stores import Stores
from sluice.local.audit.verify import KINDS, Breach, breaches, is_under_way, lasting
from sluice.local.layout import Layout

_PAUSE_S = 1.0
_SHOWN = 50

Read = Callable[[], Evidence]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what is under way, and for a store that does not answer."""

    wait_s: float
    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def settle(self, read: Read) -> tuple[Evidence, list[Breach]]:
        """Read until nothing is under way any more, or the time is over; return the last evidence and what stands.

        What may still be on its way is only held against the road when a second read, a pause later, finds it again.
        Raises CommandError when a store does not answer to the end.
        """
        ends_at = self.now_s() + self.wait_s
        evidence = self._read(read, ends_at)
        found = breaches(evidence)
        while any(map(is_under_way, found)) or evidence.survey.lines.waiting:
            self.sleep(_PAUSE_S)
            evidence = self._read(read, ends_at)
            found = lasting(found, breaches(evidence))
            if self.now_s() >= ends_at:
                break
        return evidence, found

    def _read(self, read: Read, ends_at: float) -> Evidence:
        while True:
            try:
                return read()
            except STORE_ERRORS as error:
                if self.now_s() >= ends_at:
                    raise CommandError(f"a store does not answer: {error}. Look at bin/sluice status") from error
            self.sleep(_PAUSE_S)


def verify(*, wait_s: float, as_json: bool) -> None:
    """Print every breach, exit 1 if there is one, or if lines still wait in the spill. What is under way is awaited."""
    layout = Layout.from_environment()
    run = running(layout)
    evidence, found = Patience(wait_s).settle(evidence_reader(Stores.of(layout, run)))
    _report(evidence, found, as_json=as_json)
    if found or evidence.survey.lines.waiting:
        sys.exit(1)


def _report(evidence: Evidence, found: list[Breach], *, as_json: bool) -> None:
    kinds = Counter(breach.kind for breach in found)
    counts = {
        "accepted": offered(evidence.survey).accepted,
        "raw": len(evidence.survey.lines.raw),
        "core": evidence.rows_in_core,
        "spilled": len(evidence.survey.lines.waiting),
        **{kind: kinds[kind] for kind in KINDS},
    }
    if as_json:
        print_json({**counts, "breaches": [breach.to_json() for breach in found]})
        return
    if found:
        print_table([breach.to_json() for breach in found[:_SHOWN]])
        console.out(f"… and {len(found) - _SHOWN} more: see --json\n" if len(found) > _SHOWN else "")
    console.out(", ".join(f"{count} {name}" for name, count in counts.items()))
