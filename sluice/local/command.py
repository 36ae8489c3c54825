"""A process of the local run, described: what to start, where, with which environment. It starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOREIGN_PREFIXES = ("AWS_", "SNOWFLAKE_", "SLUICE_", "CHALICE_")


@dataclass(frozen=True, slots=True)
class Command:
    """One process; `env` is what it needs beyond the environment it is started from."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment: `inherited` less all that points at a real account, then `env`."""
        harmless = {name: value for name, value in inherited.items() if not name.startswith(FOREIGN_PREFIXES)}
        return harmless | dict(self.env)
