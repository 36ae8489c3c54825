"""The emulator (ministack): its process, its folders, its readiness. Nothing about our stacks belongs here.

Source: the names of variables are those ministack 1.5.33 reads; it documents few of them.
"""

import http.client
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from sluice.local.command import Command
from sluice.local.ports import ADDRESS, url

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
READY_PATH = "/_ministack/ready"
SURPLUS_WORKER_S = 60
_LEFT_OVER = "left-over-"


@dataclass(frozen=True, slots=True)
class EmulatorPaths:
    """Where the emulator's interpreter is and where its state lies."""

    python: Path
    state: Path

    @property
    def tables(self) -> Path:
        """Everything but S3 objects, as JSON, written when the emulator is asked to stop."""
        return self.state / "tables"

    @property
    def objects(self) -> Path:
        """S3 objects, written through at each put."""
        return self.state / "objects"

    @property
    def scratch(self) -> Path:
        """Unpacked code of Lambda workers, about 40 MB each; of no use once the emulator is gone."""
        return self.state / "tmp"


def prepare(paths: EmulatorPaths) -> None:
    """Make the folders, with an empty scratch folder: whatever ends the emulator leaves workers' code behind. Writes.

    Hundreds of MB may lie there, so they are deleted beside the start, not before it.
    """
    for folder in (paths.tables, paths.objects, paths.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    paths.scratch.rename(Path(tempfile.mkdtemp(prefix=_LEFT_OVER, dir=paths.state)) / "tmp")
    paths.scratch.mkdir()
    Thread(target=_forget, args=(list(paths.state.glob(f"{_LEFT_OVER}*")),), daemon=True).start()


def _forget(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def emulator_process(paths: EmulatorPaths, port: int) -> Command:
    """Describe the emulator's process on `port`; SIGTERM makes it save its state and stop."""
    return Command(
        name="emulator",
        argv=(str(paths.python), "-m", "ministack"),
        cwd=paths.state,
        env=client_environment(port) | _server_environment(paths, port),
    )


def client_environment(port: int) -> dict[str, str]:
    """Return what boto3 needs in any process to talk to the emulator on `port`, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": url(port),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _server_environment(paths: EmulatorPaths, port: int) -> dict[str, str]:
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": ADDRESS,
        "MINISTACK_HOST": ADDRESS,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        # Both would listen on every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(paths.tables),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(paths.objects),
        "TMPDIR": str(paths.scratch),
        # One heap for all threads: its workers inherit this, and each would keep tens of MB of half-empty ones.
        "MALLOC_ARENA_MAX": "1",
        # The first worker of each function stays for ever, so no event waits for a cold start; those that a burst
        # or two callers at once have added, 60 MB each, go.
        "LAMBDA_WARM_TTL_SECONDS": str(SURPLUS_WORKER_S),
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
    }


def is_ready(port: int, timeout_s: float = 1.0) -> bool:
    """Say whether an emulator answers on `port`; a refused or slow connection means no. Read-only."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=timeout_s)
    try:
        connection.request("GET", READY_PATH)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
