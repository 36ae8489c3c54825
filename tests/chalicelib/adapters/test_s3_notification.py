"""S3's announcements: keys as they are, whatever is in them."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.adapters.s3_notification import UnreadableMessageError, announced, landed_files
from chalicelib.core.landing import LandedFile

EVENTS = Path(__file__).parents[2] / "events"
BUCKET = "sluice-local-landing-000000000000"


@dataclass
class Message:
    """An SQS message, as far as it is looked at."""

    body: str


def message(name: str) -> Message:
    """Return a message that carries a captured payload."""
    return Message((EVENTS / name).read_text())


def test_keys_are_decoded() -> None:
    """Plus, space, percent and other letters come out as they are in S3; size and etag go along."""
    assert list(landed_files([message("s3-object-created.json")])) == [
        LandedFile(
            BUCKET,
            "events/dt=2026-01-31/hh=12/sluice-1-2026-01-31-12-34-56-abc.gz",
            1024,
            "d41d8cd98f00b204e9800998ecf8427e",
        ),
        LandedFile(BUCKET, "events/a+b c=d%20e.gz", 7, "0cc175b9c0f1b6a831c399e269772661"),
        LandedFile(BUCKET, "events/café/日本.gz", 0, "92eb5ffee6ae2fec3ad71c777531578f"),
    ]


def test_the_test_event_announces_nothing() -> None:
    """S3 sends it when a notification is set up; it does not stop its neighbours."""
    messages = [message("s3-test-event.json"), message("s3-object-created.json")]
    assert len(list(landed_files(messages))) == 3


def test_size_and_etag_may_be_missing() -> None:
    """Some emulators and some event types leave them out."""
    body = json.dumps({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]})
    assert list(landed_files([Message(body)])) == [LandedFile("b", "k")]


@pytest.mark.parametrize("body", ["x", "", "[]", '{"Records":null}', '{"Records":[{"s3":{}}]}', '{"Records":["a"]}'])
def test_what_is_no_announcement_does_not_stop_its_neighbours(body: str) -> None:
    """The files of the others come out, and the batch is not taken for done."""
    batch = announced([Message(body), message("s3-object-created.json")])
    assert len(batch.files) == 3
    with pytest.raises(UnreadableMessageError, match="1 messages"):
        batch.check()


def test_a_batch_that_can_be_read_is_done() -> None:
    """Nothing is raised."""
    batch = announced([message("s3-test-event.json"), message("s3-object-created.json")])
    assert batch.faults == ()
    batch.check()
