"""Ports of a local run: what is free, and nothing twice."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.local import ports
from sluice.local.ports import PortInUseError, choose_ports, free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_ports_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    """What was chosen once is chosen again as long as it is free."""
    first = choose_ports(tmp_path / "ports.json", 0)
    second = choose_ports(tmp_path / "ports.json", 0)

    assert (second.aws, second.snowflake) == (first.aws, first.snowflake)


def test_taken_port_of_the_api_is_refused(tmp_path: Path, taken: int) -> None:
    """The API's port is the user's choice: no other is taken in its place."""
    with pytest.raises(PortInUseError, match=f"Port {taken} is in use"):
        choose_ports(tmp_path / "ports.json", taken)


def test_other_ports_give_way(tmp_path: Path, taken: int) -> None:
    """A remembered port that someone else has by now is replaced."""
    (tmp_path / "ports.json").write_text(json.dumps({"aws": free_port(), "snowflake": taken}))
    chosen = choose_ports(tmp_path / "ports.json", 0)

    assert len({taken, chosen.api, chosen.aws, chosen.snowflake, chosen.shim}) == 5


def test_any_free_port_means_all_of_them(tmp_path: Path) -> None:
    """A second road takes no port that the first prefers and may be without for the moment of a restart."""
    chosen = choose_ports(tmp_path / "ports.json", 0)

    assert not {chosen.aws, chosen.snowflake, chosen.shim} & {4566, 4567, 8084}


def test_the_port_of_the_emulated_aws_stays(tmp_path: Path, taken: int) -> None:
    """Queues that it has saved bear its port in their address: with another one, nobody would read them."""
    (tmp_path / "ports.json").write_text(json.dumps({"aws": taken}))
    with pytest.raises(PortInUseError, match=f"Port {taken} is in use .* --fresh"):
        choose_ports(tmp_path / "ports.json", 0)


def test_address_names_this_machine_only() -> None:
    """Clients are given the address that the processes are bound to."""
    assert ports.Ports(8000, 4566, 8084, 4567).api_url == "http://127.0.0.1:8000"
