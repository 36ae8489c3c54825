"""What the warehouse holds, asked in few words: as little as possible travels, however many rows there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.local.audit.contents import RECEIPT_PATTERN, LineId
from sluice.local.warehouse import Warehouse

_OURS = f"REGEXP_LIKE(RECEIPTID, '{RECEIPT_PATTERN}') AND REGEXP_LIKE(RECEIPTINDEX, '[0-9]{{1,4}}')"
"""Lines that bear a receipt of ours; REGEXP_LIKE matches whole texts."""

_RAW_LINES = f"""
SELECT LISTAGG(RECEIPTID || ' ' || INDEXES, ',') AS RECEIPTS FROM (
  SELECT RECEIPTID, LISTAGG(DISTINCT RECEIPTINDEX, ' ') AS INDEXES FROM RAW.EVENTS WHERE {_OURS} GROUP BY RECEIPTID
) GROUP BY LEFT(RECEIPTID, 9)
"""  # noqa: S608 - no text of a user; a receipt begins with its time: each group is a minute

_COUNTS = """
SELECT
  (SELECT COUNT(*) FROM (
    SELECT DISTINCT RECEIPTID, RECEIPTINDEX FROM RAW.EVENTS WHERE RECEIPTID IS NOT NULL)) AS LOADED,
  (SELECT COUNT(*) FROM CORE.EVENTS WHERE RECEIPT_ID IS NOT NULL) AS KEPT,
  (SELECT COUNT(*) FROM (
    SELECT DISTINCT arrived.RECEIPTID, arrived.RECEIPTINDEX
    FROM RAW.EVENTS AS arrived
    LEFT JOIN CORE.EVENTS AS kept ON kept.SOURCE = arrived.SOURCE AND kept.ID = arrived.ID
    WHERE arrived.RECEIPTID IS NOT NULL AND kept.ID IS NULL)) AS WAITING,
  (SELECT COUNT(*) FROM RAW.EVENTS WHERE SOURCE IS NOT NULL AND ID IS NOT NULL) AS ROWS_IN_RAW,
  (SELECT COUNT(*) FROM (
    SELECT DISTINCT SOURCE, ID FROM RAW.EVENTS WHERE SOURCE IS NOT NULL AND ID IS NOT NULL)) AS IDENTITIES
"""

_CONFLICTS = "SELECT COUNT(*) AS CONFLICTS FROM OPS.IDENTITY_CONFLICTS"

_NOT_IN_CORE = """
SELECT arrived.RECEIPTID, arrived.RECEIPTINDEX, arrived.SOURCE, arrived.ID
FROM RAW.EVENTS AS arrived
LEFT JOIN CORE.EVENTS AS kept ON kept.SOURCE = arrived.SOURCE AND kept.ID = arrived.ID
WHERE kept.ID IS NULL AND arrived.ID IS NOT NULL AND arrived.SOURCE IS NOT NULL
"""

_DOUBLE_IN_CORE = """
SELECT arrived.RECEIPTID, arrived.RECEIPTINDEX, twice.SOURCE, twice.ID, twice.ROWS_IN_CORE
FROM (
  SELECT SOURCE, ID, COUNT(*) AS ROWS_IN_CORE FROM CORE.EVENTS GROUP BY SOURCE, ID HAVING COUNT(*) > 1
) AS twice
LEFT JOIN RAW.EVENTS AS arrived ON arrived.SOURCE = twice.SOURCE AND arrived.ID = twice.ID
"""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many lines with a receipt are in RAW, each once, and what became of them in CORE.

    `waiting` are those whose event is not in CORE yet, `duplicates` those whose event was there already,
    `conflicts` the rows, of any producer, that came again with other content.
    """

    loaded: int = 0
    waiting: int = 0
    duplicates: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class CoreBreach:
    """An event that CORE holds not once: `rows` is 0 or at least 2. `receiptid` is None where it bears none."""

    receiptid: str | None
    receiptindex: int | None
    source: str
    id: str
    rows: int


def raw_lines(warehouse: Warehouse) -> frozenset[LineId]:
    """Return the lines of ours that are in RAW. Raises QueryError."""
    return frozenset(
        (receipt, int(index))
        for row in warehouse.query(_RAW_LINES)
        for text in row["receipts"].split(",")
        for receipt, *indexes in [text.split(" ")]
        for index in indexes
    )


def row_counts(warehouse: Warehouse) -> RowCounts:
    """Return the counts of the warehouse. Raises QueryError.

    Whether contents differ takes a second for 200,000 rows: it is only asked where an event came twice.
    """
    found = warehouse.query(_COUNTS)[0]
    came_again = found["rows_in_raw"] > found["identities"]
    return RowCounts(
        loaded=found["loaded"],
        waiting=found["waiting"],
        duplicates=max(0, found["loaded"] - found["kept"] - found["waiting"]),
        conflicts=warehouse.query(_CONFLICTS)[0]["conflicts"] if came_again else 0,
    )


def rows_in_core(warehouse: Warehouse) -> int:
    """Return how many events CORE holds. Raises QueryError."""
    return int(warehouse.query("SELECT COUNT(*) AS N FROM CORE.EVENTS")[0]["n"])


def core_breaches(warehouse: Warehouse) -> tuple[CoreBreach, ...]:
    """Return every event of RAW that is not in CORE, and every one that is there more than once. Raises QueryError."""
    missing = [_breach(row, 0) for row in warehouse.query(_NOT_IN_CORE)]
    return (*missing, *(_breach(row, row["rows_in_core"]) for row in warehouse.query(_DOUBLE_IN_CORE)))


def _breach(row: Mapping[str, Any], rows: int) -> CoreBreach:
    index = str(row["receiptindex"])
    known = int(index) if index.isascii() and index.isdecimal() else None
    return CoreBreach(row["receiptid"], known, row["source"], row["id"], rows)
