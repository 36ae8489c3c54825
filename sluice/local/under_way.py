"""The requests that a server is answering, so that it can finish them before it stops."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class UnderWay:
    """Counts requests; threads share one. `ends` is set once no further ones are wanted."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = Condition()
        self.ends = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a request for as long as the block lasts."""
        with self._changed:
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def finish(self, timeout_s: float) -> bool:
        """Wait for those under way; tell whether all are answered."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout_s)
