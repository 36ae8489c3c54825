"""Doing the same with many things: one after the other here, side by side where an adapter brings threads."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """Does a piece of work with each thing; returns the results in the things' order, raises what the work raises."""

    def __call__(self, work: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """Do it."""


def one_by_one(work: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Do the work with one thing after the other."""
    return [work(thing) for thing in things]


def batched(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield things in lists of at most `size`, in order, without reading ahead of the list that is yielded."""
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch
