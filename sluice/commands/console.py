"""How commands speak: progress, tables, JSON, and errors that say what to do."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from chalicelib.core.json_text import dumps

_WIDTH = None if sys.stdout.isatty() else 10_000
"""The terminal's own; nothing is folded where no person looks."""

console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=_WIDTH)
_errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


class CommandError(Exception):
    """A command that cannot do what was asked; its message says why, and what to do."""


def print_error(message: str) -> None:
    """Print why a command failed, on standard error."""
    _errors.print(f"sluice: {message}", style="red")


def print_json(value: Any) -> None:
    """Print a value as JSON, every digit kept."""
    print(dumps(value).decode())


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under the names of their columns."""
    if not rows:
        console.print("no rows")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    console.print(table)


class Progress:
    """Steps of something long: each is named when it begins, and timed when it ends."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._started = 0.0

    def __call__(self, step: str) -> None:
        """Begin a step; the one before is done."""
        self.done()
        self._name, self._started = step, time.monotonic()
        console.print(f"  {step} …", end="")

    def done(self) -> None:
        """End the last step."""
        if self._name:
            console.print(f" {time.monotonic() - self._started:.1f} s")
        self._name = None

    @contextmanager
    def steps(self) -> Iterator["Progress"]:
        """Run a block of steps; end the line whatever happens."""
        try:
            yield self
            self.done()
        finally:
            if self._name:
                console.print()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
