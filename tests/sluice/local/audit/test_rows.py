"""What the warehouse is asked for the counts and for verify, on the real stand-in with the project's own SQL."""

import pytest
from standin_process import ACCOUNT, DATABASE, StandInProcess, eventually, line
from store_fakes import receipt

from sluice.local.audit.rows import CoreBreach, RowCounts, core_breaches, raw_lines, row_counts, rows_in_core
from sluice.local.warehouse import Warehouse

pytestmark = pytest.mark.road  # a process a test


@pytest.fixture
def warehouse(standin: StandInProcess) -> Warehouse:
    """Give the stand-in as the tool knows it."""
    return Warehouse("127.0.0.1", standin.port, "http", "any", "any", ACCOUNT, DATABASE)


def _ours(number: int, index: int, **changes: object) -> str:
    """Return a line of ours, an event of its own."""
    return line(f"e-{number}-{index}", receiptid=receipt(number), receiptindex=index, **changes)


def _load(standin: StandInProcess, path: str, *lines: str) -> None:
    before = standin.count("RAW.EVENTS")
    standin.put(path, *lines)
    standin.ingest(path)
    eventually(lambda: standin.count("RAW.EVENTS") == before + len(lines))
    eventually(lambda: not standin.sql("SELECT * FROM RAW.EVENTS_STREAM"))


def test_an_empty_warehouse(warehouse: Warehouse) -> None:
    """Nothing is there, and nothing is wrong."""
    assert raw_lines(warehouse) == frozenset()
    assert row_counts(warehouse) == RowCounts()
    assert (core_breaches(warehouse), rows_in_core(warehouse)) == ((), 0)


def test_rows_of_all_kinds(standin: StandInProcess, warehouse: Warehouse) -> None:
    """Lines of ours once each, whatever foreign lines claim; a retry is a duplicate, one with other data a conflict."""
    forged = [
        line("f-1", receiptid=None, receiptindex=None),
        line("f-2", receiptid="x,y z", receiptindex="1"),
        line("f-3", receiptid=receipt(9), receiptindex="a,b c"),
        line("f-4", receiptid=receipt(9), receiptindex=10**20),
    ]
    _load(standin, "a.gz", _ours(1, 0), _ours(1, 1), _ours(2, 0), *forged)
    _load(standin, "b.gz", _ours(1, 1), _ours(3, 0, id="e-1-0"), _ours(4, 0, id="e-2-0", data={"n": 2}))
    assert raw_lines(warehouse) == {
        (receipt(1), 0),
        (receipt(1), 1),
        (receipt(2), 0),
        (receipt(3), 0),
        (receipt(4), 0),
    }
    assert row_counts(warehouse) == RowCounts(loaded=8, waiting=0, duplicates=2, conflicts=1)
    assert rows_in_core(warehouse) == 7
    assert core_breaches(warehouse) == ()


def test_breaches_of_core(standin: StandInProcess, warehouse: Warehouse) -> None:
    """A row that is gone and a row that is there twice are found with their lines; another producer's too."""
    _load(standin, "a.gz", _ours(1, 0), _ours(1, 1), _ours(1, 2), line("f", receiptid=None, receiptindex=None))
    for statement in (
        "DELETE FROM CORE.EVENTS WHERE ID IN ('e-1-0', 'f')",
        "INSERT INTO CORE.EVENTS SELECT * FROM CORE.EVENTS WHERE ID = 'e-1-1'",
    ):
        standin.sql(statement)
    found = sorted(core_breaches(warehouse), key=lambda breach: breach.id)
    assert found == [
        CoreBreach(receipt(1), 0, "/anonymous", "e-1-0", 0),
        CoreBreach(receipt(1), 1, "/anonymous", "e-1-1", 2),
        CoreBreach(None, None, "/anonymous", "f", 0),
    ]
    assert row_counts(warehouse).waiting == 1


def test_many_receipts(standin: StandInProcess, warehouse: Warehouse) -> None:
    """They come back whole, however they are put together on the way."""
    lines = [_ours(number * 10**9, index) for number in range(300) for index in (0, 7, 4_999)]
    _load(standin, "a.gz", *lines)
    expected = {(receipt(number * 10**9), index) for number in range(300) for index in (0, 7, 4_999)}
    assert raw_lines(warehouse) == expected
