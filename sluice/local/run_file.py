"""The run file: what runs, at which ports, since when. Written by the supervisor, read by every command."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import psutil

from sluice.local.ports import Ports
from sluice.local.turns import one_at_a_time
from sluice.local.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started_s: float
    """After the machine's own start: unlike a time of day it stays the same when the clock is set."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the id of a living process. Raises psutil.NoSuchProcess."""
        return cls(pid, _started_s(psutil.Process(pid)))

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            alive = _started_s(process) == self.started_s and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `ready_at` is None until everything answers."""

    ports: Ports
    supervisor: ProcessId | None = None
    processes: dict[str, ProcessId] = field(default_factory=dict)
    ready_at: str | None = None
    packaged_api: str | None = None

    def with_process(self, name: str, process: ProcessId) -> "Run":
        """Return the run with one process started or replaced."""
        return replace(self, processes={**self.processes, name: process})

    @property
    def is_alive(self) -> bool:
        """Tell whether the supervisor runs."""
        return self.supervisor is not None and self.supervisor.find() is not None

    def living(self) -> dict[str, psutil.Process]:
        """Return the processes that run, by name, the supervisor last."""
        named = {**self.processes, **({"supervisor": self.supervisor} if self.supervisor else {})}
        return {name: process for name, known in named.items() if (process := known.find())}


def write_run(path: Path, run: Run) -> None:
    """Replace the run file in one step."""
    write_whole(path, json.dumps(asdict(run), indent=1).encode())


def change_run(path: Path, change: Callable[[Run], Run], otherwise: Run) -> Run:
    """Change what the run file says, or `otherwise` if there is none; return what it says then.

    The supervisor and a deploy may both be at it: neither loses what the other wrote.
    """
    with one_at_a_time(path.parent):
        run = change(read_run(path) or otherwise)
        write_run(path, run)
    return run


def read_run(path: Path) -> Run | None:
    """Read the run file; None if there is none, or if it is not ours."""
    try:
        stored = json.loads(path.read_text())
        known = {name: ProcessId(**process) for name, process in stored["processes"].items()}
        supervisor = ProcessId(**stored["supervisor"]) if stored["supervisor"] else None
        return Run(Ports(**stored["ports"]), supervisor, known, stored["ready_at"], stored["packaged_api"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _started_s(process: psutil.Process) -> float:
    return round(process.create_time() - psutil.boot_time(), 2)
