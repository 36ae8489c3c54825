"""Ports of a local run: the API's is the user's choice, the others stay the same from start to start."""

import json
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sluice.local.whole_file import write_whole

ADDRESS = "127.0.0.1"
DEFAULT_API_PORT = 8000
_PREFERRED = {"aws": 4566, "snowflake": 8084, "shim": 4567}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a run listens, on this machine only."""

    api: int
    aws: int
    snowflake: int
    shim: int

    @property
    def api_url(self) -> str:
        """Return the API's address, without a slash at the end."""
        return url(self.api)

    @property
    def aws_url(self) -> str:
        """Return the emulator's address, without a slash at the end."""
        return url(self.aws)

    @property
    def shim_url(self) -> str:
        """Return where the emulator is reached with faults, without a slash at the end."""
        return url(self.shim)

    @property
    def snowflake_url(self) -> str:
        """Return the stand-in's address, without a slash at the end."""
        return url(self.snowflake)


class PortInUseError(Exception):
    """Another program listens on a port that cannot be replaced by another."""


def choose_ports(remembered: Path, api: int) -> Ports:
    """Choose ports and remember them. `api` 0 means any free ones: of two roads, none gets a port of the other's.

    The emulated AWS keeps its port as long as its state: the address of a queue holds it. Raises PortInUseError
    when that port, or the API's, is taken.
    """
    if api and not _is_free(api):
        raise PortInUseError(
            f"Port {api} is in use by another program. Stop that program, or choose another port: "
            f"bin/sluice up --port {free_port()}"
        )
    known = json.loads(remembered.read_text()) if remembered.exists() else {}
    if "aws" in known and (known["aws"] == api or not _is_free(known["aws"])):
        raise PortInUseError(
            f"Port {known['aws']} is in use by another program, or asked for, and the emulated AWS cannot leave it "
            "with its data. Stop that program, or start clean, which forgets the data: bin/sluice up --fresh"
        )
    wanted = (_PREFERRED if api else {}) | known
    chosen = {"api": api or free_port()}
    for name in _PREFERRED:
        chosen[name] = _wanted_or_free(wanted.get(name), taken=chosen.values())
    write_whole(remembered, json.dumps(chosen).encode())
    return Ports(**chosen)


def url(port: int) -> str:
    """Return the address of what listens on a port."""
    return f"http://{ADDRESS}:{port}"


def accepts(port: int) -> bool:
    """Tell whether something listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((ADDRESS, port)) == 0


def _wanted_or_free(wanted: int | None, taken: Collection[int]) -> int:
    if wanted and wanted not in taken and _is_free(wanted):
        return wanted
    return next(port for port in iter(free_port, None) if port not in taken)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return not accepts(port)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
