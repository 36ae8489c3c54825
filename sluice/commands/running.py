"""The run that a command is about."""

from sluice.commands.console import CommandError
from sluice.local.layout import Layout
from sluice.local.run_file import Run, read_run


def running(layout: Layout) -> Run:
    """Return the run that is ready. Raises CommandError when there is none."""
    run = read_run(layout.run_file)
    if run is None or not run.is_alive:
        raise CommandError("the local road is not running. Start it: bin/sluice up --detach")
    if run.ready_at is None:
        raise CommandError("the local road is still starting. Wait for its ready screen, then try again.")
    return run
