"""The counts of the local road, each derived from the store that knows it, none kept in memory."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from chalicelib.core.dead_letters import PREFIX
from chalicelib.core.failed_event import Stage
from sluice.local.warehouse import Warehouse

_FAILED_KEY = re.compile(rf"{PREFIX}stage=(\w+)/.*-(\d+)\.ndjson\.gz")

_OFFERED = ("offered", "accepted", "rejected", "unavailable")

_IN_WAREHOUSE = """
SELECT
  (SELECT COUNT(*) FROM (SELECT DISTINCT RECEIPTID, RECEIPTINDEX FROM RAW.EVENTS)) AS LOADED,
  (SELECT COUNT(*) FROM CORE.EVENTS) AS KEPT,
  (SELECT COUNT(*) FROM OPS.IDENTITY_CONFLICTS) AS CONFLICTS
"""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the counts come from; `landed_cache` remembers the lines of files, which never change."""

    request_log: Path
    landed_cache: Path
    s3: Any
    landing_bucket: str
    dead_letter_bucket: str
    warehouse: Warehouse

    def counts(self) -> dict[str, Any]:
        """Return the counts of `status --json`; `dead_lettered` is one number a stage.

        `duplicates` are loaded events that CORE already knew by (source, id), `conflicts` those among
        them with other content. `in_flight` is what was accepted and is not loaded or set aside yet.
        """
        offered = self._offered()
        failed = self._dead_lettered()
        in_warehouse = self.warehouse.query(_IN_WAREHOUSE)[0]
        after_collect = sum(count for stage, count in failed.items() if stage != Stage.COLLECT)
        return {
            "received": offered["offered"],
            "accepted": offered["accepted"],
            "rejected": offered["rejected"],
            "unavailable": offered["unavailable"],
            "landed": self._landed(),
            "loaded": in_warehouse["loaded"],
            "dead_lettered": failed,
            "in_flight": offered["accepted"] - in_warehouse["loaded"] - after_collect,
            "duplicates": in_warehouse["loaded"] - in_warehouse["kept"],
            "conflicts": in_warehouse["conflicts"],
        }

    def _offered(self) -> Counter[str]:
        totals: Counter[str] = Counter()
        if self.request_log.exists():
            with self.request_log.open("rb") as log:
                for line in log:
                    entry = orjson.loads(line)
                    totals.update({name: entry[name] for name in _OFFERED})
        return totals

    def _dead_lettered(self) -> dict[str, int]:
        """Count failed events by their objects' names, which say how many each holds."""
        totals = dict.fromkeys((stage.value for stage in Stage), 0)
        for key in self._keys(self.dead_letter_bucket, PREFIX):
            if found := _FAILED_KEY.fullmatch(key):
                totals[found[1]] += int(found[2])
        return totals

    def _landed(self) -> int:
        known = json.loads(self.landed_cache.read_text()) if self.landed_cache.exists() else {}
        lines = {
            key: known[key] if key in known else self._lines(key) for key in self._keys(self.landing_bucket, "events/")
        }
        new = self.landed_cache.with_suffix(".new")
        new.write_text(json.dumps(lines))
        new.replace(self.landed_cache)  # another status may be reading
        return sum(lines.values())

    def _lines(self, key: str) -> int:
        body = self.s3.get_object(Bucket=self.landing_bucket, Key=key)["Body"].read()
        return gzip.decompress(body).count(b"\n")

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return (entry["Key"] for page in pages for entry in page.get("Contents", []))
