"""The command line: every command's words and options, and nothing of what they do."""

import sys
from pathlib import Path

import click

from chalicelib.core.ledger import State
from chalicelib.stages.reload import REDRIVABLE
from sluice.commands.console import CommandError, print_error
from sluice.local.faults import known_faults
from sluice.local.ports import DEFAULT_API_PORT

_STAGE = click.option(
    "--stage",
    default="local",
    show_default=True,
    type=click.Choice(["local"]),
    expose_value=False,
    help="Where to work. Only the local run can be reached so far.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class _Words(click.Group):
    """The command group; a command that fails says why in one paragraph and exits 1."""

    def invoke(self, context: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(context)
        except CommandError as error:
            print_error(str(error))
            sys.exit(1)


@click.group(cls=_Words, context_settings={"help_option_names": ["-h", "--help"]})
@_STAGE
def main() -> None:
    """Sluice: POST JSON events, read them as rows in Snowflake, lose nothing on the way."""


@main.command()
@_STAGE
@click.option("--detach", is_flag=True, help="Return once the road is ready, and leave it running.")
@click.option("--fresh", is_flag=True, help="Forget all local data first.")
@click.option(
    "--port",
    default=DEFAULT_API_PORT,
    type=click.IntRange(0, 65_535),
    show_default=True,
    help="The API's port; 0 takes free ports for everything.",
)
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="Start with this fault on; see fault --help.")
def up(*, detach: bool, fresh: bool, port: int, faults: tuple[str, ...]) -> None:
    """Start the whole road on this machine."""
    from sluice.commands import up as command  # noqa: PLC0415 - each command loads only what it needs

    command.up(detach=detach, fresh=fresh, api_port=port, faults=faults)


@main.command()
@_STAGE
def down() -> None:
    """Stop the road and everything it started; the data stays."""
    from sluice.commands import down as command  # noqa: PLC0415

    command.down()


@main.command(epilog=f"\b\nFaults, with a number's default in brackets:\n{known_faults()}")
@_STAGE
@click.argument("faults", nargs=-1, metavar="[FAULT | TARGET=off | clear]...")
@_JSON
def fault(*, faults: tuple[str, ...], as_json: bool) -> None:
    """Switch faults on and off while the road runs, and show which are on.

    A FAULT is TARGET=KIND[:NUMBER][:DURATION], such as kinesis=throttle:0.3:60s; a duration ends in s, m or h.
    """
    from sluice.commands import fault as command  # noqa: PLC0415

    command.fault(faults, as_json=as_json)


@main.command()
@_STAGE
@click.option("--force", is_flag=True, help="Replace every function, changed or not.")
@_JSON
def deploy(*, force: bool, as_json: bool) -> None:
    """Bring the checkout's transform, app and local API to the running road; nothing under way is lost."""
    from sluice.commands import deploy as command  # noqa: PLC0415

    command.deploy(force=force, as_json=as_json)


@main.command()
@_STAGE
@click.option("--watch", "is_live", is_flag=True, help="Draw the road again and again until Ctrl-C.")
@click.option(
    "--interval",
    "interval_s",
    default=2.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Seconds between two pictures.",
)
@_JSON
def status(*, is_live: bool, interval_s: float, as_json: bool) -> None:
    """Show where the road listens, what runs, and the counts of what went along it."""
    if is_live:
        from sluice.commands import watch  # noqa: PLC0415

        watch.watch(interval_s=interval_s, as_json=as_json)
    else:
        from sluice.commands import status as command  # noqa: PLC0415

        command.status(as_json=as_json)


@main.command()
@_STAGE
@click.argument("event_type", metavar="TYPE")
@click.option("--data", help="One event's data, as JSON.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="A file with one event's data a line (- for standard input).",
)
@_JSON
def send(event_type: str, *, data: str | None, path: Path | None, as_json: bool) -> None:
    """Post events of TYPE and show their verdicts; exit 0 only if all were accepted."""
    from sluice.commands import send as command  # noqa: PLC0415

    if (data is None) == (path is None):
        raise click.UsageError("give either --data or --file")
    command.send(event_type, data=data, path=path, as_json=as_json)


@main.command()
@_STAGE
@click.argument("statement", metavar='"SELECT …"')
@_JSON
def sql(statement: str, *, as_json: bool) -> None:
    """Run one SQL statement in the warehouse and print its rows."""
    from sluice.commands import sql as command  # noqa: PLC0415

    command.sql(statement, as_json=as_json)


@main.command()
@_STAGE
@click.option("--wait", "wait_s", default=30.0, show_default=True, help="Seconds to wait for what is under way.")
@_JSON
def verify(*, wait_s: float, as_json: bool) -> None:
    """Hold the promises against the stores: name every missing or double line, and exit 1 if there is one.

    A file that the ledger does not know, or whose outcome stays open, and an object that cannot be read count, too.
    """
    from sluice.commands import verify as command  # noqa: PLC0415

    command.verify(wait_s=wait_s, as_json=as_json)


@main.group()
def load() -> None:
    """Look into the ledger of landed files, and load files again."""


@load.command()
@_STAGE
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only files in this state.",
)
@click.option(
    "--since", metavar="TIME", help="Only what changed since: 15m, 2h, 1d, or a time such as 2026-01-31T12:00Z."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="How many files at most.")
@_JSON
def ls(*, states: tuple[str, ...], since: str | None, limit: int, as_json: bool) -> None:
    """List files: state, rows, attempts, first error, and the copy that was loaded instead. Latest change first."""
    from sluice.commands import load as command  # noqa: PLC0415

    command.ls(states=states, since=since, limit=limit, as_json=as_json)


@load.command()
@_STAGE
@click.argument("files", metavar="[FILE]…", nargs=-1)
@click.option(
    "--state",
    type=click.Choice([state.value for state in REDRIVABLE]),
    help="All files in this state that have no copy yet.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@_JSON
def redrive(*, files: tuple[str, ...], state: str | None, dry_run: bool, as_json: bool) -> None:
    """Load files again under new keys: those named, or all that failed, loaded in part, or were found nowhere.

    CORE keeps each event once, however often its file is loaded. Exit 1 if something is left undone.
    """
    from sluice.commands import load as command  # noqa: PLC0415

    if files and state:
        raise click.UsageError("give either files or --state")
    command.redrive(files=files, state=state, dry_run=dry_run, as_json=as_json)
