"""The local API asked to stop while it works: it finishes, answers, and takes nothing new."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests

from sluice.local.emulator import client_environment
from sluice.local.ports import accepts, free_port

pytestmark = pytest.mark.road

ROOT = Path(__file__).parents[3]
APP = {
    "SLUICE_DEPLOY_STAGE": "local",
    "SLUICE_STREAM": "s",
    "SLUICE_LANDING_BUCKET": "landing",
    "SLUICE_DEAD_LETTER_BUCKET": "dead",
    "SLUICE_LEDGER_TABLE": "ledger",
    "SLUICE_ALERT_TOPIC": "topic",
    "SNOWFLAKE_ACCOUNT": "a",
    "SNOWFLAKE_USER": "u",
    "SNOWFLAKE_DATABASE": "d",
    "SNOWFLAKE_KEY_SECRET": "k",
}


class SlowKinesis(ThreadingHTTPServer):
    """Takes every record, once it may answer."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: SlowKinesis

    def do_POST(self) -> None:
        """Answer PutRecords."""
        records = json.loads(self.rfile.read(int(self.headers["content-length"])))["Records"]
        self.server.asked.set()
        self.server.may_answer.wait(2)
        taken = [{"SequenceNumber": "1", "ShardId": "shard"} for _ in records]
        answer = json.dumps({"FailedRecordCount": 0, "Records": taken}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def kinesis() -> Iterator[SlowKinesis]:
    """Serve on a free port."""
    with SlowKinesis() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_request_under_way_is_answered(kinesis: SlowKinesis) -> None:
    """The client learns what was accepted, then the process ends; nobody can connect any more."""
    port = free_port()
    env = {**os.environ, **client_environment(kinesis.server_port), **APP}
    api = subprocess.Popen([sys.executable, "-m", "sluice.local.api", "--port", str(port)], cwd=ROOT, env=env)
    answers: list[requests.Response] = []
    event = {"type": "order.placed", "data": {"order_id": "o", "amount": 1, "currency": "EUR"}}
    client = threading.Thread(
        target=lambda: answers.append(requests.post(f"http://127.0.0.1:{port}/v1/events", json=event, timeout=10))
    )
    try:
        _await(lambda: accepts(port))
        client.start()
        assert kinesis.asked.wait(5)
        api.terminate()
        _await(lambda: not accepts(port))
        assert api.poll() is None
        kinesis.may_answer.set()
        assert api.wait(5) == 0
    finally:
        api.kill()
        api.wait()
        client.join()
    (answer,) = answers
    assert (answer.status_code, answer.headers["Connection"]) == (202, "close")


def _await(holds: Callable[[], bool]) -> None:
    ends_at = monotonic() + 10
    while not holds():
        assert monotonic() < ends_at
        sleep(0.02)
