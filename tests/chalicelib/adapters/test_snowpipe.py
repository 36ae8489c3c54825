"""Snowpipe: the real SDK against a small HTTP server that answers as told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.adapters.snowpipe import SnowflakeAccount, Snowpipe
from chalicelib.core.ledger import Outcome, State
from chalicelib.stages.load import IngestUnavailableError
from tests.fakes import FakeTime

PIPE = "SLUICE.RAW.EVENTS_PIPE"
FILES = {"dt=2026-01-31/a b+c.gz": 10, "d.gz": None}
TAKEN = (200, b'{"responseCode":"SUCCESS"}')
HANG = (0, b"")


def new_key() -> str:
    """Return a PEM private key."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KEY = new_key()


@dataclass
class Server:
    """Answers each request with the next of `answers`, then with the last; `asked` holds what came."""

    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [TAKEN])
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, path: str, authorization: str, body: Any) -> tuple[int, bytes]:
        """Note a request; return what to answer."""
        self.asked.append((path.partition("?")[0], authorization, body))
        self.queries.append(dict(parse_qsl(path.partition("?")[2])))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server on a free port of this machine."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = told.next_answer(self.path, self.headers["Authorization"], body)
            if (status, answer) == HANG:
                told.released.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    told.released.set()
    http.shutdown()
    thread.join()
    http.server_close()


def snowpipe(server: Server, keys: Iterator[str] | None = None, timeouts_s: tuple[float, float] = (1, 5)) -> Snowpipe:
    """Return the adapter, pointed at the server."""
    settings = SnowflakeAccount("acc", "user", "SLUICE", "127.0.0.1", server.port, "http", "secret")
    return Snowpipe(settings, (lambda: next(keys)) if keys else (lambda: KEY), timeouts_s)


def test_files_are_submitted_with_their_sizes(server: Server) -> None:
    """One call to the pipe's insertFiles, with paths, sizes and a signed token."""
    snowpipe(server).submit(PIPE, FILES, FakeTime().budget())
    ((path, authorization, body),) = server.asked
    assert path == f"/v1/data/pipes/{PIPE}/insertFiles"
    assert authorization.startswith("Bearer ey")
    assert body == {"files": [{"path": "dt=2026-01-31/a b+c.gz", "size": 10}, {"path": "d.gz", "size": None}]}


def test_a_throttled_call_is_made_again(server: Server) -> None:
    """429 and 5xx are waited out; each try asks once, the pauses are ours."""
    server.answers = [(429, b"{}"), (503, b"<html>busy</html>"), TAKEN]
    time = FakeTime()
    snowpipe(server).submit(PIPE, FILES, time.budget())
    assert len(server.asked) == 3
    assert len(time.pauses) == 2


def test_a_budget_that_ends_leaves_the_files_for_later(server: Server) -> None:
    """When it stays throttled, IngestUnavailableError says so within the budget."""
    server.answers = [(429, b"{}")]
    time = FakeTime()
    with pytest.raises(IngestUnavailableError, match="429"):
        snowpipe(server).submit(PIPE, FILES, time.budget(10))
    assert time.now_s <= 10 - 6
    assert len(server.asked) > 3


def test_a_server_that_hangs_is_left(server: Server) -> None:
    """A call without an answer ends by its timeout and is tried again."""
    server.answers = [HANG, TAKEN]
    snowpipe(server, timeouts_s=(1, 0.2)).submit(PIPE, FILES, FakeTime().budget())
    assert len(server.asked) == 2


def test_nobody_listening_is_unavailable(server: Server) -> None:
    """A refused connection is tried within the budget, then told."""
    server.port = 1
    with pytest.raises(IngestUnavailableError):
        snowpipe(server).submit(PIPE, FILES, FakeTime().budget(7))


def test_a_rotated_key_is_read_again(server: Server) -> None:
    """After 401 the key is read afresh, and the next token is signed with it."""
    server.answers = [(401, b"{}"), TAKEN]
    keys = iter([KEY, new_key()])
    snowpipe(server, keys).submit(PIPE, FILES, FakeTime().budget())
    first, second = (authorization for _, authorization, _ in server.asked)
    assert first != second
    assert next(keys, None) is None


def test_a_refused_call_fails_at_once(server: Server) -> None:
    """400 is not cured by trying: one call, no pause."""
    server.answers = [
        (400, json.dumps({"code": "390403", "success": False, "message": "no such pipe", "data": None}).encode())
    ]
    time = FakeTime()
    with pytest.raises(IngestUnavailableError, match="no such pipe"):
        snowpipe(server).submit(PIPE, FILES, time.budget())
    assert (len(server.asked), time.pauses) == (1, [])


@pytest.mark.parametrize("status", [200, 500])
def test_a_garbage_answer_is_no_confirmation(server: Server, status: int) -> None:
    """What cannot be read is asked again; submitting a path twice does no harm."""
    server.answers = [(status, b"<html>"), TAKEN]
    snowpipe(server).submit(PIPE, FILES, FakeTime().budget())
    assert len(server.asked) == 2


def test_each_pipe_is_asked_under_its_own_name(server: Server) -> None:
    """Two pipes of one account do not share an address."""
    adapter = snowpipe(server)
    adapter.submit(PIPE, FILES, FakeTime().budget())
    adapter.submit("SLUICE.RAW.WEATHER_PIPE", FILES, FakeTime().budget())
    assert [path.split("/")[4] for path, _, _ in server.asked] == [PIPE, "SLUICE.RAW.WEATHER_PIPE"]


def file(path: str, status: str = "LOADED", **more: Any) -> dict[str, Any]:
    """Return a file as Snowpipe's reports show it."""
    return {"path": path, "status": status, "rowsInserted": 3, "rowsParsed": 3} | more


def report(*files: dict[str, Any], complete: object = True) -> tuple[int, bytes]:
    """Return an answer of insertReport."""
    body = {"pipe": PIPE, "completeResult": complete, "nextBeginMark": "1_39", "files": files}
    return 200, json.dumps(body).encode()


def page(*files: dict[str, Any], complete: object = "true", ends_at: str = "") -> tuple[int, bytes]:
    """Return an answer of loadHistoryScan."""
    return 200, json.dumps({"completeResult": complete, "rangeEndTime": ends_at, "files": files}).encode()


START, NOON, END = "2026-01-31T11:00:00.000Z", "2026-01-31T12:00:00.000Z", "2026-01-31T13:00:00.000Z"


def test_a_report_names_what_ended_in_the_ledgers_words(server: Server) -> None:
    """Loaded, partial and failed with rows and first error; what is in progress has no outcome."""
    failure = {"firstError": "bad JSON", "firstErrorLineNum": 7, "rowsInserted": 0}
    server.answers = [
        report(
            file("a.gz"),
            file("b.gz", "PARTIALLY_LOADED", rowsInserted=2, firstError="bad row", firstErrorLineNum=3),
            file("c.gz", "LOAD_FAILED", **failure),
            file("d.gz", "LOAD_FAILED", systemError="x" * 400, rowsInserted=None, rowsParsed=None),
            file("e.gz", "LOAD_IN_PROGRESS", complete=False),
        )
    ]
    told = snowpipe(server).recent(PIPE, FakeTime().budget())
    assert told.complete
    assert told.outcomes == {
        "a.gz": Outcome(State.LOADED, 3, 3),
        "b.gz": Outcome(State.PARTIAL, 2, 3, "bad row", 3),
        "c.gz": Outcome(State.FAILED, 0, 3, "bad JSON", 7),
        "d.gz": Outcome(State.FAILED, 0, None, "x" * 299 + "…"),
    }
    assert server.asked[0][0] == f"/v1/data/pipes/{PIPE}/insertReport"


@pytest.mark.parametrize(("said", "complete"), [(True, True), (False, False), ("false", False)])
def test_a_report_says_whether_it_missed_something(server: Server, said: object, complete: bool) -> None:
    """Only the boolean true means that nothing was missed."""
    server.answers = [report(complete=said)]
    assert snowpipe(server).recent(PIPE, FakeTime().budget()).complete is complete


def test_every_report_covers_the_whole_ten_minutes(server: Server) -> None:
    """The SDK remembers where the last report ended; the second one must not begin there."""
    server.answers = [report()]
    adapter = snowpipe(server)
    adapter.recent(PIPE, FakeTime().budget())
    adapter.recent(PIPE, FakeTime().budget())
    assert ["beginMark" in query for query in server.queries] == [False, False]


def test_a_history_of_one_page(server: Server) -> None:
    """The range is asked for as it stands; the string "true" says complete."""
    server.answers = [page(file("a.gz"))]
    told = snowpipe(server).between(PIPE, START, END, FakeTime().budget())
    assert (told.complete, set(told.outcomes)) == (True, {"a.gz"})
    assert server.queries[0]["startTimeInclusive"] == START
    assert server.queries[0]["endTimeExclusive"] == END


def test_a_history_goes_on_where_a_page_ended(server: Server) -> None:
    """The string "false": the next page begins at its rangeEndTime, and all pages are one report."""
    server.answers = [page(file("a.gz"), complete="false", ends_at=NOON), page(file("b.gz"))]
    told = snowpipe(server).between(PIPE, START, END, FakeTime().budget())
    assert (told.complete, set(told.outcomes)) == (True, {"a.gz", "b.gz"})
    assert [query["startTimeInclusive"] for query in server.queries] == [START, NOON]


def test_a_history_that_stands_still_is_left(server: Server) -> None:
    """A page that ends where it began would be asked for for ever."""
    server.answers = [page(file("a.gz"), complete="false", ends_at=START)]
    told = snowpipe(server).between(PIPE, "2026-01-31T11:00:00Z", END, FakeTime().budget())
    assert (told.complete, set(told.outcomes), len(server.asked)) == (False, {"a.gz"}, 1)


def test_a_budget_that_ends_between_pages_leaves_what_is_known(server: Server) -> None:
    """The first page's outcomes count; the report is not complete."""
    server.answers = [page(file("a.gz"), complete="false", ends_at=NOON), (429, b"{}")]
    told = snowpipe(server).between(PIPE, START, END, FakeTime().budget())
    assert (told.complete, set(told.outcomes)) == (False, {"a.gz"})


def test_a_history_that_never_begins_is_unavailable(server: Server) -> None:
    """Without a first page there is nothing to report: an empty report would say that nothing ended."""
    server.answers = [(429, b"{}")]
    with pytest.raises(IngestUnavailableError, match="429"):
        snowpipe(server).between(PIPE, START, END, FakeTime().budget())


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_report_is_asked_for_again(server: Server, status: int) -> None:
    """Reports wait and retry as submitting does."""
    server.answers = [(status, b"{}"), report(file("a.gz"))]
    time = FakeTime()
    assert set(snowpipe(server).recent(PIPE, time.budget()).outcomes) == {"a.gz"}
    assert len(time.pauses) == 1


@pytest.mark.parametrize("answer", [b"[]", b"null", b'{"files": []}', b'{"completeResult": true, "nextBeginMark": ""}'])
def test_a_report_that_cannot_be_read_is_no_report(server: Server, answer: bytes) -> None:
    """Fields that are missing are asked for again, and never taken for "nothing ended"."""
    server.answers = [(200, answer)]
    with pytest.raises(IngestUnavailableError, match="cannot be read"):
        snowpipe(server).recent(PIPE, FakeTime().budget())
    assert len(server.asked) > 1


@pytest.mark.parametrize(("status", "reason"), [(404, "no such pipe"), (403, "may not")])
def test_a_pipe_that_is_gone_or_closed_is_said_plainly(server: Server, status: int, reason: str) -> None:
    """The message names the pipe and what is wrong with it; nothing is retried."""
    server.answers = [(status, b'{"message": "x"}')]
    with pytest.raises(IngestUnavailableError, match=f"{PIPE}: .*{reason}"):
        snowpipe(server).recent(PIPE, FakeTime().budget())
    assert len(server.asked) == 1


def test_a_budget_too_small_for_a_call_makes_none(server: Server) -> None:
    """A call that could outlive its budget is not begun."""
    with pytest.raises(IngestUnavailableError, match="no time is left"):
        snowpipe(server).recent(PIPE, FakeTime().budget(5.9))
    assert server.asked == []


def test_a_key_that_is_none_is_said(server: Server) -> None:
    """A secret that holds something else ends in a message, not in the SDK's own exception."""
    with pytest.raises(IngestUnavailableError, match=PIPE):
        snowpipe(server, iter(["no key"])).recent(PIPE, FakeTime().budget())
