"""The scheduler's two calls, against a server that says what the emulator says."""

import json
import subprocess
import sys
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chalice.app import CloudWatchEvent
from standin_process import eventually

from sluice.local.ports import free_port
from sluice.local.scheduler.emulated import Emulated, Invoked, NoAnswerError
from sluice.local.scheduler.events import scheduled_event
from sluice.local.scheduler.metrics import Metrics

ROOT = Path(__file__).parents[4]
EMF = {
    "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "A"}]}]},
    "A": 1,
}


@dataclass
class FakeAws:
    """What it was asked, and what it answers: status, headers, body."""

    url: str
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"null"


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    """Serve on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fake.asked.append((self.path, dict(self.headers), body))
            self.send_response(fake.status)
            for name, value in {**fake.headers, "Content-Length": str(len(fake.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(fake.body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeAws(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


def test_function_is_called_as_lambda_is(aws: FakeAws) -> None:
    """By name, with its event, asking for the log's end."""
    aws.headers = {"X-Amz-Log-Result": b64encode("said: ü".encode()).decode()}
    assert Emulated(aws.url, "us-east-1").invoke("app-Reconcile-1", {"a": 1}) == Invoked("said: ü", None)
    ((path, headers, body),) = aws.asked
    assert (path, body) == ("/2015-03-31/functions/app-Reconcile-1/invocations", {"a": 1})
    assert headers["X-Amz-Log-Type"] == "Tail"
    assert "/us-east-1/lambda/aws4_request" in headers["Authorization"]


def test_function_that_raised_is_told_from_one_that_did_not(aws: FakeAws) -> None:
    """Both are answered 200."""
    aws.headers, aws.body = {"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage":"no"}'
    assert Emulated(aws.url, "us-east-1").invoke("f", {}).error == '{"errorMessage":"no"}'


def test_emulator_in_trouble_is_one_kind_of_error(aws: FakeAws) -> None:
    """Refused, or answered with another status."""
    aws.status = 404
    for url in (aws.url, f"http://127.0.0.1:{free_port()}"):
        with pytest.raises(NoAnswerError):
            Emulated(url, "us-east-1").invoke("f", {})


def test_metrics_the_emulator_does_not_take_are_put_again(aws: FakeAws) -> None:
    """Nothing heard is forgotten; the trouble is said."""
    said: list[str] = []
    metrics = Metrics(Emulated(aws.url, "us-east-1"), said.append)
    metrics.hear(json.dumps(EMF))
    aws.status = 500
    metrics.hand_on(0.0)
    metrics.hear(json.dumps(EMF))
    aws.status = 200
    metrics.hand_on(1.0)
    metrics.hand_on(2.0)

    assert [body["MetricData"][0]["Counts"] for _, _, body in aws.asked] == [[1], [2]]
    assert all(headers["X-Amz-Target"].endswith(".PutMetricData") for _, headers, _ in aws.asked)
    assert len(said) == 1


def test_event_is_one_that_chalice_reads() -> None:
    """As EventBridge sends it."""
    event = CloudWatchEvent(
        scheduled_event("drain", "id-1", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "000000000000", "us-east-1"), {}
    )
    assert (event.source, event.detail_type, event.time) == ("aws.events", "Scheduled Event", "2026-01-02T03:04:05Z")
    assert (event.event_id, event.detail, event.region) == ("id-1", {}, "us-east-1")
    assert event.resources == ["arn:aws:events:us-east-1:000000000000:rule/sluice-local-drain"]


@pytest.mark.road
def test_process_calls_every_function_and_hands_their_metrics_on(aws: FakeAws) -> None:
    """Each at its own pace, until it is asked to stop."""
    aws.headers = {"X-Amz-Log-Result": b64encode(json.dumps(EMF).encode()).decode()}
    functions = [word for name in ("reconcile", "drain", "compare") for word in ("--function", f"{name}=f-{name}")]
    command = [sys.executable, "-m", "sluice.local.scheduler", "--emulator", aws.url, *functions]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            eventually(lambda: min(_calls(aws)[name] for name in ("f-reconcile", "f-drain")) >= 3)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert 1 <= _calls(aws)["f-compare"] < _calls(aws)["f-reconcile"]
    assert next(body["Namespace"] for path, _, body in aws.asked if path == "/") == "N"


def _calls(aws: FakeAws) -> Counter[str]:
    """Count the calls of each function."""
    return Counter(path.split("/")[3] for path, _, _ in list(aws.asked) if "functions" in path)
