"""The stand-in as a process, driven by the unmodified SDK and connector."""

import json
import subprocess
import time
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.ingest import StagedFile
from snowflake.ingest.error import IngestResponseError
from standin_process import StandInProcess, eventually, line, new_key_pair

pytestmark = pytest.mark.road  # a process a test

VARIANT_CODE = 5


def report(standin: StandInProcess) -> dict[str, Any]:
    """Give the whole insertReport by path."""
    return {file["path"]: file for file in standin.manager().get_history()["files"]}


def test_a_named_file_becomes_rows(standin: StandInProcess) -> None:
    """A file's line is a row in CORE within half a second or so, with its data, extensions and origin."""
    standin.put("dt=1/a.gz", line("a", data={"n": 1}, tenant="t1"))
    assert standin.ingest("dt=1/a.gz")["responseCode"] == "SUCCESS"
    (row,) = eventually(
        lambda: standin.sql("SELECT ID, DATA, EXTENSIONS, RECEIPT_INDEX, FILENAME, FILE_ROW FROM CORE.EVENTS")
    )
    assert row == ("a", '{"n":1}', '{"tenant":"t1"}', 0, "events/dt=1/a.gz", 1)
    assert report(standin)["dt=1/a.gz"]["status"] == "LOADED"


def test_a_resubmitted_path_is_ignored(standin: StandInProcess) -> None:
    """A path is loaded once, though the second call is answered with SUCCESS as well."""
    standin.put("a.gz", line("a"))
    standin.ingest("a.gz")
    eventually(lambda: standin.count("RAW.EVENTS") == 1)
    assert standin.ingest("a.gz")["responseCode"] == "SUCCESS"
    standin.put("b.gz", line("b"))
    standin.ingest("b.gz")
    eventually(lambda: standin.count("CORE.EVENTS") == 2)
    assert standin.count("RAW.EVENTS") == 2


def test_a_broken_file_is_skipped_whole(standin: StandInProcess) -> None:
    """One bad line costs the file: LOAD_FAILED with the place of the error, and not one row."""
    standin.put("bad.gz", line("good"), '{"id":')
    standin.put("good.gz", line("other"))
    standin.ingest("bad.gz", "missing.gz", "good.gz")
    eventually(lambda: len(report(standin)) == 3)
    files = report(standin)
    assert files["bad.gz"]["status"] == "LOAD_FAILED"
    assert files["bad.gz"]["firstErrorLineNum"] == 2
    assert files["missing.gz"]["status"] == "LOAD_FAILED"
    assert "was not found" in files["missing.gz"]["firstError"]
    assert standin.sql("SELECT ID FROM RAW.EVENTS") == [("other",)]


def test_the_same_event_twice_is_one_row_in_core(standin: StandInProcess) -> None:
    """(SOURCE, ID) is the identity: RAW keeps both, CORE the first, and other content is shown as a conflict."""
    standin.put("a.gz", line("a", data={"x": 1, "y": 2}), line("b", receivedat="2026-11-21T10:00:02Z", data=2))
    standin.put("b.gz", line("a", data={"y": 2, "x": 1}), line("b", receivedat="2026-11-21T10:00:03Z", data=3))
    standin.ingest("a.gz")
    eventually(lambda: standin.count("CORE.EVENTS") == 2)
    standin.ingest("b.gz")
    eventually(lambda: standin.count("RAW.EVENTS") == 4)
    eventually(lambda: standin.sql("SELECT SYSTEM$STREAM_HAS_DATA('RAW.EVENTS_STREAM') AS H") == [(False,)])
    assert standin.count("CORE.EVENTS") == 2
    conflicts = standin.sql("SELECT ID, DATA, KEPT_DATA FROM OPS.IDENTITY_CONFLICTS")
    assert conflicts == [("b", "3", "2")]


def test_of_doubles_that_arrive_together_the_first_received_wins(standin: StandInProcess) -> None:
    """Within one arrival the first by RECEIVEDAT is kept."""
    later, first = line("a", receivedat="2026-11-21T10:00:02Z", data=2), line("a", data=1)
    standin.put("a.gz", later, first)
    standin.ingest("a.gz")
    assert eventually(lambda: standin.sql("SELECT DATA FROM CORE.EVENTS")) == [("1",)]


def test_values_stay_exact(standin: StandInProcess) -> None:
    """Large integers, doubles, null, order, NUL and unicode come back by SQL as they were in the line."""
    data = (
        '{"z":12345678901234567890,"a":12345678901234567890123456789012345678,"t":18446744073709551615,'
        '"p":0.1,"q":1.0,"m":-0.0,"n":null,"o":{"n":[null,{}]},"u":"\\u0000é😀\\"","":0,"a.b":1,"$c":2}'
    )
    standin.put("a.gz", line("a", time="no time at all", receiptindex="x")[:-1] + f',"data":{data}}}')
    standin.ingest("a.gz")
    with standin.connect() as connection, connection.cursor() as cursor:
        query = "SELECT DATA, TIME, RECEIPT_INDEX FROM CORE.EVENTS"
        (row,) = eventually(lambda: cursor.execute(query).fetchall())
        assert row == (data, None, None)
        assert cursor.description[0].type_code == VARIANT_CODE


def test_a_kill_neither_loses_nor_doubles(standin: StandInProcess) -> None:
    """Killed with -9 while files are loaded, it finishes them after the next start, each exactly once."""
    paths = [f"{n}.gz" for n in range(600)]
    for path in paths:
        standin.put(path, line(path), line(f"{path}-2"))
    standin.objects.delay_s = 0.01
    standin.ingest(*paths)
    eventually(lambda: standin.count("RAW.EVENTS") > 0)
    standin.kill()
    standin.objects.down = True
    standin.start()
    assert 0 < standin.count("RAW.EVENTS") < 1200, "it was not killed in the middle"
    standin.objects.down = False
    eventually(lambda: standin.count("CORE.EVENTS") == 1200)
    assert standin.sql("SELECT COUNT(*) AS N, COUNT(DISTINCT ID) AS D FROM RAW.EVENTS") == [(1200, 1200)]
    assert standin.sql("SELECT COUNT(*) AS N, COUNT(DISTINCT ID) AS D FROM CORE.EVENTS") == [(1200, 1200)]


def test_files_wait_while_s3_is_down(standin: StandInProcess) -> None:
    """An endpoint that cannot answer is no failed file: it is loaded when S3 is back."""
    standin.objects.down = True
    standin.put("a.gz", line("a"))
    standin.ingest("a.gz")
    eventually(lambda: "files wait" in standin.log())
    assert report(standin) == {}
    standin.objects.down = False
    eventually(lambda: standin.count("CORE.EVENTS") == 1)


def test_a_paused_pipe_keeps_its_files(standin: StandInProcess) -> None:
    """A paused pipe accepts files, says so in its status, and loads them when it is resumed."""
    standin.sql("ALTER PIPE RAW.EVENTS_PIPE SET PIPE_EXECUTION_PAUSED = TRUE")
    standin.put("a.gz", line("a"))
    standin.ingest("a.gz")
    ((status,),) = standin.sql("SELECT SYSTEM$PIPE_STATUS('SLUICE.RAW.EVENTS_PIPE') AS S")
    assert json.loads(status)["executionState"] == "PAUSED"
    assert json.loads(status)["pendingFileCount"] == 1
    standin.sql("ALTER PIPE RAW.EVENTS_PIPE SET PIPE_EXECUTION_PAUSED = FALSE")
    eventually(lambda: standin.count("CORE.EVENTS") == 1)


def test_a_suspended_task_keeps_the_stream(standin: StandInProcess) -> None:
    """While its task is suspended the stream keeps its rows; EXECUTE TASK runs it once."""
    standin.sql("ALTER TASK CORE.LOAD_EVENTS SUSPEND")
    standin.put("a.gz", line("a"))
    standin.ingest("a.gz")
    eventually(lambda: standin.sql("SELECT SYSTEM$STREAM_HAS_DATA('RAW.EVENTS_STREAM') AS H") == [(True,)])
    assert standin.count("CORE.EVENTS") == 0
    standin.sql("EXECUTE TASK CORE.LOAD_EVENTS")
    eventually(lambda: standin.count("CORE.EVENTS") == 1)


def test_a_wrong_key_is_refused(standin: StandInProcess) -> None:
    """A token signed with another key is answered with 401 and Snowflake's code."""
    with pytest.raises(IngestResponseError) as refused:
        standin.manager(new_key_pair()).get_history()
    assert refused.value.http_error_code == 401
    assert refused.value.code == "390144"


def test_limits_of_insert_files(standin: StandInProcess) -> None:
    """More than 5,000 files: 429 and none queued; a path over 1,024 bytes or no file: 400; no such pipe: 404."""
    cases = [
        (429, standin.manager(), [f"{n}.gz" for n in range(5001)]),
        (400, standin.manager(), ["é" * 513]),
        (400, standin.manager(), []),
        (404, standin.manager(pipe="SLUICE.RAW.NO_PIPE"), ["a.gz"]),
    ]
    for status, manager, paths in cases:
        with pytest.raises(IngestResponseError) as refused:
            manager.ingest_files([StagedFile(path, None) for path in paths])
        assert refused.value.http_error_code == status
    assert '"pendingFileCount": 0' in standin.sql("SELECT SYSTEM$PIPE_STATUS('SLUICE.RAW.EVENTS_PIPE') AS S")[0][0]


def test_history_scan_says_complete_as_text(standin: StandInProcess) -> None:
    """LoadHistoryScan's completeResult is a string, insertReport's a boolean, as Snowflake has it."""
    assert standin.manager().get_history()["completeResult"] is True
    assert standin.manager().get_history_range("2026-11-21T00:00:00Z")["completeResult"] == "true"


WRONG_STATEMENTS = [
    "SELECT NO_COLUMN FROM CORE.EVENTS",
    "SELECT * FROM NO_TABLE",
    "SELEC 1",
    "SELECT PARSE_JSON('{') AS A",
    "SELECT [1, 2] AS A",
    "CREATE TASK CORE.T SCHEDULE = '1 MINUTE' AS SELECT 1",
    "CREATE PIPE RAW.P AS COPY INTO RAW.EVENTS FROM @RAW.EVENTS_STAGE",
    "CREATE STREAM RAW.S ON TABLE RAW.EVENTS",
    "ALTER PIPE RAW.EVENTS_PIPE REFRESH",
    "DROP PIPE RAW.NO_PIPE",
]


def test_a_wrong_statement_fails_at_once(standin: StandInProcess) -> None:
    """What cannot run is a ProgrammingError within a second, not a 500 that the connector retries."""
    for statement in WRONG_STATEMENTS:
        started = time.monotonic()
        with pytest.raises(ProgrammingError):
            standin.sql(statement)
        assert time.monotonic() - started < 2, statement


def test_account_statements_are_accepted_and_listed(standin: StandInProcess) -> None:
    """GRANT and its kin have no effect, say so, and can be looked up."""
    ((status,),) = standin.sql("GRANT OPERATE ON PIPE SLUICE.RAW.EVENTS_PIPE TO ROLE X")
    assert "not emulated" in status
    listed = standin.sql("SELECT STATEMENT FROM SLUICE._STANDIN.NOT_EMULATED")
    assert listed == [("GRANT OPERATE ON PIPE SLUICE.RAW.EVENTS_PIPE TO ROLE X",)]


def test_a_stop_is_quick_and_keeps_everything(standin: StandInProcess) -> None:
    """SIGTERM ends it with 0 in under two seconds; objects and rows are there after the next start."""
    standin.put("a.gz", line("a"))
    standin.ingest("a.gz")
    eventually(lambda: standin.count("CORE.EVENTS") == 1)
    started = time.monotonic()
    assert standin.stop() == 0
    assert time.monotonic() - started < 2
    standin.start()
    assert standin.count("CORE.EVENTS") == 1
    assert [row[1] for row in standin.sql("SHOW PIPES")] == ["EVENTS_PIPE"]
    assert [row[1] for row in standin.sql("SHOW STAGES IN ACCOUNT")] == ["EVENTS_STAGE"]


def test_a_hanging_s3_does_not_delay_a_stop(standin: StandInProcess) -> None:
    """SIGTERM ends it quickly even while a file is being fetched; the file is loaded after the next start."""
    standin.objects.delay_s = 15
    standin.put("a.gz", line("a"))
    standin.ingest("a.gz")
    eventually(lambda: standin.objects.asked)
    started = time.monotonic()
    assert standin.stop() == 0
    assert time.monotonic() - started < 3
    standin.objects.delay_s = 0
    standin.start()
    eventually(lambda: standin.count("CORE.EVENTS") == 1)


def test_a_data_directory_has_one_process(standin: StandInProcess) -> None:
    """A second stand-in on the same directory ends with code 2 and says why."""
    second = subprocess.run(standin._command(), capture_output=True, text=True, check=False, timeout=20)  # noqa: SLF001
    assert second.returncode == 2
    assert "is in use by another" in second.stderr
