"""Starting and stopping: whatever state a road is in, `up` and `down` say so and leave it clean."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from http_cases import order
from local_road import SLUICE, LocalRoad, post, wait_until

pytestmark = pytest.mark.road


@pytest.fixture
def port(api: str) -> str:
    """Return the API's port, which a restart keeps so that other tests find it."""
    return api.rpartition(":")[2]


def test_up_twice(road: LocalRoad, api: str) -> None:
    """A second `up` says that the road runs, and where."""
    shown = road.sluice("up", "--detach").stdout
    assert "already running" in shown
    assert api in shown


def test_down_then_up_keeps_everything(road: LocalRoad, api: str, port: str) -> None:
    """After a restart the rows are there, events go through, and what was known is still known."""
    _send_and_await(road, api, "before-restart")
    counts = road.status()["counts"]
    assert "stopped" in road.sluice("down").stdout
    assert "not running" in road.sluice("status", expect=1).stderr
    assert "not running" in road.sluice("down").stdout
    road.sluice("up", "--detach", "--port", port)
    assert road.status()["counts"] == counts
    _send_and_await(road, api, "after-restart")


def test_a_killed_supervisor(road: LocalRoad, api: str, port: str) -> None:
    """`up` stops what a killed supervisor left behind, and starts again with all data."""
    road.process("firehose").parent().kill()
    assert "not running" in road.sluice("status", expect=1).stderr
    road.sluice("up", "--detach", "--port", port)
    _send_and_await(road, api, "after-kill")


def test_ctrl_c(road: LocalRoad, api: str, port: str) -> None:
    """Ctrl-C in the foreground takes everything down and exits 0."""
    road.sluice("down")
    foreground = subprocess.Popen(
        [SLUICE, "up", "--port", port],
        env={**os.environ, "SLUICE_HOME": str(road.home)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: road.sluice("status", expect=None).returncode == 0, "a ready road")
    finally:
        os.killpg(foreground.pid, signal.SIGINT)
    shown, _ = foreground.communicate(timeout=60)
    assert (foreground.returncode, "the road is stopped" in shown.lower()) == (0, True)
    assert not (road.home / "run.json").exists()
    road.sluice("up", "--detach", "--port", port)
    _send_and_await(road, api, "after-ctrl-c")


def test_a_port_in_use(tmp_path: Path) -> None:
    """A taken port is named, with another that is free, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        failed = LocalRoad(tmp_path).sluice("up", "--detach", "--port", str(taken), expect=1)
    assert f"Port {taken} is in use" in failed.stdout
    assert "bin/sluice up --port" in failed.stdout


def test_an_old_state_folder(tmp_path: Path) -> None:
    """State of another format is refused with the way out, and left as it is."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "format").write_text("0")
    failed = LocalRoad(tmp_path).sluice("up", "--detach", "--port", "0", expect=1)
    assert "--fresh" in failed.stdout
    assert (tmp_path / "state" / "format").read_text() == "0"


def _send_and_await(road: LocalRoad, api: str, event_id: str) -> None:
    assert post(f"{api}/v1/events", order(source="/lifecycle", id=event_id)).status_code == 202
    query = f"select id from core.events where source = '/lifecycle' and id = '{event_id}'"  # noqa: S608
    wait_until(lambda: road.sql(query) == [{"id": event_id}], "the row")


def test_a_killed_emulator(road: LocalRoad, api: str, port: str) -> None:
    """The run ends and says why; the next start says what may be gone, and keeps every row."""
    _send_and_await(road, api, "before-the-kill")
    road.kill("emulator")
    wait_until(lambda: not (road.home / "run.json").exists(), "the end of the run")
    assert "emulator died" in (road.home / "logs" / "supervisor.log").read_text()
    assert "did not stop cleanly" in road.sluice("up", "--detach", "--port", port).stdout
    assert road.sql("select id from core.events where id = 'before-the-kill'") == [{"id": "before-the-kill"}]
    _send_and_await(road, api, "after-the-emulator")
