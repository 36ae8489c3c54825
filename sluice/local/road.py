"""The local road: which processes it is made of, in which order they come up, and when it is ready."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sluice.deploy import migrations
from sluice.deploy.target import Target
from sluice.local import emulator
from sluice.local.command import Command
from sluice.local.keys import make_key_pair
from sluice.local.layout import EMULATOR_PYTHON, ROOT, STATE_FORMAT, Layout
from sluice.local.ports import ADDRESS, Ports, accepts
from sluice.local.stack import INFRA_STACK, LocalBuild, LocalStack, deploy_local, warm
from sluice.local.supervisor import Supervisor
from sluice.local.warehouse import ACCOUNT, DATABASE, LOADER, Warehouse

RESTARTABLE = ("warehouse", "firehose", "api")
"""What may die and come back without losing anything. The emulator may not: see docs/local-run.md."""

_START_TIMEOUT_S = 60.0

Report = Callable[[str], None]


class OldStateError(Exception):
    """The state folder was written by a checkout that this one does not understand."""


@dataclass(frozen=True, slots=True)
class Road:
    """One local road: its folder and its ports."""

    layout: Layout
    ports: Ports

    def bring_up(self, supervisor: Supervisor, report: Report) -> None:
        """Start everything in order; done once the first event can be posted."""
        private_key = make_key_pair(self.layout.private_key, self.layout.public_key)
        report("starting the AWS emulator and the Snowflake stand-in")
        self._start_stores(supervisor)
        build = LocalBuild(ROOT, self.layout.build, self._app_environment(), Target.of_this_machine())
        is_first = not any(self._emulator_paths.tables.iterdir())
        stack = deploy_local(self.ports.aws, build, private_key, report)
        if is_first:
            report("saving the stacks")
            self._save_stacks(supervisor)
        report("applying snowflake/*.sql")
        self._migrate(stack)
        report("starting the Firehose engine and the API")
        self._start_movers(supervisor, stack)
        report("warming the Lambda workers")
        warm(stack, self.ports.aws)
        supervisor.mark_ready(datetime.now(UTC).isoformat(timespec="seconds"), stack.api_url)

    def _start_stores(self, supervisor: Supervisor) -> None:
        emulator.prepare(self._emulator_paths)
        supervisor.start(emulator.emulator_process(self._emulator_paths, self.ports.aws))
        supervisor.start(self._warehouse())
        self._await_emulator(supervisor)
        supervisor.await_ready("warehouse", partial(accepts, self.ports.snowflake), _START_TIMEOUT_S)

    def _save_stacks(self, supervisor: Supervisor) -> None:
        """Restart the emulator: it saves when it stops; killed before, it would leave buckets that no stack owns."""
        supervisor.restart("emulator")
        self._await_emulator(supervisor)

    def _await_emulator(self, supervisor: Supervisor) -> None:
        supervisor.await_ready("emulator", partial(emulator.is_ready, self.ports.aws), _START_TIMEOUT_S)

    @property
    def _emulator_paths(self) -> emulator.EmulatorPaths:
        return emulator.EmulatorPaths(EMULATOR_PYTHON, self.layout.state / "aws")

    def _start_movers(self, supervisor: Supervisor, stack: LocalStack) -> None:
        supervisor.start(self._firehose())
        supervisor.start(self._api(stack))
        supervisor.await_ready("api", partial(accepts, self.ports.api), _START_TIMEOUT_S)

    def _migrate(self, stack: LocalStack) -> None:
        variables = {
            "database": DATABASE,
            "landing_bucket": stack.outputs["LandingBucket"],
            "storage_integration": "SLUICE_LANDING",
        }
        with Warehouse.of(self.ports).connect() as connection:
            migrations.apply(connection, ROOT / "snowflake", variables)

    def _app_environment(self) -> dict[str, str]:
        """Return what the app cannot learn from the infra stack."""
        return {
            "SNOWFLAKE_ACCOUNT": ACCOUNT,
            "SNOWFLAKE_USER": LOADER,
            "SNOWFLAKE_DATABASE": DATABASE,
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_HOST": ADDRESS,
            "SNOWFLAKE_PORT": str(self.ports.snowflake),
            "SLUICE_REQUEST_LOG": str(self.layout.request_log),
        }

    def _warehouse(self) -> Command:
        options = {
            "port": self.ports.snowflake,
            "data": self.layout.state / "snowflake",
            "public-key": self.layout.public_key,
            "account": ACCOUNT,
            "user": LOADER,
            "s3-endpoint": self.ports.aws_url,
        }
        return self._python("warehouse", "sluice.local.snowflake", options)

    def _firehose(self) -> Command:
        options: dict[str, str | Path] = {
            "template": ROOT / "infra" / "template.yaml",
            "stack": INFRA_STACK,
            "checkpoint": self.layout.state / "firehose.sqlite",
        }
        return self._python("firehose", "sluice.local.firehose", options)

    def _api(self, stack: LocalStack) -> Command:
        return self._python("api", "sluice.local.api", {"port": self.ports.api}, stack.environment)

    def _python(
        self,
        name: str,
        module: str,
        options: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
    ) -> Command:
        """Return the command of one of our own processes, with the emulator as its AWS."""
        arguments = [text for option, value in options.items() for text in (f"--{option}", str(value))]
        return Command(
            name,
            (sys.executable, "-m", module, *arguments),
            ROOT,
            {
                **emulator.client_environment(self.ports.aws),
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                **(environment or {}),
            },
        )


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
    layout.format_file.write_text(str(STATE_FORMAT))


def await_free(ports: Ports, timeout_s: float = 5.0) -> None:
    """Wait until nothing listens on a run's ports any more."""
    ends_at = time.monotonic() + timeout_s
    while any(map(accepts, (ports.api, ports.aws, ports.snowflake))) and time.monotonic() < ends_at:
        time.sleep(0.05)
