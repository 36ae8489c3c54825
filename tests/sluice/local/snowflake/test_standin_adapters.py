"""The app's own adapters, with unmodified SDK and connector, against the real stand-in and the faults it plays."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.ingest import StagedFile
from standin_process import KeyPair, StandInProcess, eventually, line, new_key_pair

from chalicelib.adapters import clock
from chalicelib.adapters.snowflake_sql import SnowflakeSql
from chalicelib.adapters.snowpipe import Snowpipe
from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Outcome, State
from chalicelib.stages.budget import Budget
from chalicelib.stages.load import IngestUnavailableError
from chalicelib.stages.reports import HistoryUnavailableError

pytestmark = pytest.mark.road  # a process a test

PIPE = Pipe("SLUICE.RAW.EVENTS_PIPE", "events/", "SLUICE.RAW.EVENTS")
FIRST_DAY = "2026-01-01T00:00:00.000Z"
LAST_DAY = "2100-01-01T00:00:00.000Z"
TIMEOUTS_S = (1.0, 1.0)


class Asked:
    """A stand-in as the app sees it: over REST and over SQL."""

    def __init__(self, standin: StandInProcess, keys: KeyPair) -> None:
        self.standin = standin
        self.sql = SnowflakeSql(standin.account(), lambda: keys.private)
        self.rest = Snowpipe(standin.account(), lambda: keys.private, TIMEOUTS_S)

    def submit(self, *paths: str) -> None:
        """Name files to the pipe."""
        self.rest.submit(PIPE.name, dict.fromkeys(paths), budget())

    def recent(self) -> dict[str, Outcome]:
        """Return insertReport's outcomes."""
        return dict(self.rest.recent(PIPE.name, budget()).outcomes)

    def history(self) -> dict[str, Outcome]:
        """Return loadHistoryScan's outcomes."""
        return dict(self.rest.between(PIPE.name, self.standin_start, LAST_DAY, budget()).outcomes)

    def copied(self, *paths: str) -> dict[str, Outcome]:
        """Return COPY_HISTORY's outcomes."""
        return self.sql.copied(PIPE, paths, FIRST_DAY)

    @property
    def standin_start(self) -> str:
        """Return a time before everything that a test does, within 14 days."""
        return clock.now()[:11] + "00:00:00.000Z"


@pytest.fixture
def asked(standin: StandInProcess, keys: KeyPair) -> Asked:
    """Return the adapters of a running stand-in."""
    return Asked(standin, keys)


def budget(seconds: float = 4.0) -> Budget:
    """Return a real budget."""
    ends_at = time.monotonic() + seconds
    return Budget(lambda: ends_at - time.monotonic())


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Make a call and see that it does not take longer."""
    started = time.monotonic()
    result = call()
    assert time.monotonic() - started < seconds
    return result


LOADED = Outcome(State.LOADED, 2, 2)


def test_a_loaded_file_is_told_by_every_source(standin: StandInProcess, asked: Asked) -> None:
    """InsertReport, loadHistoryScan, COPY_HISTORY and RAW agree."""
    path = "dt=2026-01-31/a b+c'é.gz"
    standin.put(path, line("a"), line("b"))
    asked.submit(path)
    assert eventually(asked.recent) == {path: LOADED}
    assert asked.history() == {path: LOADED}
    assert asked.copied(path, "other.gz") == {path: LOADED}
    assert asked.sql.rows_in_raw(PIPE, [path, "other.gz"]) == {path: 2}


def test_a_broken_file_is_told_with_its_first_error(standin: StandInProcess, asked: Asked) -> None:
    """All three say failed, with the error and its line; RAW holds no row of it."""
    standin.put("bad.gz", line("a"), '{"id":')
    asked.submit("bad.gz")
    told = eventually(asked.recent)["bad.gz"]
    assert (told.state, told.rows, told.error_line) == (State.FAILED, 0, 2)
    assert "Error parsing JSON" in str(told.first_error)
    assert asked.history() == asked.copied("bad.gz") == {"bad.gz": told}
    assert asked.sql.rows_in_raw(PIPE, ["bad.gz"]) == {}


def test_fail_file_fails_whole_files(standin: StandInProcess, asked: Asked) -> None:
    """What is loaded meanwhile fails, and stays failed; its path stays remembered, a new key loads."""
    standin.put("a.gz", line("a"))
    standin.put("reload=1/a.gz", line("a"))
    with standin.playing("fail-file"):
        asked.submit("a.gz")
        assert eventually(asked.recent)["a.gz"].state is State.FAILED
    asked.submit("a.gz", "reload=1/a.gz")
    eventually(lambda: len(asked.recent()) == 2)
    assert {path: told.state for path, told in asked.recent().items()} == {
        "a.gz": State.FAILED,
        "reload=1/a.gz": State.LOADED,
    }
    assert standin.count("RAW.EVENTS") == 1


def test_partial_file_loses_the_last_row(standin: StandInProcess, asked: Asked) -> None:
    """All sources say partial, with the rows loaded and read and the row that is missing."""
    standin.put("a.gz", line("a"), line("b"), line("c"))
    with standin.playing("partial-file"):
        asked.submit("a.gz")
        told = eventually(asked.recent)["a.gz"]
    assert (told.state, told.rows, told.rows_parsed, told.error_line) == (State.PARTIAL, 2, 3, 3)
    assert told.first_error
    assert asked.history() == asked.copied("a.gz") == {"a.gz": told}
    assert asked.sql.rows_in_raw(PIPE, ["a.gz"]) == {"a.gz": 2}


def test_lose_report_shows_nothing_and_says_so(standin: StandInProcess, asked: Asked) -> None:
    """InsertReport is empty and not complete; the history still has the file."""
    standin.put("a.gz", line("a"), line("b"))
    asked.submit("a.gz")
    eventually(asked.recent)
    with standin.playing("lose-report"):
        report = asked.rest.recent(PIPE.name, budget())
        assert (report.complete, report.outcomes) == (False, {})
        assert asked.history() == {"a.gz": LOADED}
    assert asked.recent() == {"a.gz": LOADED}


def test_lose_history_shows_nothing(standin: StandInProcess, asked: Asked) -> None:
    """LoadHistoryScan is empty; COPY_HISTORY still has the file."""
    standin.put("a.gz", line("a"), line("b"))
    asked.submit("a.gz")
    eventually(asked.recent)
    with standin.playing("lose-history"):
        assert asked.history() == {}
        assert asked.copied("a.gz") == {"a.gz": LOADED}


def test_a_lost_file_is_found_nowhere(standin: StandInProcess, asked: Asked) -> None:
    """It was taken, it waits nowhere, no source knows it, and naming it again changes nothing, even after a kill."""
    standin.put("a.gz", line("a"))
    standin.put("b.gz", line("b"), line("c"))
    with standin.playing("lose-file"):
        asked.submit("a.gz")
    standin.kill()
    standin.start()
    again = Asked(standin, standin.keys)
    again.submit("a.gz", "b.gz")
    assert eventually(again.recent) == {"b.gz": LOADED}
    assert again.history() == {"b.gz": LOADED}
    assert again.copied("a.gz", "b.gz") == {"b.gz": LOADED}
    assert again.sql.rows_in_raw(PIPE, ["a.gz"]) == {}
    assert again.sql.pipe_status(PIPE.name).pending_files == 0


@pytest.mark.parametrize("kind", ["429", "503"])
def test_refusals_are_waited_out_within_the_budget(standin: StandInProcess, asked: Asked, kind: str) -> None:
    """Every call of REST is refused; SQL answers; afterwards the same calls succeed."""
    standin.put("a.gz", line("a"), line("b"))
    with standin.playing(kind):
        for call in (lambda: asked.submit("a.gz"), asked.recent, asked.history):
            with pytest.raises(IngestUnavailableError, match=kind):
                within(5, call)
        assert asked.sql.pipe_status(PIPE.name).pending_files == 0
    asked.submit("a.gz")
    assert eventually(asked.recent) == {"a.gz": LOADED}


def test_a_refusal_that_ends_is_not_noticed(standin: StandInProcess, asked: Asked) -> None:
    """Switched off while a call retries, the call succeeds."""
    standin.put("a.gz", line("a"), line("b"))
    with standin.playing("429"):
        call = threading.Thread(target=asked.submit, args=["a.gz"])
        call.start()
        eventually(call.is_alive)
    call.join()
    assert eventually(asked.recent) == {"a.gz": LOADED}


def test_a_hang_holds_rest_and_nothing_else(standin: StandInProcess, asked: Asked) -> None:
    """Calls end by their timeouts within the budget; nothing was taken; SQL answers meanwhile."""
    standin.put("a.gz", line("a"), line("b"))
    with standin.playing("hang"):
        with pytest.raises(IngestUnavailableError, match="timed out"):
            within(6, lambda: asked.submit("a.gz"))
        assert within(2, lambda: asked.sql.pipe_status(PIPE.name)).pending_files == 0
    assert asked.recent() == {}
    asked.submit("a.gz")
    assert eventually(asked.recent) == {"a.gz": LOADED}


def test_who_waits_through_a_hang_is_answered(standin: StandInProcess, asked: Asked) -> None:
    """A call that is still there when the fault ends gets its answer."""
    standin.put("a.gz", line("a"), line("b"))
    with standin.playing("hang"):
        call = threading.Thread(target=standin.manager().ingest_files, args=[[StagedFile("a.gz", None)]])
        call.start()
        time.sleep(0.3)
        assert call.is_alive()
    call.join(timeout=5)
    assert eventually(asked.recent) == {"a.gz": LOADED}


def test_a_hang_does_not_delay_a_stop(standin: StandInProcess) -> None:
    """SIGTERM ends the process in time though a call hangs, and says nothing alarming."""
    with standin.playing("hang"):
        rest = Snowpipe(standin.account(), lambda: standin.keys.private, (1, 5))
        call = threading.Thread(target=pytest.raises, args=[IngestUnavailableError, rest.recent, PIPE.name, budget(7)])
        call.start()
        time.sleep(0.5)
        assert within(3, standin.stop) == 0
        call.join()
    assert "Traceback" not in standin.log()


def test_pipe_and_warehouse_show_their_state(standin: StandInProcess, asked: Asked) -> None:
    """A paused pipe does not run, a suspended task is named, and CORE falls behind meanwhile."""
    assert asked.sql.pipe_status(PIPE.name).running
    assert asked.sql.warehouse_state().suspended_tasks == ()
    standin.sql("ALTER PIPE RAW.EVENTS_PIPE SET PIPE_EXECUTION_PAUSED = TRUE")
    standin.put("a.gz", line("a"))
    asked.submit("a.gz")
    status = asked.sql.pipe_status(PIPE.name)
    assert (status.running, status.pending_files) == (False, 1)
    assert clock.now()[:10] in str(status.oldest_pending_at)
    standin.sql("ALTER TASK CORE.LOAD_EVENTS SUSPEND")
    standin.sql("ALTER PIPE RAW.EVENTS_PIPE SET PIPE_EXECUTION_PAUSED = FALSE")
    behind = eventually(lambda: asked.sql.warehouse_state().core_behind_s)
    assert 0 < behind < 60
    assert asked.sql.warehouse_state().suspended_tasks == ("SLUICE.CORE.LOAD_EVENTS",)
    standin.sql("ALTER TASK CORE.LOAD_EVENTS RESUME")
    eventually(lambda: asked.sql.warehouse_state().core_behind_s == 0)


def test_a_waiting_file_is_in_progress_and_no_outcome(standin: StandInProcess, asked: Asked) -> None:
    """COPY_HISTORY shows it without an outcome, and the adapter gives none."""
    standin.sql("ALTER PIPE RAW.EVENTS_PIPE SET PIPE_EXECUTION_PAUSED = TRUE")
    asked.submit("a.gz")
    shown = standin.sql(f"SELECT FILE_NAME, STATUS FROM {history_of()}")  # noqa: S608 -- a test's own names
    assert shown == [("a.gz", "Load in progress")]
    assert asked.copied("a.gz") == {}


def history_of(**arguments: str) -> str:
    """Return a call of COPY_HISTORY as a user writes it."""
    given = {"table_name": "'RAW.EVENTS'", "start_time": "DATEADD(hours, -1, CURRENT_TIMESTAMP())"} | arguments
    named = ", ".join(f"{name} => {value}" for name, value in given.items())
    return f"TABLE(INFORMATION_SCHEMA.COPY_HISTORY({named}))"


COPY_HISTORY_COLUMNS = [
    *("FILE_NAME", "STAGE_LOCATION", "LAST_LOAD_TIME", "ROW_COUNT", "ROW_PARSED", "FILE_SIZE"),
    *("FIRST_ERROR_MESSAGE", "FIRST_ERROR_LINE_NUMBER", "FIRST_ERROR_CHARACTER_POS", "FIRST_ERROR_COLUMN_NAME"),
    *("ERROR_COUNT", "ERROR_LIMIT", "STATUS", "TABLE_CATALOG_NAME", "TABLE_SCHEMA_NAME", "TABLE_NAME"),
    *("PIPE_CATALOG_NAME", "PIPE_SCHEMA_NAME", "PIPE_NAME", "PIPE_RECEIVED_TIME"),
]


def test_copy_history_has_snowflakes_columns(standin: StandInProcess, asked: Asked) -> None:
    """A row has the documented columns by name, in order, with a file's place, sizes, rows and pipe."""
    standin.put("a.gz", line("a"), line("b"))
    asked.submit("a.gz")
    eventually(asked.recent)
    with standin.connect() as connection, connection.cursor() as cursor:
        (row,) = cursor.execute(f"SELECT * FROM {history_of()} AS H").fetchall()  # noqa: S608 -- a test's own names
        assert [column.name for column in cursor.description] == COPY_HISTORY_COLUMNS
    told = dict(zip(COPY_HISTORY_COLUMNS, row, strict=True))
    assert (told["FILE_NAME"], told["STAGE_LOCATION"]) == ("a.gz", "s3://landing/events/")
    assert (told["ROW_COUNT"], told["ROW_PARSED"], told["ERROR_COUNT"], told["STATUS"]) == (2, 2, 0, "Loaded")
    assert told["FILE_SIZE"] == len(standin.objects.objects["/landing/events/a.gz"])
    assert told["PIPE_RECEIVED_TIME"] <= told["LAST_LOAD_TIME"]
    assert row[-7:-1] == ("SLUICE", "RAW", "EVENTS", "SLUICE", "RAW", "EVENTS_PIPE")


ARGUMENTS = [
    ({}, 1),
    ({"table_name": "'SLUICE.RAW.EVENTS'"}, 1),
    ({"table_name": "'CORE.EVENTS'"}, 0),
    ({"start_time": "DATEADD(hours, 1, CURRENT_TIMESTAMP())"}, 0),
    ({"end_time": "DATEADD(hours, -1, CURRENT_TIMESTAMP())"}, 0),
    ({"pipe_name": "'SLUICE.RAW.EVENTS_PIPE'"}, 1),
    ({"pipe_name": "'SLUICE.RAW.OTHER_PIPE'"}, 0),
]


def test_copy_history_keeps_to_its_arguments(standin: StandInProcess, asked: Asked) -> None:
    """Table, times and pipe are looked at; an argument that there is not is an error."""
    standin.put("a.gz", line("a"))
    asked.submit("a.gz")
    eventually(asked.recent)
    for arguments, rows in ARGUMENTS:
        found = standin.sql(f"SELECT FILE_NAME FROM {history_of(**arguments)}")  # noqa: S608 -- a test's own names
        assert len(found) == rows, arguments
    with pytest.raises(ProgrammingError, match="COPY_HISTORY takes"):
        standin.sql(f"SELECT FILE_NAME FROM {history_of(file='1')}")  # noqa: S608 -- see above


def test_a_wrong_key_cannot_sign_in(standin: StandInProcess) -> None:
    """The connector's token is verified as Snowpipe's is; the message names what is wrong."""
    with pytest.raises(HistoryUnavailableError, match="JWT token is invalid"):
        within(5, SnowflakeSql(standin.account(), lambda: new_key_pair().private).warehouse_state)


def test_a_pipe_that_is_not_there(asked: Asked) -> None:
    """REST and SQL both say so in words."""
    with pytest.raises(IngestUnavailableError, match="no such pipe"):
        asked.rest.recent("SLUICE.RAW.NO_PIPE", budget())
    with pytest.raises(HistoryUnavailableError, match="does not exist"):
        asked.sql.pipe_status("SLUICE.RAW.NO_PIPE")


def test_a_session_outlives_a_restart_of_the_server(standin: StandInProcess, asked: Asked) -> None:
    """The kept session is unknown to the new process; a new one is opened without a word."""
    assert asked.sql.pipe_status(PIPE.name).running
    standin.kill()
    standin.start(port=standin.port)
    assert asked.sql.pipe_status(PIPE.name).running


def test_a_stalled_pipe_does_not_starve_the_others(standin: StandInProcess, asked: Asked) -> None:
    """A pipe whose table is gone keeps its files, the oldest of all; the other pipe loads."""
    standin.sql("CREATE TABLE RAW.GONE (LINE VARIANT)")
    standin.sql(
        "CREATE PIPE RAW.GONE_PIPE AS COPY INTO RAW.GONE (LINE) FROM (SELECT $1 FROM @RAW.EVENTS_STAGE) "
        "FILE_FORMAT = (FORMAT_NAME = 'RAW.NDJSON')"
    )
    standin.sql("DROP TABLE RAW.GONE")
    standin.put("a.gz", line("a"), line("b"))
    asked.rest.submit("SLUICE.RAW.GONE_PIPE", {"a.gz": None}, budget())
    eventually(lambda: "files wait" in standin.log())
    asked.submit("a.gz")
    assert eventually(asked.recent, timeout_s=5) == {"a.gz": LOADED}
    assert asked.sql.pipe_status("SLUICE.RAW.GONE_PIPE").pending_files == 1
