"""From a post to a row: what is accepted is in CORE, once, as it was sent."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from http_cases import order
from local_road import LocalRoad, post, wait_until

pytestmark = pytest.mark.road

EARTHQUAKES = Path(__file__).parents[1] / "data" / "usgs-earthquakes.json.gz"
MEMORY_LIMIT_MB = 1_500


def _earthquakes() -> list[dict[str, Any]]:
    features = json.loads(gzip.decompress(EARTHQUAKES.read_bytes()))["features"]
    return [
        {"type": "earthquake.reported", "source": "/usgs", "id": feature["id"], "data": feature} for feature in features
    ]


def _rows(road: LocalRoad, source: str) -> list[dict[str, Any]]:
    return road.sql(f"select id, data from core.events where source = '{source}'")  # noqa: S608 - a test's own text


def _post_in_hundreds(api: str, events: list[dict[str, Any]]) -> None:
    hundreds = [events[start : start + 100] for start in range(0, len(events), 100)]
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(lambda batch: post(f"{api}/v1/events", batch), hundreds)} == {
            202
        }


def _settled(road: LocalRoad, source: str, lines: int) -> bool:
    """Tell whether so many lines of a source are in RAW, and the task has taken in all that is there."""
    query = f"""select (select count(*) from raw.events where source = '{source}') as loaded,
                       system$stream_has_data('raw.events_stream') as waiting"""  # noqa: S608
    return road.sql(query) == [{"loaded": lines, "waiting": False}]


def test_a_posted_event_becomes_a_row(road: LocalRoad, api: str) -> None:
    """Data that is easy to spoil comes back equal, digits and all."""
    data = {
        "order_id": "ø-1",
        "amount": 0.30000000000000004,
        "currency": "EUR",
        "big": 2**64 + 1,
        "bigger": 10**37 + 3,
        "nothing": None,
        "nested": {"": [], "a.b": {}, "z": [1.0, -0.0, 1e-300], "A": True, "a": "\u0000é\n"},
    }
    assert post(f"{api}/v1/events", {"type": "order.placed", "source": "/exact", "data": data}).status_code == 202
    wait_until(lambda: len(_rows(road, "/exact")) == 1, "a row in CORE")
    (row,) = _rows(road, "/exact")
    shown = road.sluice("sql", "--json", "select id, data from core.events where source = '/exact'")
    assert json.loads(shown.stdout) == [row]
    assert row["data"] == data


def test_every_earthquake_once(road: LocalRoad, api: str) -> None:
    """1,707 earthquakes in arrays of 100: each a row, each as posted; posted again nothing changes."""
    events = _earthquakes()
    _post_in_hundreds(api, events)
    wait_until(lambda: len(_rows(road, "/usgs")) >= len(events), "all earthquakes in CORE")
    rows = _rows(road, "/usgs")
    assert len(rows) == len(events) == 1_707
    assert {row["id"]: row["data"] for row in rows} == {event["id"]: event["data"] for event in events}
    duplicates = road.status()["counts"]["duplicates"]

    _post_in_hundreds(api, events)
    wait_until(lambda: road.status()["counts"]["duplicates"] == duplicates + len(events), "the second ones in RAW")
    again = _rows(road, "/usgs")
    assert {row["id"]: row["data"] for row in again} == {row["id"]: row["data"] for row in rows}
    assert len(again) == len(rows)


def test_an_idempotency_key_makes_a_retry_harmless(road: LocalRoad, api: str) -> None:
    """The same request under the same key twice is one row."""
    event = order(source="/idempotent")
    key = {"Idempotency-Key": "k-1"}
    first, second = (post(f"{api}/v1/events", event, **key).json()["results"] for _ in range(2))
    assert first == second
    wait_until(lambda: _settled(road, "/idempotent", 2), "both in RAW and through the task")
    assert len(_rows(road, "/idempotent")) == 1


def test_other_content_under_a_known_identity_is_kept_aside(road: LocalRoad, api: str) -> None:
    """The first stays in CORE, the second is counted and kept in OPS.IDENTITY_CONFLICTS."""
    for amount in (1, 2):
        event = order(source="/conflict", id="same")
        event["data"]["amount"] = amount
        assert post(f"{api}/v1/events", event).status_code == 202
        wait_until(partial(_settled, road, "/conflict", amount), "it in RAW and through the task")
    assert [row["data"]["amount"] for row in _rows(road, "/conflict")] == [1]
    (conflict,) = road.sql("select data, kept_data from ops.identity_conflicts where source = '/conflict'")
    assert (conflict["data"]["amount"], conflict["kept_data"]["amount"]) == (2, 1)


def test_another_extension_is_other_content(road: LocalRoad, api: str) -> None:
    """A later event that differs in an extension alone is a conflict, too."""
    for lines, trace in enumerate(["a", "b"], start=1):
        assert post(f"{api}/v1/events", order(source="/extension", id="same", trace=trace)).status_code == 202
        wait_until(partial(_settled, road, "/extension", lines), "it in RAW and through the task")
    found = road.sql("select extensions, kept_extensions from ops.identity_conflicts where source = '/extension'")
    assert found == [{"extensions": {"trace": "b"}, "kept_extensions": {"trace": "a"}}]


def test_a_large_file_of_small_lines(road: LocalRoad, api: str) -> None:
    """4 MB of long lines and 5,000 short ones in one file load as surely as anything else."""
    long = [order(source="/large", note="x" * 100_000) for _ in range(39)]
    assert post(f"{api}/v1/events", long).status_code == 202
    assert post(f"{api}/v1/events", [order(source="/large")] * 5_000).status_code == 202
    wait_until(lambda: _settled(road, "/large", 5_039), "all of them in RAW and through the task")
    assert len(_rows(road, "/large")) == 5_039


def test_bad_events_lie_whole_in_the_dead_letter_bucket(road: LocalRoad, api: str) -> None:
    """Good, bad, oversize and out-of-range in one batch: each has its verdict, the bad ones are kept as posted."""
    bad = b'{"type":"order.placed","data":{"order_id":"b",  "amount":-1,"currency":"EUR"}}'
    oversize = b'{"type":"order.placed","data":{"order_id":"%b","amount":1,"currency":"EUR"}}' % (b"x" * 2_000_000)
    out_of_range = b'{"type":"order.placed","data":{"order_id":"r","amount":1e999,"currency":"EUR"}}'
    good = json.dumps(order(source="/mixture")).encode()
    body = b"[" + b",".join([good, bad, oversize, out_of_range]) + b"]"
    answer = _post_bytes(api, body)
    assert answer["status"] == 207
    verdicts = [(result["status"], result.get("error", {}).get("type")) for result in answer["results"]]
    assert verdicts == [
        ("accepted", None),
        ("rejected", "schema_violation"),
        ("rejected", "too_large"),
        ("rejected", "not_json"),
    ]
    kept = {failed["failed_event_id"]: failed for failed in road.failed_events()}
    payloads = [kept[result["failed_event_id"]]["payload"] for result in answer["results"][1:]]
    assert [_payload(road, payload) for payload in payloads] == [bad, oversize, out_of_range]
    wait_until(lambda: len(_rows(road, "/mixture")) == 1, "the good one in CORE")


def test_memory_of_the_whole_stack(road: LocalRoad) -> None:
    """After all that the local stack, Lambda workers included, holds less than 1.5 GB."""
    processes = road.status()["processes"]
    assert sum(process["memory_mb"] for process in processes.values()) < MEMORY_LIMIT_MB, processes


def test_counts_add_up(road: LocalRoad, api: str) -> None:
    """Received = accepted + rejected, and once the road is quiet all that was accepted is loaded."""
    before = road.status()["counts"]
    bad = {"type": "order.placed", "data": {}}
    assert post(f"{api}/v1/events", [order(source="/counts"), bad, order(source="/counts")]).status_code == 207
    wait_until(lambda: _settled(road, "/counts", 2), "both in RAW and through the task")
    after = road.status()["counts"]
    grown = {name: after[name] - before[name] for name in before if name != "dead_lettered"}
    assert grown == {
        "received": 3,
        "accepted": 2,
        "rejected": 1,
        "unavailable": 0,
        "spilled": 0,
        "landed": 2,
        "loaded": 2,
        "in_flight": 0,
        "duplicates": 0,
        "conflicts": 0,
    }
    assert after["dead_lettered"] == {**before["dead_lettered"], "collect": before["dead_lettered"]["collect"] + 1}


def _post_bytes(api: str, body: bytes) -> dict[str, Any]:
    answer = requests.post(f"{api}/v1/events", body, headers={"content-type": "application/json"}, timeout=60)
    return {"status": answer.status_code, **answer.json()}


def _payload(road: LocalRoad, payload: dict[str, Any]) -> bytes:
    if payload["encoding"] == "s3":
        found = road.client("s3").get_object(
            Bucket=payload["bucket"], Key=payload["key"], VersionId=payload["version_id"]
        )
        return bytes(found["Body"].read())
    return str(payload["body"]).encode()
