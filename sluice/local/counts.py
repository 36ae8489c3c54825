"""The counts of the local road, each derived from the store that knows it, none kept in memory."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.dead_letters import PREFIX
from chalicelib.core.failed_event import Stage
from sluice.local.evidence import set_aside
from sluice.local.stores import Stores

_FAILED_KEY = re.compile(rf"{PREFIX}stage=(\w+)/.*-(\d+)\.ndjson\.gz")

_OFFERED = ("offered", "accepted", "rejected", "unavailable")

_IN_WAREHOUSE = """
SELECT
  (SELECT COUNT(*) FROM (
    SELECT DISTINCT RECEIPTID, RECEIPTINDEX FROM RAW.EVENTS WHERE RECEIPTID IS NOT NULL)) AS LOADED,
  (SELECT COUNT(*) FROM CORE.EVENTS WHERE RECEIPT_ID IS NOT NULL) AS KEPT,
  (SELECT COUNT(*) FROM OPS.IDENTITY_CONFLICTS) AS CONFLICTS
"""


def counts(stores: Stores) -> dict[str, Any]:
    """Return the counts of `status --json`; `dead_lettered` is one number a stage.

    `duplicates` are loaded events that CORE already knew by (source, id), `conflicts` those among
    them with other content. `in_flight` is what was accepted and is not loaded or set aside yet. Lines of
    other producers, which bear no receipt, count as landed and as dead-lettered only.
    """
    requests = list(stores.requests())
    offered = _offered(requests)
    failed = _dead_lettered(stores)
    in_warehouse = stores.warehouse.query(_IN_WAREHOUSE)[0]
    posted = {entry["receipt"] for entry in requests}
    after_collect = sum(receipt in posted for receipt, _ in set_aside(stores))
    return {
        "received": offered["offered"],
        "accepted": offered["accepted"],
        "rejected": offered["rejected"],
        "unavailable": offered["unavailable"],
        "landed": _landed(stores),
        "loaded": in_warehouse["loaded"],
        "dead_lettered": failed,
        "in_flight": offered["accepted"] - in_warehouse["loaded"] - after_collect,
        "duplicates": in_warehouse["loaded"] - in_warehouse["kept"],
        "conflicts": in_warehouse["conflicts"],
    }


def _offered(requests: Iterable[Mapping[str, Any]]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for entry in requests:
        totals.update({name: entry[name] for name in _OFFERED})
    return totals


def _dead_lettered(stores: Stores) -> dict[str, int]:
    """Count failed events by their objects' names, which say how many each holds."""
    totals = dict.fromkeys((stage.value for stage in Stage), 0)
    for key in stores.keys(stores.dead_letter_bucket, PREFIX):
        if found := _FAILED_KEY.fullmatch(key):
            totals[found[1]] += int(found[2])
    return totals


def _landed(stores: Stores) -> int:
    bucket, cache = stores.landing_bucket, stores.landed_cache
    known = json.loads(cache.read_text()) if cache.exists() else {}
    lines = {
        key: known[key] if key in known else len(stores.lines(bucket, key)) for key in stores.keys(bucket, "events/")
    }
    new = cache.with_suffix(".new")
    new.write_text(json.dumps(lines))
    new.replace(cache)  # another status may be reading
    return sum(lines.values())
