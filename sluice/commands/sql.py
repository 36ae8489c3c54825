"""`sluice sql`: one statement, its rows."""

from sluice.commands.console import CommandError, print_json, print_table
from sluice.commands.running import running
from sluice.local.layout import Layout
from sluice.local.warehouse import QueryError, Warehouse


def sql(statement: str, *, as_json: bool) -> None:
    """Run a statement and print its rows: a table, or an array of objects."""
    if not statement.strip():
        raise CommandError("the statement is empty")
    run = running(Layout.from_environment())
    try:
        rows = Warehouse.of(run.ports).query(statement)
    except QueryError as error:
        raise CommandError(str(error)) from None
    if as_json:
        print_json(rows)
    else:
        print_table(rows)
