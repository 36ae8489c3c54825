"""Snowpipe: the real SDK against a small HTTP server that answers as told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.adapters.snowpipe import SnowflakeAccount, Snowpipe
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
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, path: str, authorization: str, body: Any) -> tuple[int, bytes]:
        """Note a request; return what to answer."""
        self.asked.append((path.partition("?")[0], authorization, body))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server on a free port of this machine."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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
