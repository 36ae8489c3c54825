"""One local road for all tests of this folder, on free ports, with a state of its own."""

from collections.abc import Iterator

import psutil
import pytest
from local_road import LocalRoad


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRoad]:
    """Bring a road up; take it down, and see that no process of it is left."""
    local_road = LocalRoad(tmp_path_factory.mktemp("road"))
    local_road.sluice("up", "--detach", "--port", "0")
    try:
        yield local_road
    finally:
        local_road.sluice("down")
    assert [process for process in psutil.process_iter(["cmdline"]) if _belongs(process, local_road)] == []


@pytest.fixture(scope="session")
def api(road: LocalRoad) -> str:
    """Return the API's address."""
    return str(road.status()["api"])


def _belongs(process: psutil.Process, local_road: LocalRoad) -> bool:
    return str(local_road.home) in " ".join(process.info["cmdline"] or [])
