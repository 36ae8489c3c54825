"""How long from a post to its row: 50 events, one after the other, on the running local road.

    make bench        (a road must be up: bin/sluice up --detach)

Prints seconds from the start of the post until the row is seen in CORE.EVENTS by SQL. Times are this
machine's and only good beside each other.
"""

import json
import statistics
import subprocess
import time
import uuid
from pathlib import Path

import requests
import snowflake.connector

SLUICE = Path(__file__).parents[1] / "bin" / "sluice"
TRIES = 50
POLL_S = 0.02


def main() -> None:
    """Measure and print."""
    status = json.loads(subprocess.check_output([SLUICE, "status", "--json"]))
    with snowflake.connector.connect(**status["snowflake"], network_timeout=30) as connection:
        cursor = connection.cursor()
        seconds = sorted(_post_to_row(status["api"], cursor) for _ in range(TRIES))
    p95 = seconds[int(TRIES * 0.95) - 1]
    median = statistics.median(seconds)
    print(f"post to row, {TRIES} tries: median {median:.2f} s, p95 {p95:.2f} s, max {seconds[-1]:.2f} s")


def _post_to_row(api: str, cursor: "snowflake.connector.cursor.SnowflakeCursor") -> float:
    event_id = f"bench-{uuid.uuid4()}"
    event = {"type": "order.placed", "id": event_id, "data": {"order_id": "b", "amount": 1, "currency": "EUR"}}
    started = time.perf_counter()
    answer = requests.post(f"{api}/v1/events", json=event, timeout=30)
    answer.raise_for_status()
    while not cursor.execute("select 1 from core.events where id = %s", (event_id,)).fetchall():
        time.sleep(POLL_S)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
