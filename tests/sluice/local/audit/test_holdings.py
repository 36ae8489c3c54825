"""Holdings: each object is read once, and believed as long as it is there."""

from pathlib import Path

import orjson
import pytest
from store_fakes import DEAD_LETTERS, FakeStores, failed_event, line, receipt

from chalicelib.core.failed_event import Stage
from sluice.local.audit.holdings import Holdings


@pytest.fixture
def stores(tmp_path: Path) -> FakeStores:
    """Give stores with two files and a failed event."""
    stores = FakeStores(tmp_path / "contents.json")
    stores.put("events/a.gz", line(1, 0), line(1, 1))
    stores.put("events/b.gz", line(2, 0))
    stores.put("failed/v1/stage=transform/x.gz", failed_event("transform", f"{receipt(3)}:0"), bucket=DEAD_LETTERS)
    return stores


def test_an_object_is_read_once(stores: FakeStores) -> None:
    """By this command and by the next."""
    first = Holdings(stores)
    held = first.events()
    assert first.events() == held
    first.remember()
    assert Holdings(stores).events() == held
    assert stores.read == ["events/a.gz", "events/b.gz"]


def test_an_object_that_is_gone_holds_nothing(stores: FakeStores) -> None:
    """A lost file must not look as if it were there, however well it is remembered."""
    first = Holdings(stores)
    first.events()
    first.remember()
    del stores.buckets["landing"]["events/a.gz"]
    later = Holdings(stores)
    assert list(later.events()) == ["events/b.gz"]
    stores.put("events/c.gz", line(4, 0))
    later.events()
    later.remember()
    assert not [name for name in orjson.loads(stores.contents_cache.read_bytes())["objects"] if "a.gz" in name]


def test_what_goes_while_one_looks_on_is_forgotten(stores: FakeStores) -> None:
    """A watch that lasts for days keeps no more than what is there."""
    watched = Holdings(stores)
    watched.events()
    watched.remember()
    del stores.buckets["landing"]["events/a.gz"]
    stores.put("events/c.gz", line(4, 0))
    watched.events()
    watched.remember()
    assert sorted(orjson.loads(stores.contents_cache.read_bytes())["objects"]) == [
        "landing/events/b.gz",
        "landing/events/c.gz",
    ]


def test_an_overwritten_object_is_read_again(stores: FakeStores) -> None:
    """Its etag is another."""
    holdings = Holdings(stores)
    holdings.events()
    stores.put("events/a.gz", line(1, 7))
    assert list(holdings.events()["events/a.gz"].line_ids()) == [(receipt(1), 7)]


def test_firehose_keeps_failed_events_in_landing(stores: FakeStores) -> None:
    """Its own objects, and what was made of them, are failed events of its stage."""
    stores.buckets["landing"]["firehose-failed/x.gz"] = b'{"rawData":"aGVsbG8="}'
    stores.put("failed/v1/stage=firehose/y.gz", failed_event("firehose", "x"), bucket=DEAD_LETTERS)
    assert sorted(Holdings(stores).failed_events(Stage.FIREHOSE)) == [
        "failed/v1/stage=firehose/y.gz",
        "firehose-failed/x.gz",
    ]


@pytest.mark.parametrize(
    "text", [b"", b"hello", b"[]", b'{"format":0,"objects":{}}', b'{"format":1,"objects":{"a":7}}']
)
def test_a_cache_that_is_not_ours_is_nothing(stores: FakeStores, text: bytes) -> None:
    """It is read anew, and replaced."""
    stores.contents_cache.write_bytes(text)
    holdings = Holdings(stores)
    assert len(holdings.events()) == 2
    holdings.remember()
    assert len(Holdings(stores).events()) == 2
    assert len(stores.read) == 2
