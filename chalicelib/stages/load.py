"""Load: note each landed file in the ledger, then hand it to Snowpipe, whatever was cut off before.

The ledger is the memory, not the queue: a message may go once its file is noted and submitted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.limits import MAX_FILES_PER_INGEST
from chalicelib.stages.budget import Budget


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One object in landing, as S3 announced it. `key` is decoded, `size_bytes` may be unknown."""

    bucket: str
    key: str
    size_bytes: int | None = None
    etag: str | None = None

    @property
    def name(self) -> str:
        """Return the name the ledger knows it by: bucket and key."""
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe, and the landing prefix it loads from: the only way in for that prefix."""

    name: str
    prefix: str

    def path(self, file: LandedFile) -> str:
        """Return the file's path relative to the pipe's snowflake stage."""
        return file.key.removeprefix(self.prefix)


class Ledger(Protocol):
    """The memory of every landed file. States only move forward: noticed, submitted."""

    def notice(self, file: LandedFile, pipe: str) -> bool:
        """Note a file; tell whether it still has to be submitted. Noting it again changes nothing."""

    def mark_submitted(self, file: LandedFile) -> None:
        """Move a file from noticed to submitted; a file already further stays where it is."""


class Ingest(Protocol):
    """Snowpipe, as this stage sees it."""

    def submit(self, pipe: str, files: Mapping[str, int | None], budget: Budget) -> None:
        """Submit paths with their sizes, at most 5,000. Submitting a path again does nothing.

        Raises IngestUnavailableError when Snowpipe did not confirm them within the budget.
        """


class IngestUnavailableError(Exception):
    """Snowpipe did not confirm the files in the time there was; submitting them again is safe."""


@dataclass(frozen=True, slots=True)
class Load:
    """The stage, given its pipes and ports."""

    pipes: Sequence[Pipe]
    ledger: Ledger
    ingest: Ingest

    def load(self, files: Iterable[LandedFile], budget: Budget) -> dict[str, int]:
        """Note and submit files; return how many were submitted to each pipe.

        Raises IngestUnavailableError after all pipes were tried, so that the messages come again.
        """
        waiting: dict[Pipe, list[LandedFile]] = defaultdict(list)
        for file in dict.fromkeys(files):
            pipe = self._pipe_for(file)
            if pipe and self.ledger.notice(file, pipe.name):
                waiting[pipe].append(file)
        faults = [fault for pipe in waiting if (fault := self._submit(pipe, waiting[pipe], budget))]
        if faults:
            raise faults[0]
        return {pipe.name: len(waiting[pipe]) for pipe in waiting}

    def _pipe_for(self, file: LandedFile) -> Pipe | None:
        """Return the pipe that loads a file; None for another prefix, and for a console's empty "folder"."""
        if file.key.endswith("/"):
            return None
        return next((pipe for pipe in self.pipes if file.key.startswith(pipe.prefix)), None)

    def _submit(self, pipe: Pipe, files: Sequence[LandedFile], budget: Budget) -> IngestUnavailableError | None:
        for start in range(0, len(files), MAX_FILES_PER_INGEST):
            chunk = files[start : start + MAX_FILES_PER_INGEST]
            try:
                self.ingest.submit(pipe.name, {pipe.path(file): file.size_bytes for file in chunk}, budget)
            except IngestUnavailableError as fault:
                return fault
            for file in chunk:
                self.ledger.mark_submitted(file)
        return None
