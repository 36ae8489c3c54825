"""The supervisor: starts a run's processes, restarts what dies, and stops them all in order.

It knows commands and processes; what they do is not its business.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import psutil

from sluice.local.command import Command
from sluice.local.layout import Layout
from sluice.local.run_file import ProcessId, Run, change_run, write_run

STOP_GRACE_S = 15.0
"""The emulator saves its state when it is asked to stop: about two seconds, more under load."""

_WATCH_INTERVAL_S = 0.2
_RESTART_PAUSE_S = 0.5
_LOG_MAX_BYTES = 10_000_000


class AlreadyRunningError(Exception):
    """Another supervisor holds this run's folder."""


class ProcessFailedError(Exception):
    """A process that the run cannot do without is not there; the message ends with the end of its log."""


class StoppedError(Exception):
    """Someone asked the supervisor to stop."""


class Supervisor:
    """The processes of one run. Use it under `locked`, and `stop` it whatever happens."""

    def __init__(self, layout: Layout, run: Run) -> None:
        self._layout = layout
        self.run = replace(run, supervisor=ProcessId.of(os.getpid()))
        self._commands: dict[str, Command] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        write_run(layout.run_file, self.run)

    def start(self, command: Command) -> None:
        """Start a process in a session of its own, its output in `logs/<name>.log`."""
        self._layout.logs.mkdir(parents=True, exist_ok=True)
        with self._log(command.name).open("ab") as log:
            child = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=command.environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._commands[command.name] = command
        self._children[command.name] = child
        self._note(lambda run: run.with_process(command.name, ProcessId.of(child.pid)))

    def restart(self, name: str) -> None:
        """Stop a process as gently as at the end, and start it again."""
        self._stop(self._children[name])
        self.start(self._commands[name])

    def await_ready(self, name: str, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Wait until a process answers. Raises ProcessFailedError when it does not."""
        ends_at = time.monotonic() + timeout_s
        while not is_ready():
            if self._children[name].poll() is not None or time.monotonic() > ends_at:
                raise self._failed(name, "did not come up")
            time.sleep(0.05)

    def mark_ready(self, ready_at: str, packaged_api: str) -> None:
        """Say in the run file that everything answers."""
        self._note(lambda run: replace(run, ready_at=ready_at, packaged_api=packaged_api))

    def watch(self, restartable: Sequence[str]) -> None:
        """Restart what dies, until StoppedError. Raises ProcessFailedError when something else dies."""
        while True:
            for name, child in list(self._children.items()):
                if child.poll() is None:
                    continue
                if name not in restartable:
                    raise self._failed(name, "died")
                if child.returncode:
                    print(f"{name} died ({child.returncode}); starting it again", flush=True)
                    time.sleep(_RESTART_PAUSE_S)
                self.start(self._commands[name])
            time.sleep(_WATCH_INTERVAL_S)

    def stop(self) -> dict[str, bool]:
        """Stop every process, the last started first, and forget the run; tell of each whether it obeyed."""
        obeyed = {name: self._stop(child) for name, child in reversed(self._children.items())}
        for stray in psutil.Process().children():  # a signal may come between a start and its note
            stop_processes(family(stray))
        self._layout.run_file.unlink(missing_ok=True)
        return obeyed

    @staticmethod
    def _stop(child: "subprocess.Popen[bytes]") -> bool:
        if child.poll() is not None:
            return False
        obeyed = stop_processes(family(psutil.Process(child.pid)))
        child.wait()
        return obeyed

    def _note(self, change: Callable[[Run], Run]) -> None:
        self.run = change_run(self._layout.run_file, change, otherwise=self.run)

    def _log(self, name: str) -> Path:
        """Return a process's log; one that has grown large makes way for a new one, once."""
        log = self._layout.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > _LOG_MAX_BYTES:
            log.replace(log.with_suffix(".old.log"))
        return log

    def _failed(self, name: str, what: str, lines: int = 15) -> ProcessFailedError:
        log = self._layout.logs / f"{name}.log"
        end = "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-lines:])
        return ProcessFailedError(f"{name} {what}; the end of its log, {log}:\n{end}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a run's folder for this process. Raises AlreadyRunningError when another one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(str(path)) from None
        yield


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process with everything it started, itself first; empty when it is gone."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop_processes(processes: Sequence[psutil.Process], grace_s: float = STOP_GRACE_S) -> bool:
    """Ask the first process to stop; after the grace kill whatever is left. Tell whether the first obeyed."""
    for process in processes[:1]:
        _tell(process, signal.SIGTERM)
    _, left = psutil.wait_procs(processes, timeout=grace_s if processes else 0)
    for process in left:
        _tell(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)
    return bool(processes) and processes[0] not in left


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGTERM, SIGHUP and Ctrl-C into StoppedError, once; further signals wait for the clean stop."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise StoppedError

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
