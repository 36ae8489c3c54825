"""Snowpipe at its worst: the ledger is right at every step, and everything is loaded once Snowpipe is back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from http_cases import order
from local_road import LocalRoad, post, wait_until

pytestmark = pytest.mark.road

_NUMBERS = count()


class Sent:
    """Three events of a source of their own, posted at once, and what became of them."""

    def __init__(self, road: LocalRoad, api: str) -> None:
        self._road = road
        self._known = {entry["file"] for entry in road.ledger()}
        self.source = f"/snowpipe/{next(_NUMBERS)}"
        events = [order(number, source=self.source, id=f"e-{number}") for number in range(3)]
        assert post(f"{api}/v1/events", events).status_code == 202

    def entries(self) -> list[dict[str, Any]]:
        """Return what the ledger has learned since."""
        return [entry for entry in self._road.ledger() if entry["file"] not in self._known]

    def states(self) -> set[str]:
        """Return the states of the files that landed since."""
        return {entry["state"] for entry in self.entries()}

    def await_states(self, *states: str) -> None:
        """Wait until the files that landed since are in exactly these states."""
        wait_until(lambda: self.states() == set(states), f"{states}, but {self.states()}", 90)

    def rows(self, table: str) -> int:
        """Count the events in a table."""
        return int(self._road.sql(f"select count(*) as n from {table} where source = '{self.source}'")[0]["n"])  # noqa: S608

    def await_rows(self) -> None:
        """Wait until every event is in CORE, and see that none is there or in RAW twice."""
        wait_until(lambda: self.rows("core.events") >= 3, "three rows in CORE", 90)
        assert (self.rows("core.events"), self.rows("raw.events")) == (3, 3)


@pytest.fixture(autouse=True)
def verified(road: LocalRoad) -> Iterator[None]:
    """Hold the promises after each test."""
    yield
    assert "0 missing, 0 double" in road.sluice("verify", "--wait", "60").stdout


@pytest.mark.parametrize("fault", ["snowpipe=429", "snowpipe=503", "snowpipe=hang"])
def test_snowpipe_answers_nothing_useful(road: LocalRoad, api: str, fault: str) -> None:
    """The file stays noticed, the queue is not held up, and it is loaded once Snowpipe answers again."""
    with road.fault(fault):
        sent = Sent(road, api)
        sent.await_states("noticed")
    sent.await_rows()
    sent.await_states("loaded")


def test_reports_are_lost(road: LocalRoad, api: str) -> None:
    """Without insertReport the history scan tells what became of a file."""
    with road.fault("snowpipe=lose-report"):
        sent = Sent(road, api)
        sent.await_states("loaded")
    sent.await_rows()
    assert [entry["rows"] for entry in sent.entries()] == ["3"]


def test_reports_and_history_are_lost(road: LocalRoad, api: str) -> None:
    """Without either report COPY_HISTORY tells."""
    with road.fault("snowpipe=lose-report", "snowpipe=lose-history"):
        sent = Sent(road, api)
        sent.await_states("loaded")
    sent.await_rows()
    assert [entry["rows"] for entry in sent.entries()] == ["3"]


def test_a_file_is_lost(road: LocalRoad, api: str) -> None:
    """A file that Snowpipe took and never loaded is loaded under a new key: the old path is remembered for 14 days."""
    with road.fault("snowpipe=lose-file"):
        sent = Sent(road, api)
        sent.await_states("submitted")
    sent.await_rows()
    sent.await_states("unknown", "loaded")
    by_state = {entry["state"]: entry for entry in sent.entries()}
    assert by_state["unknown"]["reloaded_as"] == by_state["loaded"]["file"]
    assert "/events/reload=1/" in by_state["loaded"]["file"]


@pytest.mark.parametrize(("state", "rows"), [("failed", 0), ("partial", 2)])
def test_a_file_fails(road: LocalRoad, api: str, state: str, rows: int) -> None:
    """One failed event, one alert, then the state; redriven it loads, and CORE holds each event once."""
    with road.alerts() as alerts:
        with road.fault({"failed": "snowpipe=fail-file", "partial": "snowpipe=partial-file"}[state]):
            sent = Sent(road, api)
            sent.await_states(state)
        (entry,) = sent.entries()
        failed = [failed for failed in road.failed_events() if failed["origin"]["locator"] == entry["file"]]
        assert [(one["stage"], one["error"]["type"]) for one in failed] == [("load", f"load_{state}")]
        assert f"{failed[0]['payload']['bucket']}/{failed[0]['payload']['key']}" == entry["file"]
        assert sent.rows("core.events") == rows
        assert "0 missing, 0 double" in road.sluice("verify").stdout
        assert len(alerts()) == 1
        assert entry["file"] in alerts()[0]["Message"]
        road.sluice("load", "redrive", entry["file"].partition("/")[2])
        wait_until(lambda: sent.rows("core.events") == 3, "three rows in CORE")
        sent.await_states(state, "loaded")
        assert "reload=1" in road.sluice("load", "redrive", entry["file"].partition("/")[2], expect=None).stdout
        assert len([one for one in sent.entries() if one["state"] == "loaded"]) == 1
        assert len(alerts()) == 1


def test_snowpipe_is_down_for_longer_than_the_queue_waits(road: LocalRoad, api: str) -> None:
    """The queue gives up after two seconds, Snowpipe is away for thirty: one alert, and everything is loaded."""
    with _hasty_queue(road), road.alerts() as alerts:
        with road.fault("snowpipe=503"):
            sent = Sent(road, api)
            sent.await_states("noticed")
            wait_until(lambda: bool(alerts()), "an alert that files are stuck", 90)
            assert sent.states() == {"noticed"}
        sent.await_rows()
        sent.await_states("loaded")
        assert len(alerts()) == 1


@contextmanager
def _hasty_queue(road: LocalRoad) -> Iterator[None]:
    """Let the load queue give up a message after two tries, a second apart."""
    sqs, queue = road.client("sqs"), road.infra()["LoadQueueUrl"]
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    redrive = json.dumps({**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": redrive})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)
