"""Dead letters: golden keys and bytes, large payloads, and the order they are put in."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.dead_letters import DeadLetter, failed_events_object, put_all
from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage, StoredPayload
from tests.fakes import RECEIVED_AT

FAILED = FailedEvent(
    stage=Stage.COLLECT,
    processor="sluice-collect/0.1.0",
    failed_at=RECEIVED_AT,
    rejection=Rejection(ErrorType.NOT_JSON, "no", (Detail("", "nan", "no"),)),
    identity=Identity("i", "/s", "a"),
    payload=b"NaN",
    origin=Origin("r:0", RECEIVED_AT),
)
LARGE = replace(FAILED, payload=b"x" * (1024 * 1024 + 1), origin=Origin("r:1", RECEIVED_AT))


def put(failed_events: list[FailedEvent], version: str | None = None) -> list[DeadLetter]:
    """Return what is put, in order."""
    letters: list[DeadLetter] = []

    def keep(letter: DeadLetter) -> str | None:
        letters.append(letter)
        return version

    put_all(failed_events, "bucket", keep)
    return letters


def test_an_object_has_a_golden_key_and_golden_bytes() -> None:
    """Exact key and content: stage and hour of the data, the fingerprint of the ids, their number."""
    (letter,) = put([FAILED])
    assert letter.key == (
        "failed/v1/stage=collect/dt=2026-01-31/hh=12/d40a1e56515d2a8518ac483483d668451fdb6689a6ebfdc9b37087e31fdcf6dc-1.ndjson.gz"
    )
    assert gzip.decompress(letter.body) == (
        b'{"failed_event_id":"cf7af29f-4ed1-5882-8bf0-a9af988101a4","failed_at":"2026-01-31T12:34:56.789Z",'
        b'"stage":"collect","processor":{"name":"sluice-collect","version":"0.1.0"},"error":{"type":"not_json","message":"no",'
        b'"resolution":"Send standard JSON; for one object a line use content type application/x-ndjson.",'
        b'"details":[{"pointer":"","keyword":"nan","message":"no"}]},'
        b'"event":{"id":"i","source":"/s","type":"a","time":null,"dataschema":null},'
        b'"payload":{"encoding":"utf-8","body":"NaN","size_bytes":3,'
        b'"sha256":"d5b592c05dc25b5032553f1b27f4139be95e881f73db33b02b05ab20c3f9981e"},'
        b'"origin":{"locator":"r:0"},"attempts":1,"replay_of":null}\n'
    )


def test_the_same_failures_make_the_same_object() -> None:
    """Key and bytes hold no clock: a retry overwrites itself."""
    assert put([FAILED, LARGE]) == put([FAILED, LARGE])


def test_a_large_payload_is_put_first_and_pointed_at() -> None:
    """Over 1 MiB a payload is an object of its own, there before anything points at it."""
    payload, letter = put([FAILED, LARGE], version="v7")
    assert payload == DeadLetter(f"payloads/v1/{LARGE.sha256}", LARGE.payload, "application/octet-stream")
    small, large = map(json.loads, gzip.decompress(letter.body).splitlines())
    assert small["payload"]["body"] == "NaN"
    assert large["payload"] == {
        "encoding": "s3",
        "bucket": "bucket",
        "key": payload.key,
        "version_id": "v7",
        "size_bytes": len(LARGE.payload),
        "sha256": LARGE.sha256,
    }


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_an_object_lies_under_its_earliest_hour(minutes: list[int]) -> None:
    """The hour comes from the earliest arrival, whatever the order."""
    start = datetime(2026, 1, 31, tzinfo=UTC)
    arrivals = [
        (start + timedelta(minutes=minute)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for minute in minutes
    ]
    failed = [replace(FAILED, origin=Origin(f"r:{place}", arrived)) for place, arrived in enumerate(arrivals)]
    earliest = start + timedelta(minutes=min(minutes))
    assert failed_events_object(failed, "b", {}).key.startswith(
        f"failed/v1/stage=collect/{earliest:dt=%Y-%m-%d/hh=%H}/"
    )


def test_every_failed_event_is_one_line() -> None:
    """5,000 failed events with newlines in them are 5,000 lines, in order."""
    failed = [replace(FAILED, payload=b"a\nb", origin=Origin(f"r:{index}", RECEIVED_AT)) for index in range(5_000)]
    (letter,) = put(failed)
    shown = [json.loads(line) for line in gzip.decompress(letter.body).splitlines()]
    assert [entry["failed_event_id"] for entry in shown] == [entry.id for entry in failed]
    assert letter.key.endswith("-5000.ndjson.gz")


def test_a_payload_that_lies_in_s3_is_not_put_again() -> None:
    """A file in landing is pointed at: one object, however large the file."""
    stored = StoredPayload("landing", "events/a.gz", None, 10**9, LARGE.sha256)
    (letter,) = put([replace(LARGE, stage=Stage.LOAD, payload=stored)])
    assert json.loads(gzip.decompress(letter.body))["payload"] == stored.to_json()
