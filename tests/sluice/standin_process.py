"""The real Snowflake stand-in as a process, and what a test needs to talk to it."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import snowflake.connector
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from object_server import ObjectServer
from snowflake.ingest import SimpleIngestManager, StagedFile

from chalicelib.adapters.snowpipe import SnowflakeAccount
from sluice.local.faults import Fault, FaultFile

REPOSITORY = Path(__file__).parents[2]
ACCOUNT, USER, DATABASE, BUCKET = "sluice-local", "SLUICE_LOADER", "SLUICE", "landing"
VARIABLES = {"database": DATABASE, "landing_bucket": BUCKET, "storage_integration": "SLUICE_S3"}


@dataclass(frozen=True)
class KeyPair:
    """A loader's key pair as PEM texts."""

    private: str
    public: str


def new_key_pair() -> KeyPair:
    """Make a key pair."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode(), public.decode())


def eventually(question: Callable[[], Any], timeout_s: float = 20) -> Any:
    """Ask until the answer is true, and give it; fail when the time is up."""
    deadline = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return answer


def line(event_id: str, **changes: Any) -> str:
    """Give a line as it lies in landing."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/anonymous",
        "type": "order.placed",
        "time": "2026-11-21T10:00:00.000Z",
        "dataschema": "sluice:order.placed/1-0-0",
        "data": {"n": 1},
        "receivedat": "2026-11-21T10:00:00.123Z",
        "receiptid": "r",
        "receiptindex": 0,
        "receiptcount": 1,
        "principal": "anonymous",
        "clientip": "127.0.0.1",
        "useragent": "tests",
    }
    return json.dumps(event | changes, ensure_ascii=False, separators=(",", ":"))


@dataclass
class StandInProcess:
    """The stand-in as `up` starts it; may be killed and started again on the same data."""

    data: Path
    keys: KeyPair
    objects: ObjectServer
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def start(self, port: int | None = None) -> None:
        """Start the process and wait until it answers."""
        self.port = port or free_port()
        self.process = subprocess.Popen(self._command(), cwd=REPOSITORY, stderr=self._log())
        eventually(self._healthy)

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it with SIGTERM; give the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)

    def put(self, path: str, *lines: str) -> None:
        """Land a gzip file of lines under `events/`."""
        self.objects.put(BUCKET, f"events/{path}", gzip.compress("\n".join([*lines, ""]).encode()))

    def connect(self) -> Any:
        """Open a session with the unmodified connector."""
        return snowflake.connector.connect(
            user=USER,
            password="any",  # noqa: S106 -- the stand-in takes any
            account=ACCOUNT,
            host="127.0.0.1",
            port=self.port,
            protocol="http",
            database=DATABASE,
            network_timeout=5,
        )

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement in a session of its own."""
        with self.connect() as connection, connection.cursor() as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(statement).fetchall()
            return rows

    def manager(self, keys: KeyPair | None = None, pipe: str = "SLUICE.RAW.EVENTS_PIPE") -> Any:
        """Give the unmodified SDK's manager."""
        key = (keys or self.keys).private
        return SimpleIngestManager(ACCOUNT, USER, pipe, key, scheme="http", host="127.0.0.1", port=self.port)

    def ingest(self, *paths: str) -> Any:
        """Name files to the pipe."""
        return self.manager().ingest_files([StagedFile(path, None) for path in paths])

    def count(self, table: str) -> int:
        """Count a table's rows."""
        return int(self.sql(f"SELECT COUNT(*) AS N FROM {table}")[0][0])  # noqa: S608 -- a test's own names

    def log(self) -> str:
        """Give what the process has said."""
        return (self.data / "stderr.log").read_text()

    @contextmanager
    def playing(self, *kinds: str) -> Iterator[None]:
        """Play faults of Snowpipe as long as the block lasts."""
        faults = FaultFile(self.data / "faults.json")
        faults.switch_on([Fault("snowpipe", kind) for kind in kinds])
        yield
        faults.switch_off(["snowpipe"])

    def account(self) -> SnowflakeAccount:
        """Give the stand-in as the app's adapters know it."""
        return SnowflakeAccount(ACCOUNT, USER, DATABASE, "127.0.0.1", self.port, "http", "secret")

    def _log(self) -> int:
        self.data.mkdir(parents=True, exist_ok=True)
        return os.open(self.data / "stderr.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def _command(self) -> list[str]:
        public = self.data / "public.pem"
        public.write_text(self.keys.public)
        options = {
            "--port": str(self.port),
            "--data": str(self.data / "warehouse"),
            "--public-key": str(public),
            "--account": ACCOUNT,
            "--user": USER,
            "--s3-endpoint": self.objects.url,
            "--faults": str(self.data / "faults.json"),
        }
        return [sys.executable, "-m", "sluice.local.snowflake", *(word for pair in options.items() for word in pair)]

    def _healthy(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz") as answer:
                return bool(json.load(answer)["ok"])
        except (urllib.error.URLError, ConnectionError):
            return False


def free_port() -> int:
    """Give a port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
