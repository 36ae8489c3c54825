"""`sluice down`: stop the supervisor, then whatever a killed one left behind."""

from sluice.commands.console import console
from sluice.local.layout import Layout
from sluice.local.road import await_free
from sluice.local.run_file import read_run
from sluice.local.supervisor import family, stop_processes

_SUPERVISOR_GRACE_S = 60.0
"""It stops its processes one after the other, each with a grace of its own."""


def down() -> None:
    """Stop the road. Says so when there is none."""
    layout = Layout.from_environment()
    run = read_run(layout.run_file)
    if run is None or not run.living():
        layout.run_file.unlink(missing_ok=True)
        console.print("The road is not running.")
        return
    if supervisor := run.living().get("supervisor"):
        stop_processes([supervisor], _SUPERVISOR_GRACE_S)
    clear_remains(layout)
    await_free(run.ports)
    console.print("The road is stopped; its data is kept.")


def clear_remains(layout: Layout) -> None:
    """Stop processes of a run whose supervisor is gone, and forget that run."""
    run = read_run(layout.run_file)
    if run is None:
        return
    obeyed = {name: stop_processes(family(process)) for name, process in run.living().items()}
    if obeyed.get("emulator"):
        layout.open_mark.unlink(missing_ok=True)
    layout.run_file.unlink(missing_ok=True)
