"""The processes of a local run, each described: which module, which options, which environment. It starts none."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.local import emulator
from sluice.local.command import Command
from sluice.local.layout import EMULATOR_PYTHON, ROOT, Layout
from sluice.local.ports import ADDRESS, Ports
from sluice.local.stack import INFRA_STACK, LocalStack
from sluice.local.warehouse import ACCOUNT, DATABASE, LOADER

RESTARTABLE = ("warehouse", "shim", "firehose", "api", "scheduler")
"""What may die and come back without losing anything. The emulator may not: see docs/local-run.md."""

Options = Iterable[tuple[str, str | int | Path]]


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one run."""

    layout: Layout
    ports: Ports

    @property
    def emulator_paths(self) -> emulator.EmulatorPaths:
        """Return where the emulator keeps things."""
        return emulator.EmulatorPaths(EMULATOR_PYTHON, self.layout.state / "aws")

    def app_environment(self) -> dict[str, str]:
        """Return what the app cannot learn from the infra stack. It reaches Kinesis and S3 through the shim."""
        return {
            "SNOWFLAKE_ACCOUNT": ACCOUNT,
            "SNOWFLAKE_USER": LOADER,
            "SNOWFLAKE_DATABASE": DATABASE,
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_HOST": ADDRESS,
            "SNOWFLAKE_PORT": str(self.ports.snowflake),
            "SLUICE_REQUEST_LOG": str(self.layout.request_log),
            "AWS_ENDPOINT_URL_KINESIS": self.ports.shim_url,
            "AWS_ENDPOINT_URL_S3": self.ports.shim_url,
        }

    def emulator(self) -> Command:
        """Return the emulated AWS."""
        return emulator.emulator_process(self.emulator_paths, self.ports.aws)

    def warehouse(self) -> Command:
        """Return the Snowflake stand-in, which reads S3 without faults."""
        options: Options = [
            ("port", self.ports.snowflake),
            ("data", self.layout.state / "snowflake"),
            ("public-key", self.layout.public_key),
            ("account", ACCOUNT),
            ("user", LOADER),
            ("s3-endpoint", self.ports.aws_url),
            ("faults", self.layout.faults),
        ]
        return self._python("warehouse", "sluice.local.snowflake", options)

    def shim(self) -> Command:
        """Return what stands before the emulator and plays faults."""
        options: Options = [
            ("port", self.ports.shim),
            ("upstream", self.ports.aws_url),
            ("faults", self.layout.faults),
        ]
        return self._python("shim", "sluice.local.shim", options)

    def firehose(self) -> Command:
        """Return the Firehose engine; it reaches its transform and S3 through the shim."""
        options: Options = [
            ("template", ROOT / "infra" / "template.yaml"),
            ("stack", INFRA_STACK),
            ("checkpoint", self.layout.state / "firehose.sqlite"),
        ]
        faulty = {"AWS_ENDPOINT_URL_LAMBDA": self.ports.shim_url, "AWS_ENDPOINT_URL_S3": self.ports.shim_url}
        return self._python("firehose", "sluice.local.firehose", options, faulty)

    def api(self, stack: LocalStack) -> Command:
        """Return the local API."""
        return self._python("api", "sluice.local.api", [("port", self.ports.api)], stack.environment)

    def scheduler(self, stack: LocalStack) -> Command:
        """Return what calls the scheduled functions."""
        options: Options = [
            ("emulator", self.ports.aws_url),
            *(("function", f"{name}={function}") for name, function in stack.scheduled.items()),
        ]
        return self._python("scheduler", "sluice.local.scheduler", options)

    def _python(
        self, name: str, module: str, options: Options, environment: Mapping[str, str] | None = None
    ) -> Command:
        """Return the command of one of our own processes, with the emulator as its AWS."""
        arguments = [text for option, value in options for text in (f"--{option}", str(value))]
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
