"""The command line: every command's words and options, and nothing of what they do."""

import sys
from pathlib import Path

import click

from sluice.commands.console import CommandError, print_error
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
    help="The API's port; 0 takes any free one.",
)
def up(*, detach: bool, fresh: bool, port: int) -> None:
    """Start the whole road on this machine."""
    from sluice.commands import up as command  # noqa: PLC0415 - each command loads only what it needs

    command.up(detach=detach, fresh=fresh, api_port=port)


@main.command()
@_STAGE
def down() -> None:
    """Stop the road and everything it started; the data stays."""
    from sluice.commands import down as command  # noqa: PLC0415

    command.down()


@main.command()
@_STAGE
@_JSON
def status(*, as_json: bool) -> None:
    """Show where the road listens, what runs, and the counts of what went along it."""
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
    """Hold the promises against the stores: name every missing or double line, exit 1 if there is one."""
    from sluice.commands import verify as command  # noqa: PLC0415

    command.verify(wait_s=wait_s, as_json=as_json)
