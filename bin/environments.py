"""Make the project's virtual environments as pinned in requirements/, each once; standard library only.

A stamp in each environment holds the pins it was made from, so an unchanged checkout costs nothing.
"""

import fcntl
import hashlib
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"tool": "venv", "dev": "venv", "emulator": "emulator"}
"""The environment each requirements file goes into; the tests run in the tool's own."""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Environment:
    """One requirements file, and the virtual environment that must hold it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.requirements = ROOT / "requirements" / f"{name}.txt"
        self.folder = ROOT / ".local" / FOLDERS[name]
        self._stamp = self.folder / f".{name}-{PYTHON}"

    @property
    def fingerprint(self) -> str:
        """Return what the environment is made from."""
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()

    def is_made(self) -> bool:
        """Tell whether it holds what is pinned now."""
        return self._stamp.exists() and self._stamp.read_text() == self.fingerprint

    def install(self) -> "subprocess.Popen[bytes]":
        """Start pip on the requirements; the environment is made first if it is not there, or another Python's."""
        whole = self.folder / f".whole-{PYTHON}"  # an interrupted creation leaves an environment without pip
        if not whole.exists():
            venv.create(self.folder, with_pip=True, clear=True)
            whole.touch()
        pip = [str(self.folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
        arguments = [*pip, "install", "--require-hashes", "-r", str(self.requirements)]
        return subprocess.Popen(arguments, stderr=subprocess.PIPE)  # noqa: S603 - fixed arguments

    def mark_made(self) -> None:
        """Remember what it holds."""
        self._stamp.write_text(self.fingerprint)


def main(names: list[str]) -> int:
    """Make what is missing; return the exit code."""
    (ROOT / ".local").mkdir(exist_ok=True)
    with (ROOT / ".local" / "environments.lock").open("w") as lock:
        if not _missing(names):
            return 0
        fcntl.flock(lock, fcntl.LOCK_EX)  # another shell may be installing
        return _make(_missing(names))


def _missing(names: list[str]) -> list[Environment]:
    return [environment for environment in map(Environment, names) if not environment.is_made()]


def _make(environments: list[Environment]) -> int:
    """Install side by side what lies in different folders, one after the other what shares one."""
    while environments:
        folders = {environment.folder: environment for environment in reversed(environments)}
        batch = list(folders.values())
        say(f"Installing packages: {', '.join(e.name for e in batch)} (once, about a minute) …")
        started = time.monotonic()
        installing = [(environment, environment.install()) for environment in batch]
        finished = [_finish(environment, pip) for environment, pip in installing]
        if not all(finished):
            return 1
        say(f"Installed in {time.monotonic() - started:.0f} s.")
        environments = [environment for environment in environments if environment not in batch]
    return 0


def _finish(environment: Environment, pip: "subprocess.Popen[bytes]") -> bool:
    """Wait for pip; remember what it made, or say why it made nothing."""
    _, complaint = pip.communicate()
    if pip.returncode:
        say(f"Installing {environment.name} failed:\n{complaint.decode()}")
        return False
    environment.mark_made()
    return True


def say(message: str) -> None:
    """Print progress where it does not mix with a command's output."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("\nStopped while installing; the next start goes on.")
        sys.exit(130)
