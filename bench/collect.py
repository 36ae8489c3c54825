"""What judging an event costs beside the least that could be done: parse, validate, serialise.

    make bench

Prints one ratio; both sides run in turn in one process, so a busy machine slows both.
"""

import gzip
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from chalicelib.api.post import Post, read_elements
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.registry import Registry
from chalicelib.core.line import Receipt
from chalicelib.core.record import pack
from chalicelib.stages.collect import Collect

EARTHQUAKES = Path(__file__).parents[1] / "tests" / "data" / "usgs-earthquakes.json.gz"
EVENTS = 100
ROUNDS = 30


def main() -> None:
    """Measure and print."""
    features = orjson.loads(gzip.decompress(EARTHQUAKES.read_bytes()))["features"][:EVENTS]
    body = orjson.dumps([{"type": "earthquake.reported", "data": feature} for feature in features])
    registry = Registry()
    contract = registry.find("earthquake.reported", None)
    assert isinstance(contract, Contract)  # noqa: S101 - a benchmark of nothing would be worse
    collect = Collect(registry, "bench/0")
    receipt = Receipt("01936f00-0000-7000-8000-000000000000", "2026-01-01T00:00:00.000Z", "anonymous")

    def floor() -> None:
        for event in orjson.loads(body):
            contract.validator.is_valid(event["data"])
            orjson.dumps(event)

    def ours() -> None:
        elements, _ = read_elements(Post(body))
        pack(collect.judge(elements, receipt, str).lines, receipt.id)

    pairs = [(_seconds(ours), _seconds(floor)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / least for mine, least in pairs)
    microseconds = statistics.median(mine for mine, _ in pairs) / EVENTS * 1e6
    print(f"collect: {ratio:.2f} times parse + validate + serialise ({microseconds:.0f} µs an event here)")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
