"""Failed events: their published shape, by two validators, and the stability of their ids."""

import base64
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import failed_event as module
from chalicelib.core.errors import RESOLUTIONS, Detail, ErrorType, Rejection
from chalicelib.core.event import Identity
from chalicelib.core.failed_event import FailedEvent, Origin, Stage, StoredPayload
from tests.fakes import RECEIVED_AT

SCHEMA = json.loads((Path(module.__file__).parent / "failed_event.schema.json").read_text())
FIRST = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
SECOND = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)

FAILED = FailedEvent(
    stage=Stage.COLLECT,
    processor="sluice-collect/0.1.0",
    failed_at=RECEIVED_AT,
    rejection=Rejection(ErrorType.NOT_JSON, "no", (Detail("/data", "nan", "no"),)),
    identity=Identity("i", "/s", "a"),
    payload=b'{"a":1}',
    origin=Origin("r:0", RECEIVED_AT, {"principal": "anonymous"}),
)

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=400)
DETAILS = st.builds(Detail, st.just("") | TEXT.map("/".__add__), TEXT, TEXT)
REJECTIONS = st.builds(Rejection, st.sampled_from(ErrorType), TEXT, st.lists(DETAILS, max_size=15).map(tuple))
KNOWN = st.none() | TEXT
IDENTITIES = st.builds(Identity, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN)
FACTS = st.dictionaries(TEXT, TEXT | st.none() | st.integers(0, 2**53), max_size=3)


def valid(shown: Any) -> None:
    """Both validators take it, as Python value and as the text that is stored."""
    FIRST.validate(shown)
    SECOND.validate(shown)
    SECOND.validate(json.loads(json.dumps(shown)))


def test_its_schema_is_one() -> None:
    """The published schema is itself valid."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_has_teeth() -> None:
    """A failed event without its payload, or with a member more, is refused by both validators."""
    shown = FAILED.to_json()
    for broken in ({**shown, "payload": None}, {**shown, "more": 1}, {**shown, "stage": "kitchen"}):
        assert not FIRST.is_valid(broken)
        assert not SECOND.is_valid(broken)


@given(st.sampled_from(Stage), REJECTIONS, IDENTITIES, st.binary(max_size=50), FACTS)
def test_every_failed_event_meets_the_schema(
    stage: Stage, rejection: Rejection, identity: Identity, payload: bytes, facts: dict[str, Any]
) -> None:
    """Whatever went wrong, the shape is the published one."""
    failed = replace(FAILED, stage=stage, rejection=rejection, identity=identity, payload=payload)
    valid(replace(failed, origin=Origin("r:0", RECEIVED_AT, facts)).to_json())


@given(st.binary(max_size=50))
def test_the_payload_comes_back_whole(payload: bytes) -> None:
    """Text as it is, other bytes in base64, with size and fingerprint."""
    shown = replace(FAILED, payload=payload).to_json()["payload"]
    body = shown["body"]
    assert (body.encode() if shown["encoding"] == "utf-8" else base64.b64decode(body)) == payload
    assert (shown["size_bytes"], shown["sha256"]) == (len(payload), hashlib.sha256(payload).hexdigest())


def test_a_large_payload_points_at_its_object() -> None:
    """Over 1 MiB the payload's place is shown instead of its bytes."""
    large = replace(FAILED, payload=b"x" * (1024 * 1024 + 1))
    assert large.large_payload == large.payload
    assert replace(large, payload=large.payload[1:]).large_payload is None
    shown = large.to_json(StoredPayload("b", "k", None, 1024 * 1024 + 1, large.sha256))
    valid(shown)
    assert shown["payload"]["key"] == "k"
    assert len(json.dumps(shown)) < 2_000


@given(st.none() | TEXT, st.integers(0, 2**40))
def test_a_payload_that_lies_in_s3_is_pointed_at(version_id: str | None, size_bytes: int) -> None:
    """Its place, size and fingerprint are shown as they were given: nothing is copied, whatever its size."""
    stored = StoredPayload("landing", "events/a.gz", version_id, size_bytes, hashlib.sha256(b"x").hexdigest())
    failed = replace(FAILED, stage=Stage.LOAD, payload=stored)
    shown = failed.to_json()
    valid(shown)
    assert shown["payload"] == {"encoding": "s3", **asdict(stored)}
    assert failed.large_payload is None


def test_pointing_at_a_payload_names_the_same_failure() -> None:
    """The id comes from the bytes, wherever they lie."""
    stored = StoredPayload("landing", "events/a.gz", None, len(FAILED.payload), FAILED.sha256)
    assert replace(FAILED, payload=stored).id == FAILED.id


def test_the_id_never_changes() -> None:
    """A golden id: changing how ids are made would make every failure met twice look like two."""
    assert FAILED.id == "dddefda0-ebc3-50e5-88c2-d0f9f5cdcf79"


@pytest.mark.parametrize(
    "same",
    [
        {"failed_at": "2027-01-01T00:00:00.000Z"},
        {"processor": "sluice-collect/9.9.9"},
        {"rejection": Rejection(ErrorType.TOO_LARGE, "other")},
        {"attempts": 7},
        {"origin": Origin("r:0", "2027-01-01T00:00:00.000Z", {"shard": "s"})},
    ],
    ids=["another time", "another version", "another reason", "another attempt", "other facts"],
)
def test_the_same_failure_met_twice_has_the_same_id(same: dict[str, Any]) -> None:
    """Neither time nor version nor attempt nor transport makes another failure of it."""
    assert replace(FAILED, **same).id == FAILED.id


@pytest.mark.parametrize(
    "other",
    [
        {"stage": Stage.TRANSFORM},
        {"payload": b"{}"},
        {"origin": Origin("r:1", RECEIVED_AT)},
        {"replay_attempt": 1},
    ],
    ids=["stage", "payload", "locator", "replay attempt"],
)
def test_another_failure_has_another_id(other: dict[str, Any]) -> None:
    """Stage, payload, locator and replay attempt make a failure."""
    assert replace(FAILED, **other).id != FAILED.id


def test_every_error_type_has_a_resolution_and_stands_in_the_schema() -> None:
    """The closed list is closed everywhere."""
    assert set(RESOLUTIONS) == set(ErrorType)
    assert set(SCHEMA["$defs"]["error"]["properties"]["type"]["enum"]) == {member.value for member in ErrorType}
    assert set(SCHEMA["properties"]["stage"]["enum"]) == {member.value for member in Stage}


def test_details_and_messages_are_bounded() -> None:
    """Ten details, 300 characters each, the cut marked."""
    details = tuple(Detail("/" + "p" * 400, "k" * 400, "m" * 400) for _ in range(20))
    shown: Any = Rejection(ErrorType.NOT_JSON, "m" * 250_000, details).to_json()
    assert len(shown["details"]) == 10
    assert shown["message"] == "m" * 299 + "…"
    assert {len(text) for detail in shown["details"] for text in detail.values()} == {300}
