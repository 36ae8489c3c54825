"""The local road as a user drives it: through `bin/sluice` and HTTP, nothing else."""

import gzip
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import requests

from sluice.local.ports import Ports
from sluice.local.warehouse import QueryError, Warehouse

ROOT = Path(__file__).resolve().parents[2]
SLUICE = ROOT / "bin" / "sluice"
RESTART_S = 30.0


@dataclass(frozen=True)
class LocalRoad:
    """One local run in a folder of its own."""

    home: Path

    def sluice(self, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `bin/sluice`; its exit code must be as expected."""
        done = subprocess.run(
            [SLUICE, *arguments],
            env={**os.environ, "SLUICE_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert expect is None or done.returncode == expect, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def status(self) -> dict[str, Any]:
        """Return `status --json`."""
        return dict(json.loads(self.sluice("status", "--json").stdout))

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a statement, as `sql --json` shows them; a stand-in that is being restarted is awaited."""
        ends_at = time.monotonic() + RESTART_S
        while True:
            try:
                return Warehouse.of(Ports(**self.run()["ports"])).query(statement)
            except QueryError:
                if time.monotonic() > ends_at:
                    raise
            time.sleep(0.5)

    def run(self) -> dict[str, Any]:
        """Return the run file."""
        return dict(json.loads((self.home / "run.json").read_text()))

    def process(self, name: str) -> psutil.Process:
        """Return one process of the run."""
        return psutil.Process(self.run()["processes"][name]["pid"])

    def running(self, name: str) -> psutil.Process | None:
        """Return one process of the run if it is alive just now."""
        try:
            return self.process(name)
        except psutil.NoSuchProcess:
            return None

    def kill(self, name: str) -> None:
        """Kill one process of the run with -9, once it runs (again)."""
        wait_until(lambda: self._is_running(name), f"a running {name}")
        self.process(name).kill()

    def _is_running(self, name: str) -> bool:
        return self.running(name) is not None

    @contextmanager
    def fault(self, *faults: str) -> Iterator[None]:
        """Switch faults on for as long as the block lasts."""
        self.sluice("fault", *faults)
        try:
            yield
        finally:
            self.sluice("fault", "clear")

    def ledger(self, holding: str = "") -> list[dict[str, Any]]:
        """Return the ledger's entries whose file's name holds a text."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.infra()["LedgerTable"])
        items = [
            {name: next(iter(typed.values())) for name, typed in item.items()}
            for page in pages
            for item in page["Items"]
        ]
        return [item for item in items if "state" in item and holding in item["file"]]

    def infra(self) -> dict[str, str]:
        """Return the outputs of the infra stack."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName="sluice-local-infra")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @contextmanager
    def alerts(self) -> Iterator[Callable[[], list[dict[str, Any]]]]:
        """Subscribe to the alert topic; give what returns all alerts since then, as SNS delivers them."""
        sqs, sns = self.client("sqs"), self.client("sns")
        queue = sqs.create_queue(QueueName=f"alerts-{uuid.uuid4().hex}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.infra()["AlertTopicArn"]
        subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        received: list[dict[str, Any]] = []

        def read() -> list[dict[str, Any]]:
            while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
                received.extend(json.loads(message["Body"]) for message in found)
                for message in found:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return received

        try:
            yield read
        finally:
            sns.unsubscribe(SubscriptionArn=subscription)
            sqs.delete_queue(QueueUrl=queue)

    def failed_events(self) -> Iterator[dict[str, Any]]:
        """Yield every failed event that lies in the dead-letter bucket."""
        bucket = self.infra()["DeadLetterBucket"]
        s3 = self.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="failed/v1/"):
            for entry in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                yield from map(json.loads, gzip.decompress(body).splitlines())

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulated AWS."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.run()['ports']['aws']}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator does not look at it
        )


def post(url: str, events: Any, **headers: str) -> requests.Response:
    """Post one event or several as JSON."""
    return requests.post(url, json=events, headers=headers, timeout=60)


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    """Poll until something holds; fail naming it when it does not."""
    ends_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < ends_at, f"after {timeout_s} s: not {what}"
        time.sleep(0.2)
