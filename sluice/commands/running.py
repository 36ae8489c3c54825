"""The run that a command is about, and what its stores may answer instead of an answer."""

from botocore.exceptions import BotoCoreError, ClientError

from sluice.commands.console import CommandError
from sluice.local.layout import Layout
from sluice.local.run_file import Run, read_run
from sluice.local.warehouse import QueryError

STORE_ERRORS = (BotoCoreError, ClientError, QueryError)
"""A store that is away for a moment, or for good."""


def running(layout: Layout) -> Run:
    """Return the run that is ready. Raises CommandError when there is none."""
    run = read_run(layout.run_file)
    if run is None or not run.is_alive:
        raise CommandError("the local road is not running. Start it: bin/sluice up --detach")
    if run.ready_at is None:
        raise CommandError("the local road is still starting. Wait for its ready screen, then try again.")
    return run
