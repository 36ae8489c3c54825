"""Reading every shard in turn, children after their parents. Knows positions, not deliveries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from sluice.local.firehose.ports import Page, Shard, Source
from sluice.local.firehose.records import positions_of

RELIST_S = 2.0
"""How long a new shard may stay unseen."""


def readable(shards: Sequence[Shard], ended: AbstractSet[str]) -> list[Shard]:
    """Return the shards to read now: not yet at their end, and no parent that still has records."""
    alive = {shard.shard_id for shard in shards} - ended
    return [shard for shard in shards if shard.shard_id in alive and not shard.parents & alive]


class ShardReader:
    """Reads on from given positions."""

    def __init__(self, source: Source, positions: Mapping[str, str], monotonic_s: Callable[[], float]) -> None:
        self._source = source
        self._positions = dict(positions)
        self._monotonic_s = monotonic_s
        self._ended: set[str] = set()
        self._shards: Sequence[Shard] = ()
        self._relist_at_s = float("-inf")

    def pages(self) -> Iterator[Page]:
        """Read each shard once. A page that was yielded is read past; the caller keeps it or loses it."""
        for shard in readable(self._listed(), self._ended):
            page = self._source.read(shard.shard_id, self._positions.get(shard.shard_id))
            self._positions |= positions_of(page.records)
            if page.ended:
                self._ended.add(shard.shard_id)
            yield page

    def relist(self) -> None:
        """List the shards anew with the next read: one of those known may be gone."""
        self._relist_at_s = float("-inf")

    def _listed(self) -> Sequence[Shard]:
        now_s = self._monotonic_s()
        if now_s >= self._relist_at_s:
            self._shards = self._source.shards()
            self._relist_at_s = now_s + RELIST_S
        return self._shards
