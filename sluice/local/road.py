"""The local road: in which order its parts come up, how a new version goes live, and when it is ready."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib.adapters import clock
from sluice.deploy import migrations
from sluice.deploy.target import Target
from sluice.local import emulator
from sluice.local.faults import Fault, FaultFile
from sluice.local.keys import make_key_pair
from sluice.local.layout import ROOT, STATE_FORMAT, Layout
from sluice.local.ports import Ports, accepts
from sluice.local.processes import Processes
from sluice.local.stack import LocalBuild, LocalStack, Report, deploy_local
from sluice.local.supervisor import Supervisor
from sluice.local.warehouse import DATABASE, Warehouse
from sluice.local.warming import warm
from sluice.local.whole_file import write_whole

_START_TIMEOUT_S = 60.0


class OldStateError(Exception):
    """The state folder was written by a checkout that this one does not understand."""


@dataclass(frozen=True, slots=True)
class Road:
    """One local road: its folder and its ports."""

    layout: Layout
    ports: Ports

    def bring_up(self, supervisor: Supervisor, faults: Sequence[str], report: Report) -> None:
        """Start everything in order; done once the first event can be posted. Only then are faults played."""
        FaultFile(self.layout.faults).replace([])
        private_key = make_key_pair(self.layout.private_key, self.layout.public_key)
        report("starting the AWS emulator and the Snowflake stand-in")
        self._start_stores(supervisor)
        is_first = not any(self._processes.emulator_paths.tables.iterdir())
        stack = self.deploy(private_key, report)
        if is_first:
            report("saving the stacks")
            self._save_stacks(supervisor)
        report("applying snowflake/*.sql")
        self.migrate(stack.outputs)
        report("starting the Firehose engine and the API")
        self._start_movers(supervisor, stack)
        report("warming the Lambda workers")
        warm(stack, self.ports.aws)
        if stack.scheduled:
            supervisor.start(self._processes.scheduler(stack))
        FaultFile(self.layout.faults).replace([Fault.parse(words) for words in faults])
        supervisor.mark_ready(clock.now(), stack.api_url)

    def deploy(self, private_key: str, report: Report) -> LocalStack:
        """Build and deploy the checkout's stacks. Safe to repeat, also while the road runs."""
        build = LocalBuild(ROOT, self.layout.build, self._processes.app_environment(), Target.of_this_machine())
        return deploy_local(self.ports.aws, build, private_key, report)

    def migrate(self, outputs: Mapping[str, str]) -> None:
        """Bring the warehouse to the state `snowflake/*.sql` describes; `outputs` are the infra stack's."""
        variables = {
            "database": DATABASE,
            "landing_bucket": outputs["LandingBucket"],
            "storage_integration": "SLUICE_LANDING",
        }
        with Warehouse.of(self.ports).connect() as connection:
            migrations.apply(connection, ROOT / "snowflake", variables)

    @property
    def _processes(self) -> Processes:
        return Processes(self.layout, self.ports)

    def _start_stores(self, supervisor: Supervisor) -> None:
        emulator.prepare(self._processes.emulator_paths)
        supervisor.start(self._processes.emulator())
        supervisor.start(self._processes.warehouse())
        supervisor.start(self._processes.shim())  # functions that the emulator remembers may be called at once
        self._await_emulator(supervisor)
        supervisor.await_ready("warehouse", partial(accepts, self.ports.snowflake), _START_TIMEOUT_S)
        supervisor.await_ready("shim", partial(accepts, self.ports.shim), _START_TIMEOUT_S)

    def _save_stacks(self, supervisor: Supervisor) -> None:
        """Restart the emulator: it saves when it stops; killed before, it would leave buckets that no stack owns."""
        supervisor.restart("emulator")
        self._await_emulator(supervisor)

    def _await_emulator(self, supervisor: Supervisor) -> None:
        supervisor.await_ready("emulator", partial(emulator.is_ready, self.ports.aws), _START_TIMEOUT_S)

    def _start_movers(self, supervisor: Supervisor, stack: LocalStack) -> None:
        supervisor.start(self._processes.firehose())
        supervisor.start(self._processes.api(stack))
        supervisor.await_ready("api", partial(accepts, self.ports.api), _START_TIMEOUT_S)


def prepare_state(layout: Layout, *, fresh: bool) -> None:
    """Make the state folder, empty if `fresh`. Raises OldStateError for one of another format."""
    if fresh:
        shutil.rmtree(layout.state, ignore_errors=True)
    if layout.state.exists() and any(layout.state.iterdir()):
        written = layout.format_file.read_text() if layout.format_file.exists() else "unknown"
        if written != str(STATE_FORMAT):
            raise OldStateError(
                f"{layout.state} holds state of format {written}, this checkout reads {STATE_FORMAT}. "
                "Start clean, which forgets it: bin/sluice up --fresh"
            )
    layout.state.mkdir(parents=True, exist_ok=True)
    write_whole(layout.format_file, str(STATE_FORMAT).encode())


def await_free(ports: Ports, timeout_s: float = 5.0) -> None:
    """Wait until nothing listens on a run's ports any more."""
    ends_at = time.monotonic() + timeout_s
    while any(map(accepts, (ports.api, ports.aws, ports.snowflake, ports.shim))) and time.monotonic() < ends_at:
        time.sleep(0.05)
