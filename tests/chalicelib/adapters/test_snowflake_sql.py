"""Snowflake over SQL: the adapter against sessions that answer as told. The real connector: test_standin_adapters."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from snowflake.connector.errors import DatabaseError, OperationalError, ProgrammingError

from chalicelib.adapters.snowflake_session import _der
from chalicelib.adapters.snowflake_sql import SnowflakeSql
from chalicelib.adapters.snowpipe import SnowflakeAccount
from chalicelib.core.landing import Pipe
from chalicelib.core.ledger import Outcome, State
from chalicelib.stages.reports import HistoryUnavailableError, PipeStatus, WarehouseState

PIPE = Pipe("SLUICE.RAW.EVENTS_PIPE", "events/", "SLUICE.RAW.EVENTS")
ACCOUNT = SnowflakeAccount("acc", "user", "SLUICE", None, 443, "https", "secret", "LOOK_WH")
NOW = "2026-01-31T12:00:00.000Z"
SINCE = "2026-01-31T11:00:00.000Z"

Rows = list[Mapping[str, Any]]
Answer = Callable[[str, Sequence[Any]], Rows]


@dataclass
class Session:
    """A session that answers by a function; `asked` holds statements and parameters in order."""

    answer: Answer
    asked: list[tuple[str, Sequence[Any]]] = field(default_factory=list)
    rows: Rows = field(default_factory=list)
    closed: bool = False

    def cursor(self, _: object) -> Self:
        """Return itself as its own cursor."""
        return self

    def execute(self, statement: str, parameters: Sequence[Any]) -> None:
        """Note a statement and find its answer."""
        self.asked.append((statement, parameters))
        self.rows = self.answer(statement, parameters)

    def fetchall(self) -> Rows:
        """Return the answer."""
        return self.rows

    def close(self, *, retry: bool) -> None:
        """Note the end."""
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the session open: this was a cursor."""


def always(*rows: Mapping[str, Any]) -> Answer:
    """Return an answer that is the same to everything."""
    return lambda _statement, _parameters: list(rows)


def failing(error: Exception) -> Answer:
    """Return an answer that is always an error."""

    def fail(_statement: str, _parameters: Sequence[Any]) -> Rows:
        raise error

    return fail


def then(*answers: Answer) -> Answer:
    """Return one answer after the other."""
    waiting = iter(answers)

    def answer(statement: str, parameters: Sequence[Any]) -> Rows:
        return next(waiting)(statement, parameters)

    return answer


RUNNING = always({"STATUS": '{"executionState":"RUNNING"}'})
PAUSED = always({"STATUS": '{"executionState":"PAUSED"}'})


def adapter(*sessions: Session) -> SnowflakeSql:
    """Return the adapter; it signs in to one session after the other."""
    waiting = iter(sessions)
    return SnowflakeSql(ACCOUNT, lambda: "PEM", lambda: NOW, lambda _account, _key: next(waiting))


def copied(name: str, status: str = "Loaded", **more: Any) -> dict[str, Any]:
    """Return a row of COPY_HISTORY."""
    return {
        "FILE_NAME": name,
        "STAGE_LOCATION": "s3://landing/events/",
        "STATUS": status,
        "ROW_COUNT": 2,
        "ROW_PARSED": 2,
        "FIRST_ERROR_MESSAGE": None,
        "FIRST_ERROR_LINE_NUMBER": None,
    } | more


def test_copy_history_in_the_ledgers_words() -> None:
    """Loaded, partial and failed, with rows and the first error; what is in progress is left out."""
    error = {"FIRST_ERROR_MESSAGE": "x" * 400, "FIRST_ERROR_LINE_NUMBER": 3}
    session = Session(
        always(
            copied("a.gz"),
            copied("b.gz", "Partially loaded", ROW_COUNT=1, **error),
            copied("c.gz", "Load failed", ROW_COUNT=0, ROW_PARSED=0, **error),
            copied("d.gz", "Load in progress", ROW_COUNT=0, ROW_PARSED=None),
        )
    )
    said = "x" * 299 + "…"
    assert adapter(session).copied(PIPE, ["a.gz", "b.gz", "c.gz", "d.gz"], SINCE) == {
        "a.gz": Outcome(State.LOADED, 2, 2),
        "b.gz": Outcome(State.PARTIAL, 1, 2, said, 3),
        "c.gz": Outcome(State.FAILED, 0, 0, said, 3),
    }


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("s3://landing/events/", "dt=1/a.gz"),
        ("s3://landing/events", "/dt=1/a.gz"),
        ("s3://landing/", "events/dt=1/a.gz"),
        ("SLUICE.RAW.EVENTS_STAGE", "dt=1/a.gz"),
    ],
)
def test_a_file_is_known_by_where_it_lies(place: str, name: str) -> None:
    """Whatever part of its key stands in the stage's location, it is the same file."""
    session = Session(always(copied(name, STAGE_LOCATION=place)))
    assert set(adapter(session).copied(PIPE, ["dt=1/a.gz"], SINCE)) == {"dt=1/a.gz"}


def test_another_places_file_is_not_ours() -> None:
    """The same name at another place is another file: its outcome is not this one's."""
    session = Session(always(copied("a.gz", STAGE_LOCATION="s3://landing/weather/"), copied("events/a.gz")))
    assert adapter(session).copied(PIPE, ["a.gz"], SINCE) == {}


def test_copy_history_is_asked_about_one_pipe_and_table() -> None:
    """The statement names database, table, time, pipe and files."""
    session = Session(always())
    adapter(session).copied(PIPE, ["a.gz"], SINCE)
    ((statement, parameters),) = session.asked
    assert "TABLE(SLUICE.INFORMATION_SCHEMA.COPY_HISTORY(" in statement
    assert parameters == ("SLUICE.RAW.EVENTS", SINCE, "SLUICE", "RAW", "EVENTS_PIPE", ["a.gz", "events/a.gz"])


def test_copy_history_goes_back_14_days_and_no_further() -> None:
    """Snowflake refuses an earlier start; a file may be older than that."""
    session = Session(always())
    adapter(session).copied(PIPE, ["a.gz"], "2025-01-01T00:00:00Z")
    assert session.asked[0][1][1] == "2026-01-17T12:05:00.000Z"


def test_many_files_are_asked_about_in_several_statements() -> None:
    """Every path once, never more than 200 a statement; no path, no statement."""
    session = Session(lambda _, parameters: [{"FILENAME": key, "N": 1} for key in parameters[0]])
    paths = [f"{number}.gz" for number in range(401)]
    assert adapter(session).rows_in_raw(PIPE, [*paths, *paths]) == dict.fromkeys(paths, 1)
    assert sorted(len(parameters[0]) for _, parameters in session.asked) == [1, 200, 200]
    assert adapter().rows_in_raw(PIPE, []) == {}
    assert adapter().copied(PIPE, [], SINCE) == {}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ('{"executionState":"RUNNING","pendingFileCount":0}', PipeStatus(running=True)),
        ('{"executionState":"PAUSED"}', PipeStatus(running=False)),
        (
            '{"executionState":"STALLED_EXECUTION_ERROR","pendingFileCount":3,"oldestFileTimestamp":"2026-01-31T11:00:00Z"}',
            PipeStatus(running=False, pending_files=3, oldest_pending_at="2026-01-31T11:00:00Z"),
        ),
    ],
)
def test_a_pipes_status(status: str, expected: PipeStatus) -> None:
    """A pipe runs only when it says RUNNING; what waits may be absent."""
    assert adapter(Session(always({"STATUS": status}))).pipe_status(PIPE.name) == expected


def task(name: str, state: str) -> dict[str, Any]:
    """Return a row of SHOW TASKS."""
    return {"database_name": "SLUICE", "schema_name": "CORE", "name": name, "state": state}


def warehouse(tasks: Rows, *, has_data: bool = False, moved_at_ns: int = 0) -> Session:
    """Return a session that knows of tasks and a stream."""
    stream = {"HAS_DATA": has_data, "MOVED_AT": moved_at_ns}
    return Session(lambda statement, _: tasks if statement.startswith("SHOW") else [stream])


def test_a_task_that_is_not_started_is_named() -> None:
    """Every task of the database must be started; the names are whole and in order."""
    session = warehouse([task("Z", "suspended"), task("B", "started"), task("A", "suspended")])
    state = adapter(session).warehouse_state()
    assert state == WarehouseState(("SLUICE.CORE.A", "SLUICE.CORE.Z"), 0.0)
    assert session.asked[0][0] == "SHOW TASKS IN DATABASE SLUICE"


@pytest.mark.parametrize(("has_data", "age_s", "behind_s"), [(False, 90, 0), (True, 90, 90), (True, -5, 0)])
def test_core_is_behind_while_its_stream_has_rows(has_data: bool, age_s: float, behind_s: float) -> None:
    """Behind is the age of the stream's offset, nothing while no row waits, and never negative."""
    now_ns = 1769860800 * 10**9
    session = warehouse([task("A", "started")], has_data=has_data, moved_at_ns=now_ns - int(age_s * 1e9))
    assert adapter(session).warehouse_state().core_behind_s == pytest.approx(behind_s)


def test_tasks_that_cannot_be_seen_are_no_good_news() -> None:
    """SHOW TASKS leaves out what the role may not see: no task at all is a missing grant."""
    with pytest.raises(HistoryUnavailableError, match="grant MONITOR"):
        adapter(warehouse([])).warehouse_state()


def test_a_session_is_kept() -> None:
    """Several questions, one login."""
    session = Session(RUNNING)
    history = adapter(session)
    assert history.pipe_status(PIPE.name) == history.pipe_status(PIPE.name)
    assert len(session.asked) == 2


def test_a_stale_session_is_replaced_once() -> None:
    """A kept session that fails is closed, and the question asked again in a fresh one."""
    stale = Session(then(RUNNING, failing(DatabaseError("session gone"))))
    fresh = Session(PAUSED)
    history = adapter(stale, fresh)
    assert history.pipe_status(PIPE.name).running
    assert not history.pipe_status(PIPE.name).running
    assert stale.closed
    assert not fresh.closed


def test_a_lost_network_is_not_asked_twice() -> None:
    """A second session would only wait as long again."""
    history = adapter(Session(then(RUNNING, failing(OperationalError("no route")))))
    history.pipe_status(PIPE.name)
    with pytest.raises(HistoryUnavailableError, match="no route"):
        history.pipe_status(PIPE.name)


def test_an_error_is_told_in_few_words() -> None:
    """What Snowflake says is cut to 300 characters, and the connector's exception stays inside."""
    session = Session(failing(ProgrammingError("no such table " + "x" * 1000)))
    with pytest.raises(HistoryUnavailableError, match="no such table") as told:
        adapter(session).rows_in_raw(PIPE, ["a.gz"])
    assert len(str(told.value)) == 300
    assert session.closed


def test_after_an_error_the_next_question_signs_in_again() -> None:
    """Nothing of a broken session is kept."""
    fresh = Session(RUNNING)
    history = adapter(Session(failing(ProgrammingError("broken"))), fresh)
    with pytest.raises(HistoryUnavailableError):
        history.pipe_status(PIPE.name)
    assert history.pipe_status(PIPE.name).running


def test_a_pem_key_becomes_der() -> None:
    """The connector wants the bytes between the marks, in base64; line ends of any kind are none of its business."""
    body = base64.b64encode(b"key" * 40).decode()
    for end in ("\n", "\r\n"):
        pem = end.join(["-----BEGIN PRIVATE KEY-----", body[:64], body[64:], "-----END PRIVATE KEY-----", ""])
        assert base64.b64decode(_der(pem)) == b"key" * 40
