"""Streams: what they know of their offset."""

# ruff: noqa: S608 -- a test's own names

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.names import ObjectName
from sluice.local.snowflake.streams import Streams

STREAM = ObjectName("SLUICE", "MAIN", "S")
TABLE = ObjectName("SLUICE", "MAIN", "T")


def age_s(streams: Streams) -> float:
    """Return how long ago the stream's offset moved."""
    return datetime.now(UTC).timestamp() - streams.table_timestamp(STREAM) / 1e9


def new_stream(engine: Engine) -> Streams:
    """Return streams with one, on a table with one row."""
    with engine.cursor() as duck:
        duck.execute(f"CREATE TABLE {TABLE} (A INT); INSERT INTO {TABLE} VALUES (1)")
    streams = Streams(engine)
    streams.create(STREAM, TABLE)
    return streams


def set_back(engine: Engine, by: timedelta) -> None:
    """Let the offset have moved some time ago."""
    with engine.cursor() as duck:
        duck.execute(f"UPDATE {engine.schema}.STREAM_POSITIONS SET MOVED_AT = ?", [datetime.now(UTC) - by])


def test_an_offset_moves_when_rows_are_taken(tmp_path: Path) -> None:
    """A statement that takes rows moves it to now; one that finds none leaves it."""
    engine = Engine(tmp_path, "SLUICE")
    streams = new_stream(engine)
    assert 0 <= age_s(streams) < 10
    set_back(engine, timedelta(hours=1))
    with engine.cursor() as duck:
        with streams.advancing(duck, [STREAM]):
            pass
        assert 3590 < age_s(streams) < 3610
        duck.execute(f"INSERT INTO {TABLE} VALUES (2)")
        assert streams.has_data(STREAM)
        with streams.advancing(duck, [STREAM]):
            pass
    assert not streams.has_data(STREAM)
    assert 0 <= age_s(streams) < 10
    engine.close()


def test_a_stream_of_an_older_checkout_is_read(tmp_path: Path) -> None:
    """Before, no time was kept: such a stream counts from when it is opened, and keeps its offset."""
    engine = Engine(tmp_path, "SLUICE")
    new_stream(engine)
    with engine.cursor() as duck:
        duck.execute(f"ALTER TABLE {engine.schema}.STREAM_POSITIONS DROP COLUMN MOVED_AT")
    engine.close()
    engine = Engine(tmp_path, "SLUICE")
    assert 0 <= age_s(Streams(engine)) < 10
    assert not Streams(engine).has_data(STREAM)
    engine.close()
