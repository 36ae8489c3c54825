"""A new version for a running road: stacks first, then the processes that run the checkout's own code.

Nothing under way is lost. A function's workers are replaced while they work: SQS and Firehose ask again, and a
post to the packaged API fails before it is accepted. The local API finishes what it has before it stops.
"""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil

from sluice.local.layout import Layout
from sluice.local.ports import accepts
from sluice.local.road import Road
from sluice.local.run_file import Run, change_run, read_run
from sluice.local.stack import LocalStack, Report, infra_outputs, replace_workers
from sluice.local.turns import one_at_a_time
from sluice.local.warming import warm

_RESTART_TIMEOUT_S = 60.0
_POLL_S = 0.05


class NotRestartedError(Exception):
    """A process that was asked to stop did not come back."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A deploy to one run that is ready."""

    layout: Layout
    before: Run

    def run(self, report: Report, *, force: bool) -> list[str]:
        """Deploy; return the names of variables that the local API will only see after `down` and `up`.

        With `force` every worker is replaced, even by one of the same code. Two deploys take turns.
        Raises NotRestartedError, and what building, packaging and deploying raise.
        """
        with one_at_a_time(self.layout.build):
            stack = self._deploy(report)
            if force:
                report("replacing the Lambda workers")
                replace_workers(stack, self.before.ports.aws)
            report("warming the Lambda workers")
            warm(stack, self.before.ports.aws)
            change_run(self.layout.run_file, lambda run: replace(run, packaged_api=stack.api_url), self.before)
            stale = self._stale(stack)
            report("restarting the Firehose engine and the API")
            self._restart("firehose", lambda: True)
            self._restart("api", lambda: accepts(self.before.ports.api))
            return stale

    def _deploy(self, report: Report) -> LocalStack:
        """Bring the warehouse to its new state, then the stacks: new code may need new tables."""
        road = Road(self.layout, self.before.ports)
        report("applying snowflake/*.sql")
        road.migrate(infra_outputs(self.before.ports.aws))
        return road.deploy(self.layout.private_key.read_text(), report)

    def _stale(self, stack: LocalStack) -> list[str]:
        """Return what differs in the local API's environment, which its supervisor gives it again."""
        api = self.before.living().get("api")
        given = api.environ() if api else {}
        return sorted(name for name, value in stack.environment.items() if given.get(name, value) != value)

    def _restart(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Ask a process to stop; its supervisor starts it again, from the checkout as it is now."""
        run = read_run(self.layout.run_file) or self.before
        if process := run.processes[name].find():
            _ask_to_stop(process)
        ends_at = time.monotonic() + _RESTART_TIMEOUT_S
        while not (self._is_another(name, run) and is_ready()):
            if time.monotonic() > ends_at:
                raise NotRestartedError(f"{name} did not come back; its log is in {self.layout.logs}")
            time.sleep(_POLL_S)

    def _is_another(self, name: str, before: Run) -> bool:
        now = read_run(self.layout.run_file)
        return now is not None and now.processes[name] != before.processes[name] and name in now.living()


def _ask_to_stop(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
