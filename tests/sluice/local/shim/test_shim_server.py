"""The shim over real connections: byte for byte what was sent, and quick about a dead emulator."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from shim_upstream import Emulator, ok

from sluice.local.faults import Fault, FaultFile
from sluice.local.ports import free_port
from sluice.local.shim.gate import Gate
from sluice.local.shim.server import ShimServer


@contextmanager
def _shim(upstream_url: str, gate: Gate) -> Iterator[int]:
    """Serve before `upstream_url`; give the port."""
    with ShimServer(0, upstream_url, gate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def faults(tmp_path: Path) -> FaultFile:
    """Return the faults of a run that has none."""
    return FaultFile(tmp_path / "faults.json")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Give an emulator that answers `ok`."""
    with Emulator().serving() as emulator:
        yield emulator


@pytest.fixture
def port(emulator: Emulator, faults: FaultFile) -> Iterator[int]:
    """Give the port of a shim before that emulator."""
    with _shim(emulator.url, Gate(faults)) as port:
        yield port


def _say(port: int, raw: bytes) -> bytes:
    """Send bytes over a connection of their own and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /bucket/a%2Bb%20c%C3%BC//x/../y?list-type=2&prefix=a%2Fb HTTP/1.1\r\nHost: h:1\r\nX-Odd:  two  \r\n\r\n",
        b"PUT /b/k HTTP/1.1\r\nhost: h\r\nContent-Length: 4\r\nAuthorization: AWS4 x\r\n\r\n\x00\xff\r\n",
        b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRB\r\n\r\n",
        b"DELETE /b/k HTTP/1.1\r\nhost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nX-Amz-Target: Kinesis_20131202.PutRecords\r\nContent-Length: 8\r\n\r\nnot json",
    ],
)
def test_bytes_pass_untouched(port: int, emulator: Emulator, raw: bytes) -> None:
    """Head and body reach the emulator as they were sent, and its answer comes back as it was given."""
    answer = ok(b"\x00 answer", "X-Amz-Id: 7", 'ETag: "a"')
    emulator.answer = lambda _: answer

    assert _say(port, raw) == answer
    (request,) = emulator.requests
    assert request.head.raw + request.body == raw


def test_one_connection_serves_many_requests(port: int, emulator: Emulator) -> None:
    """Towards the client and towards the emulator."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for number in range(3):
        connection.request("GET", f"/{number}")
        assert connection.getresponse().read() == b"ok"
    connection.close()

    assert ([request.target for request in emulator.requests], emulator.connections) == (["/0", "/1", "/2"], 1)


def test_emulator_may_close_an_idle_connection(port: int, emulator: Emulator) -> None:
    """The client does not notice."""
    emulator.answer = lambda _: ok(b"ok", "Connection: close")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
    connection.close()
    assert emulator.connections == 2


def test_client_that_waits_to_be_told_is_told(port: int, emulator: Emulator) -> None:
    """With `Expect: 100-continue` the body comes only then, and there is one such word."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"PUT /b/k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        emulator.answer = lambda _: b"HTTP/1.1 100 Continue\r\n\r\n" + ok()
        connection.sendall(b"abc")
        assert connection.recv(100) == ok()
    assert emulator.requests[0].body == b"abc"


def test_answer_to_head_has_no_body(port: int, emulator: Emulator) -> None:
    """Its length is that of the body it does not have."""
    emulator.answer = lambda request: ok()[:-2] if request.method == "HEAD" else ok()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for method, body in (("HEAD", b""), ("GET", b"ok")):
        connection.request(method, "/b/k")
        assert connection.getresponse().read() == body
    connection.close()


def test_dead_emulator_closes_the_connection(faults: FaultFile) -> None:
    """At once, as its own death would."""
    with _shim(f"http://127.0.0.1:{free_port()}", Gate(faults)) as port:
        started = time.monotonic()
        assert _say(port, b"GET / HTTP/1.1\r\n\r\n") == b""
        assert time.monotonic() - started < 1


def test_emulator_that_dies_while_asked_closes_the_connection(port: int, emulator: Emulator) -> None:
    """What was asked is not asked again: it may have been done."""
    emulator.answer = lambda _: b""
    assert _say(port, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi") == b""
    assert len(emulator.requests) == 1


def test_broken_request_is_refused(port: int, emulator: Emulator) -> None:
    """It never reaches the emulator."""
    assert _say(port, b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert emulator.requests == []


def test_fault_takes_effect_over_a_connection_that_is_open(port: int, emulator: Emulator, faults: FaultFile) -> None:
    """On and off, between one request and the next."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    seen = []
    for fault in ([], [Fault("s3", "503")], []):
        faults.replace(fault)
        connection.request("PUT", "/b/k", b"body")
        response = connection.getresponse()
        seen.append((response.status, response.read()[-8:]))
    connection.close()
    assert seen == [(200, b"ok"), (503, b"</Error>"), (200, b"ok")]
    assert len(emulator.requests) == 2
