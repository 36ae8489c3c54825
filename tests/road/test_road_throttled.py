"""A stream that takes less than is posted: nothing is lost, with the spill or without it."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from http_cases import order
from local_road import ROOT, LocalRoad, post, wait_until

from sluice.local.ports import accepts, free_port

pytestmark = pytest.mark.road

SECONDS = float(os.environ.get("SLUICE_HOT_SECONDS", "5"))
"""A minute at the real limits makes the proof; this is what a test run can afford."""

SCALE = float(os.environ.get("SLUICE_HOT_SCALE", "0.1"))
"""Of a shard's real limits: 1,000 records and 1 MiB a second."""

OVERLOAD = 5
A_POST = 50
EVENT_BYTES = 1_000
CLIENTS = 4


def test_one_hot_partition_key(road: LocalRoad, api: str) -> None:
    """One key at five times a shard's limit: every post is accepted, the rest waits in spill/, and is drained."""
    source = f"/hot/{time.time_ns()}"
    with road.fault(f"kinesis=limits:{SCALE}"):
        answers = _overload(api, source)
        assert set(answers) == {202}
        assert road.status()["counts"]["spilled"] > 0
        wait_until(lambda: road.status()["counts"]["spilled"] == 0, "a drained spill", SECONDS * OVERLOAD * 3 + 60)
    wait_until(lambda: _in_core(road, source) >= answers[202] * A_POST, "all of them in CORE", 120)
    assert _in_core(road, source) == answers[202] * A_POST
    assert "0 missing, 0 double" in road.sluice("verify", "--wait", "60").stdout


def test_without_the_spill(road: LocalRoad) -> None:
    """Switched off, what the stream does not take is unavailable; a client that tries again loses nothing."""
    source = f"/hot/off/{time.time_ns()}"
    with _api_without_spill(road) as api, road.fault("kinesis=throttle"):
        answer = post(f"{api}/v1/events", _batch(source, 0))
        assert (answer.status_code, answer.json()["unavailable"]) == (503, A_POST)
        assert int(answer.headers["Retry-After"]) > 0
        road.sluice("fault", "kinesis=off")
        assert post(f"{api}/v1/events", _batch(source, 0)).status_code == 202
    wait_until(lambda: _in_core(road, source) >= A_POST, "all of them in CORE")
    assert _in_core(road, source) == A_POST


def _overload(api: str, source: str) -> Counter[int]:
    """Post at five times the limit for the time; return how often each status was answered."""
    posts = int(SECONDS * OVERLOAD * SCALE * 2**20 / (A_POST * EVENT_BYTES))
    started = time.monotonic()

    def send(number: int) -> int:
        due = started + SECONDS * number / posts
        time.sleep(max(0.0, due - time.monotonic()))
        return post(f"{api}/v1/events", _batch(source, number)).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(pool.map(send, range(posts)))


def _batch(source: str, number: int) -> list[dict[str, Any]]:
    """Return events of about a thousand bytes that all bear one partition key."""
    batch = [order(place, source=source, id=f"e-{number}-{place}", partitionkey="hot") for place in range(A_POST)]
    for event in batch:
        event["data"]["note"] = "x" * (EVENT_BYTES - 500)
    return batch


def _in_core(road: LocalRoad, source: str) -> int:
    return int(road.sql(f"select count(*) as n from core.events where source = '{source}'")[0]["n"])  # noqa: S608


@contextmanager
def _api_without_spill(road: LocalRoad) -> Iterator[str]:
    """Run a second API of the same road, configured not to spill."""
    port = free_port()
    environment = {**road.process("api").environ(), "SLUICE_SPILL": "off"}
    command = [sys.executable, "-m", "sluice.local.api", "--port", str(port)]
    api = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until(lambda: accepts(port), "an API")
        yield f"http://127.0.0.1:{port}"
    finally:
        api.terminate()
        api.wait()
