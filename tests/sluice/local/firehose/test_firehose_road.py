"""The engine as a process, against the emulator as a process: kill it and nothing is missing or double."""

import base64
import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from sluice.local.emulator import (
    ADDRESS,
    EmulatorPaths,
    client_environment,
    emulator_process,
    is_ready,
    prepare,
)

pytestmark = [pytest.mark.road, pytest.mark.filterwarnings("ignore::ResourceWarning")]

ROOT = Path(__file__).parents[4]
TEMPLATE = Path(__file__).parent / "road_template.yaml"
STACK = "sluice-test-infra"
LINES = 5_000
LINE_BYTES = 1_000
TRANSFORM = b"""
import base64, json
def handler(event, context):
    def answer(record):
        line = json.loads(base64.b64decode(record["data"]))
        if line.get("bad"):
            return {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
        data = base64.b64encode(base64.b64decode(record["data"]) + b"\\n").decode()
        return {"recordId": record["recordId"], "result": "Ok", "data": data}
    print("one line")
    return {"records": [answer(record) for record in event["records"]]}
"""


@dataclass
class Road:
    """An emulator with the stack on it, and an engine that can be started and killed."""

    environment: dict[str, str]
    folder: Path
    engine: subprocess.Popen[bytes] | None = None

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulator."""
        env = self.environment
        return boto3.client(
            service,
            endpoint_url=env["AWS_ENDPOINT_URL"],
            region_name=env["AWS_REGION"],
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  # the emulator takes any
        )

    def start_engine(self) -> None:
        """Start the engine."""
        module = [sys.executable, "-m", "sluice.local.firehose"]
        options = [
            "--template",
            str(TEMPLATE),
            "--stack",
            STACK,
            "--checkpoint",
            str(self.folder / "checkpoints.sqlite"),
        ]
        with (self.folder / "engine.log").open("ab") as out:
            self.engine = subprocess.Popen(
                module + options, cwd=ROOT, env=os.environ | self.environment, stdout=out, stderr=out
            )

    def stop_engine(self, number: signal.Signals) -> int:
        """Send the engine a signal and return its exit code."""
        assert self.engine is not None
        self.engine.send_signal(number)
        return self.engine.wait(10)

    def engine_log(self) -> str:
        """Return all the engines' output."""
        return (self.folder / "engine.log").read_text()

    def transformed(self) -> int:
        """Return how many records the engine says it has transformed."""
        lines = [json.loads(line) for line in self.engine_log().splitlines()]
        return sum(line["records"] for line in lines if line["event"] == "transformed")

    def put(self, lines: list[dict[str, Any]]) -> None:
        """Put lines on the stream, one a record, 250 a call."""
        kinesis = self.client("kinesis")
        for start in range(0, len(lines), 250):
            batch = lines[start : start + 250]
            records = [{"Data": json.dumps(line).encode(), "PartitionKey": str(line["n"])} for line in batch]
            assert kinesis.put_records(StreamName="sluice-test-events", Records=records)["FailedRecordCount"] == 0

    def landed(self, prefix: str) -> list[dict[str, Any]]:
        """Return every line under a prefix of the landing bucket."""
        s3, bucket = self.client("s3"), "sluice-test-landing"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        bodies = [gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
        return [json.loads(line) for body in bodies for line in body.splitlines()]


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    """Poll a condition; fail when it stays false."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s} s"
        time.sleep(0.05)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    """Start an emulator, deploy the test template on it, and stop everything afterwards."""
    python = ROOT / ".local/emulator/bin/python"
    if not python.exists():
        pytest.skip("the emulator is not installed: bin/sluice up does it")
    paths, port = EmulatorPaths(python, tmp_path / "emulator"), free_port()
    prepare(paths)
    command = emulator_process(paths, port)
    with (tmp_path / "emulator.log").open("wb") as out:
        emulator = subprocess.Popen(command.argv, cwd=command.cwd, env=os.environ | command.env, stdout=out, stderr=out)
    road = Road(client_environment(port), tmp_path)
    try:
        wait_until(lambda: is_ready(port), 30)
        deploy(road)
        yield road
    finally:
        if road.engine is not None:
            road.engine.kill()
            road.engine.wait(10)
        emulator.terminate()
        emulator.wait(20)


def deploy(road: Road) -> None:
    """Upload the transform and create the stack."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("transform.py", TRANSFORM)
    s3, cloudformation = road.client("s3"), road.client("cloudformation")
    s3.create_bucket(Bucket="sluice-test-artifacts")
    s3.put_object(Bucket="sluice-test-artifacts", Key="transform.zip", Body=archive.getvalue())
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": "DeliverWithFirehose", "ParameterValue": "false"}],
    )
    wait_until(
        lambda: cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE",
        30,
    )


def numbered(count: int) -> list[dict[str, Any]]:
    """Return lines of about 1 KB that say their own number."""
    return [{"n": n, "filler": "x" * LINE_BYTES} for n in range(count)]


def test_kill_loses_and_doubles_nothing(road: Road) -> None:
    """5,000 records, the engine killed -9 five times meanwhile: every line lands exactly once."""
    road.start_engine()
    lines = numbered(LINES)
    for round_number in range(5):
        road.put(lines[round_number * 1_000 : (round_number + 1) * 1_000])
        time.sleep(0.3 * round_number)  # another moment of the engine's work each round
        assert road.stop_engine(signal.SIGKILL) == -signal.SIGKILL
        road.start_engine()
    wait_until(lambda: len(road.landed("events/")) >= LINES, 30)
    assert road.stop_engine(signal.SIGTERM) == 0
    assert Counter(line["n"] for line in road.landed("events/")) == Counter(range(LINES))
    assert "Traceback" not in road.engine_log()


def test_stop_flushes(road: Road) -> None:
    """SIGTERM delivers what was read, failed records to the error output, and leaves with 0 in time."""
    road.start_engine()
    road.put([*numbered(10), {"n": 10, "bad": True}])
    wait_until(lambda: road.transformed() == 11, 15)
    started_s = time.monotonic()
    assert road.stop_engine(signal.SIGTERM) == 0
    assert time.monotonic() - started_s < 3
    assert sorted(line["n"] for line in road.landed("events/dt=")) == list(range(10))
    (failed,) = road.landed("firehose-failed/processing-failed/dt=")
    assert json.loads(base64.b64decode(failed["rawData"])) == {"n": 10, "bad": True}
    assert failed["errorCode"] == "Lambda.ProcessingFailedStatus"


def test_second_engine_is_refused(road: Road) -> None:
    """A second engine on the same checkpoint ends at once with a sentence, and the first goes on."""
    road.start_engine()
    wait_until(lambda: '"started"' in road.engine_log(), 15)
    first = road.engine
    road.start_engine()
    assert road.engine is not None
    assert road.engine.wait(10) == 1
    assert "is another engine running?" in road.engine_log()
    assert first is not None
    assert first.poll() is None
    road.engine = first
