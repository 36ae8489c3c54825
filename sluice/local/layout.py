"""Where a local run keeps things: one folder, so that several runs can stand side by side."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

EMULATOR_PYTHON = ROOT / ".local" / "emulator" / "bin" / "python"
"""The emulator has an environment of its own: it pins a botocore that the app does not use."""

STATE_FORMAT = 1
"""Raised when a state folder of an older checkout can no longer be read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One local run's folder. `SLUICE_HOME` chooses another than `.local/run`."""

    home: Path

    @classmethod
    def from_environment(cls) -> Self:
        """Return the layout that this shell means."""
        return cls(Path(os.environ.get("SLUICE_HOME") or ROOT / ".local" / "run").resolve())

    @property
    def state(self) -> Path:
        """Everything that must survive a restart."""
        return self.home / "state"

    @property
    def format_file(self) -> Path:
        """The number of the state's format."""
        return self.state / "format"

    @property
    def open_mark(self) -> Path:
        """There from a start until a clean stop: what a killed emulator had not saved is lost."""
        return self.state / "open"

    @property
    def private_key(self) -> Path:
        """The Snowpipe user's private key, PEM."""
        return self.state / "snowflake_key.p8"

    @property
    def public_key(self) -> Path:
        """The key that the stand-in knows the Snowpipe user by, PEM."""
        return self.state / "snowflake_key.pub"

    @property
    def request_log(self) -> Path:
        """One line a post, written by both API processes."""
        return self.state / "requests.ndjson"

    @property
    def build(self) -> Path:
        """What is packaged for this run."""
        return self.home / "build"

    @property
    def logs(self) -> Path:
        """One file a process, and what a large one held before, `.old.log`."""
        return self.home / "logs"

    @property
    def run_file(self) -> Path:
        """What runs now, where, and since when."""
        return self.home / "run.json"

    @property
    def faults(self) -> Path:
        """The faults that are played on purpose."""
        return self.home / "faults.json"

    @property
    def lock_file(self) -> Path:
        """Held as long as the run's supervisor lives."""
        return self.home / "lock"
