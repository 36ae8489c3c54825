"""The local road as a user drives it: through `bin/sluice` and HTTP, nothing else."""

import gzip
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import requests

ROOT = Path(__file__).resolve().parents[2]
SLUICE = ROOT / "bin" / "sluice"


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
        """Return the rows of `sql --json`."""
        return list(json.loads(self.sluice("sql", "--json", statement).stdout))

    def process(self, name: str) -> psutil.Process:
        """Return one process of the run."""
        run = json.loads((self.home / "run.json").read_text())
        return psutil.Process(run["processes"][name]["pid"])

    def kill(self, name: str) -> None:
        """Kill one process of the run with -9, once it runs (again)."""
        wait_until(lambda: self._is_running(name), f"a running {name}")
        self.process(name).kill()

    def _is_running(self, name: str) -> bool:
        run = json.loads((self.home / "run.json").read_text())
        return psutil.pid_exists(run["processes"][name]["pid"])

    def failed_events(self) -> Iterator[dict[str, Any]]:
        """Yield every failed event that lies in the dead-letter bucket."""
        bucket = self.status()["buckets"]["dead_letters"]
        s3 = self.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="failed/v1/"):
            for entry in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                yield from map(json.loads, gzip.decompress(body).splitlines())

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulated AWS."""
        return boto3.client(
            service,
            endpoint_url=self.status()["aws_endpoint"],
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
