"""`sluice deploy`: bring what the checkout holds to the running road."""

from sluice.commands.console import CommandError, Progress, console, print_json
from sluice.commands.running import running
from sluice.commands.up import EXPECTED
from sluice.local.layout import Layout
from sluice.local.rollout import NotRestartedError, Rollout


def deploy(*, force: bool, as_json: bool) -> None:
    """Deploy while the road runs, and say what is new where."""
    layout = Layout.from_environment()
    rollout = Rollout(layout, running(layout))
    try:
        with Progress().steps() as progress:
            stale = rollout.run(_say_nothing if as_json else progress, force=force)
    except (NotRestartedError, *EXPECTED) as error:
        raise CommandError(str(error)) from error
    run = running(layout)
    if as_json:
        print_json({"api": run.ports.api_url, "packaged_api": run.packaged_api, "restart_for": stale})
    else:
        console.print(f"Deployed. The packaged API answers at {run.packaged_api}")
        if stale:
            console.print(f"The local API keeps its old {', '.join(stale)} until the next bin/sluice down and up.")


def _say_nothing(_step: str) -> None:
    """Leave standard output to the JSON."""
