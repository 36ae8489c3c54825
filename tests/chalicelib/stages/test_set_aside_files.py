"""Failed files: what is kept of them, and what people are told."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import failed_event as module
from chalicelib.core.dead_letters import failed_events_object
from chalicelib.core.failed_event import Stage, StoredPayload
from chalicelib.core.landing import LandedFile
from chalicelib.core.ledger import Entry, Outcome, State
from chalicelib.stages.set_aside_files import FailedFile, SetAside, SetAsideFile, alert, failed_event
from tests.fakes import RECEIVED_AT, FakeDeadLetters, FakeLedger, FakeTime
from tests.file_fakes import FakeAlerts, FakeClock, FakeLanding

SCHEMA = jsonschema_rs.validator_for(
    json.loads(Path(module.__file__).with_name("failed_event.schema.json").read_text())
)
FILE = LandedFile("landing", "events/a b+é.gz", 5)
ENTRY = Entry(FILE, "P", State.SUBMITTED, "2026-01-31T12:59:59.999Z", RECEIVED_AT, RECEIVED_AT, 2)
OUTCOME = Outcome(State.PARTIAL, 2, 3, "bad line", 3)
STORED = StoredPayload("landing", FILE.key, None, 5, hashlib.sha256(b"lines").hexdigest())
PROCESSOR = "sluice-reconcile/0"
COUNT = st.none() | st.integers(0, 10**12)


def test_a_failed_event_points_at_the_file() -> None:
    """Nothing is copied: bucket, key, size and fingerprint; who, where and why are told in full."""
    shown = failed_event(FailedFile.of(ENTRY, OUTCOME), STORED, PROCESSOR, RECEIVED_AT).to_json()
    SCHEMA.validate(shown)
    assert shown["payload"] == STORED.to_json()
    assert shown["error"]["type"] == "load_partial"
    assert shown["error"]["message"] == "2 of 3 rows loaded; line 3: bad line"
    assert shown["error"]["details"] == [{"pointer": "", "keyword": "first_error", "message": "line 3: bad line"}]
    assert shown["origin"] == {
        "locator": "landing/events/a b+é.gz",
        "pipe": "P",
        "rows_loaded": 2,
        "rows_parsed": 3,
        "error_line": 3,
    }
    assert (shown["stage"], shown["attempts"]) == ("load", 2)


@given(
    st.builds(
        Outcome,
        st.sampled_from([State.FAILED, State.PARTIAL]),
        st.integers(0, 10**12),
        COUNT,
        st.none() | st.text(max_size=1_000),
        COUNT,
    ),
    st.sampled_from([STORED, b""]),
    st.integers(0, 3),
)
def test_whatever_snowflake_says_the_failed_event_meets_its_schema(
    outcome: Outcome, payload: StoredPayload | bytes, attempts: int
) -> None:
    """Errors of any length and kind, half characters too, can be stored, alerted and put into the ledger."""
    file = FailedFile.of(replace(ENTRY, attempts=attempts), outcome)
    event = failed_event(file, payload, PROCESSOR, RECEIVED_AT)
    SCHEMA.validate(orjson.loads(orjson.dumps(event.to_json())))
    assert len((file.outcome.first_error or "").encode()) <= 4 * 300
    orjson.dumps(alert([SetAsideFile(file, event)])[1])


def test_it_is_filed_under_the_hour_the_file_was_noticed() -> None:
    """Neither clock nor attempt is in key or id: a second run overwrites the first one's object."""
    one = failed_event(FailedFile.of(ENTRY, OUTCOME), STORED, PROCESSOR, RECEIVED_AT)
    later = failed_event(
        FailedFile.of(replace(ENTRY, attempts=7), OUTCOME), STORED, PROCESSOR, "2026-02-02T00:00:00.000Z"
    )
    keys = {failed_events_object([event], "letters", {}).key for event in (one, later)}
    assert len(keys) == 1
    assert keys.pop().startswith(f"failed/v1/stage={Stage.LOAD}/dt=2026-01-31/hh=12/")
    assert one.id == later.id


def test_an_alert_is_bounded() -> None:
    """Twenty files are named, the others counted; the subject is short and plain."""
    names = [replace(FILE, key=f"events/{number}.gz") for number in range(25)]
    files = [FailedFile.of(replace(ENTRY, file=file), replace(OUTCOME, first_error="e" * 10**6)) for file in names]
    kept = [SetAsideFile(file, failed_event(file, STORED, PROCESSOR, RECEIVED_AT)) for file in files]
    subject, message = alert(kept)
    assert (message["failed"], message["partial"], len(message["files"]), message["not_listed"]) == (0, 25, 20, 5)
    assert message["files"][0]["failed_event_id"] == kept[0].event.id
    assert subject == "Sluice: 0 files not loaded, 25 loaded in part"
    assert len(orjson.dumps(message)) < 50_000


def world(count: int) -> tuple[SetAside, FakeLedger, FakeDeadLetters, FakeAlerts, list[FailedFile]]:
    """Return what sets aside, its fakes, and so many failed files."""
    clock = FakeClock()
    ledger, letters, alerts, landing = FakeLedger(now=clock), FakeDeadLetters(), FakeAlerts(), FakeLanding(now=clock)
    files = [landing.put(f"events/{number}.gz", b"line") for number in range(count)]
    for file in files:
        ledger.notice(file, "P")
        ledger.mark_submitted([file])
    set_aside = SetAside(landing, letters, alerts, ledger, clock, PROCESSOR)
    return set_aside, ledger, letters, alerts, [FailedFile.of(ledger.entries[file.name], OUTCOME) for file in files]


def test_one_object_a_file_and_one_alert_for_all() -> None:
    """Three files are three failed events in three puts, one alert, three states."""
    set_aside, ledger, letters, alerts, files = world(3)
    assert len(set_aside.set_aside(files, FakeTime().budget(60))) == 3
    assert (letters.puts, len(letters.kept), len(alerts.sent)) == (3, 3, 1)
    assert set(ledger.states.values()) == {"partial"}
    assert letters.kept[0].payload == StoredPayload(
        "landing", "events/0.gz", None, 4, hashlib.sha256(b"line").hexdigest()
    )


def test_nothing_to_set_aside_alerts_nobody() -> None:
    """No files, no alert."""
    set_aside, _, letters, alerts, _ = world(0)
    assert set_aside.set_aside([], FakeTime().budget(60)) == []
    assert (letters.puts, alerts.sent) == (0, [])


@pytest.mark.parametrize("seconds", [0, 4])
def test_without_time_nothing_is_begun(seconds: float) -> None:
    """The next run does it: neither failed event nor alert nor state."""
    set_aside, ledger, letters, alerts, files = world(1)
    assert set_aside.set_aside(files, FakeTime().budget(seconds)) == []
    assert (letters.puts, alerts.sent, set(ledger.states.values())) == (0, [], {"submitted"})
