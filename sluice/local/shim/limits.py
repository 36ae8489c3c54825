"""What a Kinesis shard takes in a second, and which shard a record belongs to. Pure but for the clock it is given."""

import hashlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Self

RECORDS_A_SECOND = 1_000
BYTES_A_SECOND = 1_048_576
"""Source: Kinesis Data Streams quotas: "Each shard supports up to 1,000 records and 1 MB per second for writes"."""

_WINDOW_S = 1.0


@dataclass(frozen=True, slots=True)
class Shards:
    """A stream's open shards, by the hash keys they begin at, ascending."""

    starts: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, listed: Iterable[Mapping[str, Any]]) -> Self:
        """Read the shards of a ListShards answer; closed ones take no records."""
        shards = sorted(
            (int(shard["HashKeyRange"]["StartingHashKey"]), str(shard["ShardId"]))
            for shard in listed
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        )
        return cls(tuple(start for start, _ in shards), tuple(name for _, name in shards))

    def of_key(self, partition_key: str, explicit_hash_key: str | None = None) -> str:
        """Return the shard of a partition key: its MD5 is the hash key unless one is given."""
        digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
        hash_key = int(explicit_hash_key) if explicit_hash_key else int.from_bytes(digest)
        return self.names[bisect_right(self.starts, hash_key) - 1]


@dataclass
class _Second:
    """What a shard took in the last second: when, and how many bytes."""

    taken: deque[tuple[float, int]] = field(default_factory=deque)
    size_bytes: int = 0

    def forget_until(self, at: float) -> None:
        while self.taken and self.taken[0][0] <= at:
            self.size_bytes -= self.taken.popleft()[1]

    def take(self, now: float, size_bytes: int) -> None:
        self.taken.append((now, size_bytes))
        self.size_bytes += size_bytes


class Limiter:
    """Counts what each shard took in the last second, which slides; threads may share one."""

    def __init__(self) -> None:
        self._seconds: dict[str, _Second] = {}
        self._lock = Lock()

    def admit(self, shard: str, size_bytes: int, scale: float, now: float) -> bool:
        """Tell whether a shard takes a record of so many bytes (data and key) now; if so, it counts.

        `scale` times the real limits hold. A record that is over the limit by itself passes alone, as no real
        one can be: else a small scale would never let it through.
        """
        with self._lock:
            second = self._seconds.setdefault(shard, _Second())
            second.forget_until(now - _WINDOW_S)
            fits = (
                len(second.taken) + 1 <= RECORDS_A_SECOND * scale
                and second.size_bytes + size_bytes <= BYTES_A_SECOND * scale
            )
            if fits or not second.taken:
                second.take(now, size_bytes)
                return True
            return False
