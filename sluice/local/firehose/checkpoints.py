"""How far each shard has been delivered, and the one delivery that is under way: an SQLite file.

It survives kill -9 at any moment. A power cut may take the last deliveries back out of it
(synchronous=NORMAL): they would then be made again, at least once, as Firehose promises.
"""

import sqlite3
from pathlib import Path

from sluice.local.firehose.delivery import Delivery, PlannedObject

_SETTINGS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
"""
_SCHEMA = """
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS position (
    stream_arn TEXT, shard_id TEXT, sequence_number TEXT NOT NULL, PRIMARY KEY (stream_arn, shard_id));
CREATE TABLE IF NOT EXISTS planned_position (
    stream_arn TEXT, shard_id TEXT, sequence_number TEXT NOT NULL, PRIMARY KEY (stream_arn, shard_id));
CREATE TABLE IF NOT EXISTS planned_object (key TEXT PRIMARY KEY, body BLOB NOT NULL);
COMMIT;
"""


class CheckpointsError(Exception):
    """The file can't be had, most likely because another engine works with it."""


class Checkpoints:
    """The state of one engine. Only one process at a time may hold the file."""

    def __init__(self, path: Path, stream_arn: str) -> None:
        self._stream_arn = stream_arn
        self._db = sqlite3.connect(path, timeout=1.0)
        try:
            self._db.executescript(_SETTINGS + _SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise CheckpointsError(f"{path}: {error}; is another engine running?") from error

    def positions(self) -> dict[str, str]:
        """Return where to read on: behind what is delivered and what is planned, which is delivered first."""
        return self._select("position") | self._select("planned_position")

    def planned(self) -> Delivery | None:
        """Return the delivery that is under way, if any."""
        positions = self._select("planned_position")
        if not positions:
            return None
        objects = self._db.execute("SELECT key, body FROM planned_object ORDER BY rowid").fetchall()
        return Delivery(tuple(PlannedObject(key, body) for key, body in objects), positions)

    def plan(self, delivery: Delivery) -> None:
        """Write down a delivery before any of it is done. The one before must be complete."""
        with self._db:
            self._db.executemany(
                "INSERT INTO planned_object VALUES (?, ?)",
                [(item.key, item.body) for item in delivery.objects],
            )
            self._db.executemany(
                "INSERT INTO planned_position VALUES (?, ?, ?)",
                [(self._stream_arn, *position) for position in delivery.positions.items()],
            )

    def complete(self) -> None:
        """Advance the positions: every object of the delivery under way is in S3."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO position SELECT * FROM planned_position")
            self._db.execute("DELETE FROM planned_object")
            self._db.execute("DELETE FROM planned_position")

    def close(self) -> None:
        """Let another engine have the file."""
        self._db.close()

    def _select(self, table: str) -> dict[str, str]:
        rows = self._db.execute(
            f"SELECT shard_id, sequence_number FROM {table} WHERE stream_arn = ?",  # noqa: S608  # our own two names
            (self._stream_arn,),
        )
        return dict(rows.fetchall())
