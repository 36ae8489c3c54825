"""The processes of a run: who reaches what, with faults and without."""

from pathlib import Path

import pytest

from sluice.local.command import Command
from sluice.local.layout import Layout
from sluice.local.ports import Ports
from sluice.local.processes import RESTARTABLE, Processes
from sluice.local.stack import LocalStack

SHIM, AWS = "http://127.0.0.1:4", "http://127.0.0.1:2"
FUNCTIONS = {"api_handler": "A", "load": "L", "transform": "T", "reconcile": "R", "drain": "D", "compare": "C"}


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    """Return the processes of a run that never ran."""
    return Processes(Layout(tmp_path), Ports(api=1, aws=2, snowflake=3, shim=4))


def _stack(processes: Processes) -> LocalStack:
    return LocalStack({}, processes.app_environment(), FUNCTIONS, "http://api")


def _options(command: Command) -> list[tuple[str, str]]:
    """Return the options behind `python -m module`."""
    words = command.argv[3:]
    return list(zip(words[::2], words[1::2], strict=True))


def test_road_reaches_what_may_fail_through_the_shim(processes: Processes) -> None:
    """The app its stream and buckets, Firehose its transform and its bucket; everything else goes straight."""
    for command, faulty in (
        (processes.api(_stack(processes)), {"AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL_S3"}),
        (processes.firehose(), {"AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_S3"}),
        (processes.warehouse(), set()),
        (processes.scheduler(_stack(processes)), set()),
    ):
        env = command.env
        assert {name for name in env if name.startswith("AWS_ENDPOINT_URL_")} == faulty
        assert {env[name] for name in faulty} <= {SHIM}
        assert env["AWS_ENDPOINT_URL"] == AWS
    assert ("--s3-endpoint", AWS) in _options(processes.warehouse())
    assert ("--upstream", AWS) in _options(processes.shim())


def test_packaged_functions_reach_the_same(processes: Processes) -> None:
    """The app's environment is one, wherever the app runs."""
    env = processes.app_environment()
    assert (env["AWS_ENDPOINT_URL_KINESIS"], env["AWS_ENDPOINT_URL_S3"]) == (SHIM, SHIM)
    assert "AWS_ENDPOINT_URL" not in env


def test_those_that_play_faults_read_one_file(processes: Processes, tmp_path: Path) -> None:
    """It lies beside the state: a fresh start forgets it, and it is no state."""
    for command in (processes.shim(), processes.warehouse()):
        assert ("--faults", str(tmp_path / "faults.json")) in _options(command)


def test_scheduler_calls_what_is_scheduled(processes: Processes) -> None:
    """By the names the functions have in the stack."""
    called = {value for option, value in _options(processes.scheduler(_stack(processes))) if option == "--function"}
    assert called == {"reconcile=R", "drain=D", "compare=C"}


def test_everything_but_the_emulator_may_die(processes: Processes) -> None:
    """Each process has one name, by which the supervisor knows whether to start it again."""
    stack = _stack(processes)
    commands = [
        processes.emulator(),
        processes.warehouse(),
        processes.shim(),
        processes.firehose(),
        processes.api(stack),
        processes.scheduler(stack),
    ]
    assert {command.name for command in commands} == {"emulator", *RESTARTABLE}
