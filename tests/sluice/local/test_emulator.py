"""The emulator's process, described."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sluice.local.command import Command
from sluice.local.emulator import EmulatorPaths, client_environment, emulator_process, is_ready, prepare


@pytest.fixture
def paths(tmp_path: Path) -> EmulatorPaths:
    """Return folders of an emulator that never ran."""
    return EmulatorPaths(tmp_path / "bin/python", tmp_path / "state")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nothing_is_reachable_from_outside(paths):
    """The emulator binds to this machine only, and the parts that would not are off."""
    env = emulator_process(paths, 4566).env

    assert env["BIND_HOST"] == "127.0.0.1"
    assert (env["IOT_MTLS_ENABLED"], env["SFTP_ENABLED"]) == ("0", "0")


def test_all_state_lies_below_one_folder(paths):
    """Tables, objects and scratch files go where `--fresh` finds them."""
    env = emulator_process(paths, 4566).env
    folders = [Path(env[name]) for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR")]

    assert all(folder.is_relative_to(paths.state) for folder in folders)
    assert (env["PERSIST_STATE"], env["S3_PERSIST"]) == ("1", "1")


def test_prepare_empties_scratch_and_keeps_state(paths):
    """What kill -9 left of Lambda workers goes; what the emulator saved stays."""
    prepare(paths)
    (paths.scratch / "worker").touch()
    (paths.tables / "sqs.json").touch()
    prepare(paths)

    assert list(paths.scratch.iterdir()) == []
    assert (paths.tables / "sqs.json").exists()


def test_real_account_is_never_inherited(paths):
    """A developer's own profile, token or warehouse does not reach a local process."""
    inherited = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "x", "SNOWFLAKE_ACCOUNT": "real", "PATH": "/bin"}
    environment = emulator_process(paths, 4566).environment(inherited)

    assert environment["PATH"] == "/bin"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "SNOWFLAKE_ACCOUNT"} & environment.keys()
    assert environment["AWS_ENDPOINT_URL"] == client_environment(4566)["AWS_ENDPOINT_URL"]


def test_own_variables_win_over_inherited_ones(tmp_path):
    """What a command needs is what it gets."""
    command = Command("x", ("true",), tmp_path, {"TMPDIR": "mine"})

    assert command.environment({"TMPDIR": "yours"}) == {"TMPDIR": "mine"}


def test_nobody_listening_is_not_ready():
    """A port without a server is a plain no, not an error."""
    assert is_ready(free_port()) is False


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_ready_is_what_the_emulator_says(status, ready):
    """Listening is not enough: state must have been read back."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert is_ready(server.server_port) is ready
        thread.join()
