"""`sluice status --watch`: the road as a live picture, until Ctrl-C."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import RenderableType
from rich.live import Live

from sluice.commands.console import CommandError, console, print_json
from sluice.commands.picture import Frame, draw, draw_error
from sluice.commands.running import STORE_ERRORS, running
from sluice.commands.status import read_status
from sluice.local.audit.holdings import Holdings
from sluice.local.audit.stores import Stores
from sluice.local.layout import Layout
from sluice.local.run_file import Run

Look = Callable[[], dict[str, Any]]
Show = Callable[[RenderableType], None]


class Watched:
    """The road that is watched; one that was stopped and started again is found again."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._seen: tuple[str | None, Stores, Holdings] | None = None

    def look(self) -> dict[str, Any]:
        """Return the road's status. Raises CommandError while it does not run or a store does not answer."""
        run = running(self._layout)
        try:
            return read_status(self._layout, run, *self._stores(run))
        except STORE_ERRORS as error:
            self._seen = None
            raise CommandError(f"a store does not answer: {error}") from error

    def _stores(self, run: Run) -> tuple[Stores, Holdings]:
        if self._seen is None or self._seen[0] != run.ready_at:
            stores = Stores.of(self._layout, run)
            self._seen = (run.ready_at, stores, Holdings(stores))
        return self._seen[1:]


def watch(*, interval_s: float, as_json: bool) -> None:
    """Show the road every few seconds: drawn anew on a terminal, one frame below the other elsewhere."""
    layout = Layout.from_environment()
    running(layout)
    road = Watched(layout)
    try:
        if as_json:
            _print_each(road.look, interval_s)
        else:
            with _canvas() as show:
                show_each(road.look, show, interval_s)
    except KeyboardInterrupt:
        pass


def show_each(look: Look, show: Show, interval_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Draw what is seen, again and again; what goes wrong is part of the picture."""
    before: Frame | None = None
    last: RenderableType | None = None
    while True:
        try:
            now = Frame(time.monotonic(), look())
            last = draw(now, before, unix_s=time.time())
            before = now
            show(last)
        except CommandError as error:
            show(draw_error(str(error), last))
        sleep(interval_s)


def _print_each(look: Look, interval_s: float) -> None:
    """Print what is seen as JSON, one line each time."""
    while True:
        try:
            print_json(look())
        except CommandError as error:
            print_json({"error": str(error)})
        time.sleep(interval_s)


@contextmanager
def _canvas() -> Iterator[Show]:
    """Give what shows a picture: in place of the last one on a terminal, below it elsewhere."""
    if not console.is_terminal:
        yield lambda picture: console.print(picture, "")
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda picture: live.update(picture, refresh=True)
