"""The proxy itself: a thread and an upstream connection for each client connection, one request after the other."""

from contextlib import suppress
from http import HTTPStatus
from socketserver import StreamRequestHandler, ThreadingTCPServer

from sluice.local.ports import ADDRESS
from sluice.local.shim.gate import Gate
from sluice.local.shim.messages import (
    CONTINUE,
    BrokenMessageError,
    Request,
    Response,
    read_head,
    read_request_body,
)
from sluice.local.shim.upstream import Upstream, UpstreamError

_WAITING_CONNECTIONS = 128


class ShimServer(ThreadingTCPServer):
    """Serves on a port of this machine; 0 takes any free one."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = _WAITING_CONNECTIONS

    def __init__(self, port: int, upstream_url: str, gate: Gate) -> None:
        self.upstream_url = upstream_url
        self.gate = gate
        super().__init__((ADDRESS, port), _Connection)


class _Connection(StreamRequestHandler):
    """One client. When no answer can be had its connection is closed, as the emulator's own death would close it."""

    disable_nagle_algorithm = True
    server: ShimServer

    def handle(self) -> None:
        upstream = Upstream(self.server.upstream_url)
        try:
            while request := self._request():
                response = self.server.gate.answer(request, upstream.send)
                self.wfile.write(response.head.raw + response.body)
                if response.ends_connection or request.head.has_word("connection", "close"):
                    return
        except BrokenMessageError as error:
            self._refuse(str(error))
        except (UpstreamError, ConnectionError):
            return
        finally:
            upstream.close()

    def finish(self) -> None:
        with suppress(OSError):  # the client went away
            super().finish()

    def _request(self) -> Request | None:
        head = read_head(self.rfile)
        if head is None:
            return None
        if head.has_word("expect", "100-continue"):
            self.wfile.write(CONTINUE)
        return Request(head, read_request_body(head, self.rfile))

    def _refuse(self, why: str) -> None:
        answer = Response.of(HTTPStatus.BAD_REQUEST, {"Connection": "close"}, why.encode())
        with suppress(OSError):  # a client that is gone does not hear it
            self.wfile.write(answer.head.raw + answer.body)
