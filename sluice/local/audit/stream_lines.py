"""The lines that lie in the stream, read shard by shard; what was read once is not read again."""

from collections.abc import Iterator

from chalicelib.core.stream_record import StreamRecord
from sluice.local.audit.contents import LineId, line_id
from sluice.local.audit.stores import Stores


class StreamLines:
    """Reads the whole stream at the first call, and what has come since at each later one."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._read_to: dict[str, str] = {}
        self._lines: set[LineId] = set()

    def read(self) -> frozenset[LineId]:
        """Return every line of ours that is or was in the stream."""
        for shard_id in self._stores.shard_ids():
            self._lines.update(self._read_shard(shard_id))
        return frozenset(self._lines)

    def _read_shard(self, shard_id: str) -> Iterator[LineId]:
        for number, data in self._stores.records(shard_id, self._read_to.get(shard_id)):
            yield from filter(None, map(line_id, StreamRecord(data, "").lines()))
            self._read_to[shard_id] = number
