"""Other producers write to the stream, too: what is good lands, what is bad is set aside, whole."""

import json
from typing import Any

import pytest
from local_road import LocalRoad, wait_until

pytestmark = pytest.mark.road

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "foreign-1",
    "source": "/foreign",
    "type": "page.viewed",
    "data": {"url": "https://example.org/", "session_id": "s"},
}


def test_lines_of_another_producer(road: LocalRoad) -> None:
    """One record with a good line between bad ones, and an aggregate: one row, three failed events."""
    bad_json = b'{"id":'
    unknown = json.dumps({**GOOD, "id": "foreign-2", "type": "no.such"}).encode()
    aggregate = b"\xf3\x89\x9a\xc2 something binary \x00\xff"
    lines = b"\n".join([bad_json, json.dumps(GOOD).encode(), unknown])
    road.client("kinesis").put_records(
        StreamName="sluice-local-events",
        Records=[{"Data": lines, "PartitionKey": "a"}, {"Data": aggregate, "PartitionKey": "b"}],
    )

    rows = "select id, data, receipt_id from core.events where source = '/foreign'"
    wait_until(lambda: road.sql(rows) == [{"id": "foreign-1", "data": GOOD["data"], "receipt_id": None}], "one row")

    def failed() -> dict[str, str]:
        return {
            event["error"]["type"]: event["payload"]["body"]
            for event in road.failed_events()
            if event["stage"] == "transform"
        }

    wait_until(lambda: len(failed()) == 3, "three failed events")
    assert failed()["not_json"] == bad_json.decode()
    assert failed()["unknown_schema"] == unknown.decode()
    assert failed()["aggregated_record"]
