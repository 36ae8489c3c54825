"""What is accepted arrives, once, whatever dies or fails on the way."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from faulty_kinesis import Fails, FaultyKinesis
from http_cases import order
from local_road import ROOT, LocalRoad, post, wait_until

from sluice.local.ports import accepts, free_port

pytestmark = pytest.mark.road


def _ids(road: LocalRoad, source: str) -> list[str]:
    return sorted(row["id"] for row in road.sql(f"select id from core.events where source = '{source}'"))  # noqa: S608


@pytest.mark.parametrize("victim", ["firehose", "warehouse", "api"])
def test_a_process_killed_while_events_are_posted(road: LocalRoad, api: str, victim: str) -> None:
    """5,000 events in fifty posts, one process killed -9 thrice: every accepted event is in CORE, none twice."""
    source = f"/killed/{victim}"
    batches = [
        [order(number, source=source, id=f"{victim}-{number:05}") for number in range(start, start + 100)]
        for start in range(0, 5_000, 100)
    ]
    accepted: list[str] = []

    def send(numbered: tuple[int, list[dict[str, Any]]]) -> None:
        number, batch = numbered
        if number in {5, 20, 35}:
            road.kill(victim)
        accepted.extend(_accepted_in_the_end(api, batch))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, enumerate(batches)))
    assert len(set(accepted)) == 5_000
    wait_until(lambda: len(_ids(road, source)) >= 5_000, "all of them in CORE", 120)
    assert _ids(road, source) == sorted(set(accepted))
    assert "0 missing, 0 double" in road.sluice("verify").stdout


def _accepted_in_the_end(api: str, batch: list[dict[str, Any]]) -> list[str]:
    """Post as a careful client does: again, with the same ids, until there is an answer."""
    answers: list[requests.Response] = []

    def answered() -> bool:
        try:
            answers.append(post(f"{api}/v1/events", batch))
        except requests.ConnectionError:
            return False
        return answers[-1].status_code == 202

    wait_until(answered, "an answer", 60)
    return [result["id"] for result in answers[-1].json()["results"]]


def test_some_entries_fail_for_a_while(road: LocalRoad) -> None:
    """Every third entry fails twice: only those are put again, all is accepted, nothing is doubled in RAW."""
    with _api_behind(road, lambda call, entry: call == 0 and entry % 3 == 0) as (api, kinesis):
        answer = post(f"{api}/v1/events", _spread(9, "/for-a-while"))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 9)
    first, second = kinesis.calls
    assert second == first[::3]
    assert _raw_rows(road, "/for-a-while", 9) == 9


def test_some_entries_fail_for_good(road: LocalRoad) -> None:
    """One entry never gets through: it is unavailable, its neighbours are accepted, the answer is 207."""
    events = _spread(4, "/for-good")
    with _api_behind(road, lambda call, entry: entry == 1 if call == 0 else True) as (api, kinesis):
        answer = post(f"{api}/v1/events", events)
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "unavailable", *["accepted"] * 2]
    assert {tuple(call) for call in kinesis.calls[1:]} == {("key-1",)}
    assert _raw_rows(road, "/for-good", 3) == 3


def test_nothing_gets_through(road: LocalRoad) -> None:
    """When every entry fails for good the answer is 503 with Retry-After, and nothing is in the stream."""
    with _api_behind(road, lambda _call, _entry: True) as (api, _):
        answer = post(f"{api}/v1/events", _spread(2, "/nothing"))
    assert (answer.status_code, answer.json()["unavailable"]) == (503, 2)
    assert int(answer.headers["Retry-After"]) > 0


def _spread(count: int, source: str) -> list[dict[str, Any]]:
    """Return events that travel in a record each."""
    return [order(number, source=source, partitionkey=f"key-{number}") for number in range(count)]


def _raw_rows(road: LocalRoad, source: str, expected: int) -> int:
    """Return how many rows RAW holds once the road is quiet."""
    query = f"select count(*) as n from raw.events where source = '{source}'"  # noqa: S608
    wait_until(lambda: road.sql(query)[0]["n"] >= expected, f"{expected} rows in RAW")
    return int(road.sql(query)[0]["n"])


@contextmanager
def _api_behind(road: LocalRoad, fails: Fails) -> Iterator[tuple[str, FaultyKinesis]]:
    """Run a second API of the same road whose Kinesis has faults, and which spills nothing."""
    port = free_port()
    with FaultyKinesis(road.status()["aws_endpoint"], fails).serving() as kinesis:
        environment = {**road.process("api").environ(), "AWS_ENDPOINT_URL_KINESIS": kinesis.url, "SLUICE_SPILL": "off"}
        api = subprocess.Popen(
            [sys.executable, "-m", "sluice.local.api", "--port", str(port)], cwd=ROOT, env=environment
        )
        try:
            wait_until(lambda: accepts(port), "an API")
            yield f"http://127.0.0.1:{port}", kinesis
        finally:
            api.terminate()
            api.wait()
