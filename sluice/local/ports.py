"""Ports of a local run: the API's is the user's choice, the others stay the same from start to start."""

import json
import socket
from dataclasses import asdict
from pathlib import Path

from sluice.local.run_file import Ports

ADDRESS = "127.0.0.1"
DEFAULT_API_PORT = 8000
_PREFERRED = {"aws": 4566, "snowflake": 8084}


class PortInUseError(Exception):
    """Another program listens on the API's port."""


def choose_ports(remembered: Path, api: int) -> Ports:
    """Choose ports and remember them. `api` 0 means any free one.

    Raises PortInUseError when the API's port is taken.
    """
    if api and not _is_free(api):
        raise PortInUseError(
            f"Port {api} is in use by another program. Stop that program, or choose another port: "
            f"bin/sluice up --port {free_port()}"
        )
    wanted = _PREFERRED | (json.loads(remembered.read_text()) if remembered.exists() else {})
    ports = Ports(
        api=api or free_port(),
        aws=_wanted_or_free(wanted["aws"]),
        snowflake=_wanted_or_free(wanted["snowflake"]),
    )
    remembered.write_text(json.dumps(asdict(ports)))
    return ports


def accepts(port: int) -> bool:
    """Tell whether something listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((ADDRESS, port)) == 0


def _wanted_or_free(port: int) -> int:
    return port if _is_free(port) else free_port()


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
