"""The supervisor, with real processes that do nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sluice.local.command import Command
from sluice.local.layout import Layout
from sluice.local.ports import Ports
from sluice.local.run_file import ProcessId, Run, read_run
from sluice.local.supervisor import ProcessFailedError, Supervisor

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Return a supervisor of nothing yet."""
    supervisor = Supervisor(Layout(_made(tmp_path / "run")), Run(Ports(1, 2, 3, 4)))
    yield supervisor
    supervisor.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _sleeper(name: str, folder: Path) -> Command:
    return Command(name, SLEEP, folder)


def test_run_file_finds_what_was_started(supervisor: Supervisor, tmp_path: Path) -> None:
    """Each process is found again by what the run file says of it, the supervisor too."""
    supervisor.start(_sleeper("a", tmp_path))
    run = read_run(tmp_path / "run" / "run.json")

    assert run == supervisor.run
    assert list(run.living()) == ["a", "supervisor"]


def test_process_is_known_by_its_start_too(supervisor: Supervisor, tmp_path: Path) -> None:
    """A later process with the same number is not taken for the one that was started."""
    supervisor.start(_sleeper("a", tmp_path))
    known = supervisor.run.processes["a"]

    assert known.find() is not None
    assert ProcessId(known.pid, known.started_s - 1).find() is None


def test_clock_may_be_set_while_a_process_runs(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times of day move with the clock, and with them what the kernel gives as its own start; the process stays."""
    supervisor.start(_sleeper("a", tmp_path))
    started, booted = psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: started(process) + 3600)
    monkeypatch.setattr(psutil, "boot_time", lambda: booted() + 3600)

    assert supervisor.run.processes["a"].find() is not None


def test_stop_tells_who_obeyed_and_forgets_the_run(supervisor: Supervisor, tmp_path: Path) -> None:
    """One that had died already did not stop cleanly; the others did."""
    supervisor.start(_sleeper("alive", tmp_path))
    supervisor.start(_sleeper("dead", tmp_path))
    dead = psutil.Process(supervisor.run.processes["dead"].pid)
    dead.kill()
    while dead.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

    assert supervisor.stop() == {"dead": False, "alive": True}
    assert not (tmp_path / "run" / "run.json").exists()


def test_stop_leaves_no_process_that_was_never_noted(supervisor: Supervisor) -> None:
    """A signal may come after a process was started and before it was written down."""
    with subprocess.Popen(SLEEP, start_new_session=True) as stray:
        supervisor.stop()

        assert not psutil.pid_exists(stray.pid) or psutil.Process(stray.pid).status() == psutil.STATUS_ZOMBIE


def test_process_that_does_not_come_up_says_why(supervisor: Supervisor, tmp_path: Path) -> None:
    """With the end of its log, and where the rest is."""
    supervisor.start(Command("broken", (sys.executable, "-c", "raise SystemExit('no such port')"), tmp_path))
    with pytest.raises(ProcessFailedError, match=r"broken did not come up.*broken\.log:\n  no such port"):
        supervisor.await_ready("broken", lambda: False, 60)


def test_log_does_not_grow_for_ever(supervisor: Supervisor, tmp_path: Path) -> None:
    """A large one is put aside when its process starts; a small one is written on."""
    logs = _made(tmp_path / "run" / "logs")
    with (logs / "large.log").open("wb") as large:
        large.truncate(20_000_000)
    (logs / "small.log").write_bytes(b"before\n")
    supervisor.start(_sleeper("large", tmp_path))
    supervisor.start(_sleeper("small", tmp_path))
    sizes = {log.name: log.stat().st_size for log in logs.iterdir()}
    assert sizes == {"large.old.log": 20_000_000, "large.log": 0, "small.log": len("before\n")}
