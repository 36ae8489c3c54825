"""`sluice up`: in the foreground the supervisor itself, with --detach a supervisor of its own session."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from botocore.exceptions import BotoCoreError, ClientError

from sluice.commands.console import CommandError, Progress, console
from sluice.commands.down import clear_remains
from sluice.commands.fault import check_words
from sluice.deploy.archives import MissingFromArchiveError
from sluice.deploy.migrations import MigrationError
from sluice.deploy.package import PackagingFailedError
from sluice.deploy.stack import StackFailedError
from sluice.deploy.transform import DownloadFailedError
from sluice.local.layout import ROOT, Layout
from sluice.local.ports import PortInUseError, choose_ports
from sluice.local.processes import RESTARTABLE
from sluice.local.road import OldStateError, Road, prepare_state
from sluice.local.run_file import Run, read_run
from sluice.local.supervisor import AlreadyRunningError, ProcessFailedError, StoppedError, Supervisor, locked, stoppable
from sluice.local.warming import NotWarmError

EXPECTED = (
    BotoCoreError,
    ClientError,
    DownloadFailedError,
    MigrationError,
    MissingFromArchiveError,
    NotWarmError,
    OldStateError,
    OSError,
    PackagingFailedError,
    PortInUseError,
    ProcessFailedError,
    StackFailedError,
    subprocess.SubprocessError,
)
"""What can go wrong on a user's machine: shown as a sentence. Anything else is a bug, and shows its trace."""

_STARTING = "another bin/sluice up is starting this road; wait for it, or stop it with bin/sluice down"

_NOT_CLOSED = (
    "The last run did not stop cleanly. What its AWS emulator had not saved is gone: records not yet in S3, "
    "and notifications of files not yet loaded. Rows, files and failed events are all there."
)

_READY = """
  API        {ports.api_url}/v1/events
  AWS        {ports.aws_url} (emulated)
  Snowflake  {ports.snowflake_url} (stand-in; any user and password, account sluice-local)
  Logs       {logs}/

  Post an event:
    curl -X POST {ports.api_url}/v1/events -H 'content-type: application/json' \\
      -d '{{"type":"order.placed","data":{{"order_id":"o-1","amount":12.5,"currency":"EUR"}}}}'

  Read it back a few seconds later:
    bin/sluice sql "select id, data from core.events"

  {last_words}
"""

LAST_WORDS = "Stop: Ctrl-C here, or bin/sluice down"
"""The end of the ready screen."""

_LOOK_S = 0.1


def up(*, detach: bool, fresh: bool, api_port: int, faults: Sequence[str]) -> None:
    """Start the road, or say that it runs. Without `detach` it returns when the road is stopped."""
    check_words(faults)
    layout = Layout.from_environment()
    known = read_run(layout.run_file)
    if known and known.is_alive and known.ready_at:
        if faults:
            raise CommandError("the road is already running. Switch faults on there: bin/sluice fault FAULT")
        console.print("The road is already running. Stop it with bin/sluice down.")
        _show_ready(layout, known)
    elif detach:
        _detach(layout, fresh=fresh, api_port=api_port, faults=faults)
    else:
        _supervise(layout, fresh=fresh, api_port=api_port, faults=faults)


def _supervise(layout: Layout, *, fresh: bool, api_port: int, faults: Sequence[str]) -> None:
    try:
        with locked(layout.lock_file), stoppable():
            _run(layout, fresh=fresh, api_port=api_port, faults=faults)
    except AlreadyRunningError:
        raise CommandError(_STARTING) from None
    except StoppedError:
        console.print("\nThe road is stopped; its data is kept.")
    except EXPECTED as error:
        raise CommandError(str(error)) from error


def _run(layout: Layout, *, fresh: bool, api_port: int, faults: Sequence[str]) -> None:
    """Bring the road up, watch it, and take it down whatever happens."""
    clear_remains(layout)
    prepare_state(layout, fresh=fresh)
    if layout.open_mark.exists():
        console.print(_NOT_CLOSED)
    ports = choose_ports(layout.state / "ports.json", api_port)
    layout.open_mark.touch()
    supervisor = Supervisor(layout, Run(ports))
    started = time.monotonic()
    try:
        with Progress().steps() as progress:
            Road(layout, ports).bring_up(supervisor, faults, progress)
        console.print(f"Ready after {time.monotonic() - started:.0f} s.")
        _show_ready(layout, supervisor.run)
        supervisor.watch(RESTARTABLE)
    finally:
        if supervisor.stop().get("emulator", True):
            layout.open_mark.unlink()


def _detach(layout: Layout, *, fresh: bool, api_port: int, faults: Sequence[str]) -> None:
    """Start `sluice up` in a session of its own, and show its output until it is ready or fails."""
    try:
        with locked(layout.lock_file):  # another one that is starting still writes its log
            layout.logs.mkdir(parents=True, exist_ok=True)
    except AlreadyRunningError:
        raise CommandError(_STARTING) from None
    except OSError as error:
        raise CommandError(f"SLUICE_HOME cannot be used: {error}") from None
    log = layout.logs / "supervisor.log"
    arguments = [sys.executable, "-m", "sluice", "up", "--port", str(api_port), *(["--fresh"] if fresh else [])]
    arguments += [argument for words in faults for argument in ("--fault", words)]
    with log.open("wb") as output:
        child = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    follow(child, log)


def follow(child: "subprocess.Popen[bytes]", log: Path) -> None:
    """Copy a starting supervisor's output, to the end of its ready screen; Ctrl-C stops it too."""
    seen = ""
    try:
        with log.open("r") as output:
            while child.poll() is None and LAST_WORDS not in seen:
                time.sleep(_LOOK_S)
                seen += _copied(output)
            seen += _copied(output)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise CommandError("stopped while starting") from None
    if LAST_WORDS not in seen:
        raise CommandError(f"the road did not start; its output is in {log}")


def _copied(output: TextIO) -> str:
    """Print what has come since, and return it."""
    new = output.read()
    console.out(new, end="")
    return new


def _show_ready(layout: Layout, run: Run) -> None:
    console.out(_READY.format(ports=run.ports, logs=_short(layout.logs), last_words=LAST_WORDS))


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
