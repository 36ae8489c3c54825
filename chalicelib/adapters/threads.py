"""Threads: many calls that wait for AWS at the same time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """So many threads for as long as one piece of work lasts; implements the port `Each`."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(self, work: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """Do the work with each thing; what is raised first ends it, and what was not begun is left."""
        with ThreadPoolExecutor(self._count) as pool:
            begun = [pool.submit(work, thing) for thing in things]
            try:
                return [one.result() for one in begun]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
