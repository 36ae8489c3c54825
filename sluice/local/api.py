"""The API of the local run: the real `app.py` under Chalice's local server, on 127.0.0.1.

Chalice's server with what a data engineer's clients need beyond it: no Nagle delay (43 ms a keep-alive
request), chunked bodies, JSON errors, and no line a request.
"""

import argparse
import logging
import re
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
from chalice.config import Config
from chalice.local import ChaliceRequestHandler, LocalDevServer, create_local_server

from sluice.local.ports import ADDRESS
from sluice.local.under_way import UnderWay

MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""A larger body never reaches a Lambda. Source: API Gateway quotas, payload size."""

_UNDER_WAY = UnderWay()

_JUST_CONNECTED_S = 0.2
"""What a client that has connected is given to begin its request, once the server stops."""

_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]+")

_MAX_LENGTH_DIGITS = 18
_WAITING_CONNECTIONS = 128
"""Clients that may wait to be served; the standard library's five would refuse a burst."""


class RequestError(Exception):
    """A request that cannot be handed to the app, with the status that says why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(ChaliceRequestHandler):
    """One connection. Errors of its own have API Gateway's shape: `{"message": …}`."""

    disable_nagle_algorithm = True
    server_version = "sluice"
    sys_version = ""

    def _parse_payload(self) -> tuple[dict[str, str], bytes | None]:
        return dict(self.headers), self._body()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._chunked_body()
        length = self.headers.get("content-length") or "0"
        if not (length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS):
            raise RequestError(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
        return self._read(int(length), 0)

    def _chunked_body(self) -> bytes:
        """Read a chunked body whole. Source: RFC 9112, 7.1."""
        body = bytearray()
        while size := self._chunk_size():
            body += self._read(size, len(body))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailer fields
            pass
        return bytes(body)

    def _chunk_size(self) -> int:
        digits = self.rfile.readline(64).partition(b";")[0].strip()
        if not _HEXADECIMAL.fullmatch(digits):
            raise RequestError(HTTPStatus.BAD_REQUEST, "a chunk has no size")
        return int(digits, 16)

    def _read(self, size: int, already: int) -> bytes:
        if already + size > MAX_REQUEST_BYTES:
            raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Too Long")
        body: bytes = self.rfile.read(size)
        if len(body) < size:
            raise RequestError(HTTPStatus.BAD_REQUEST, "the body ended before its announced length")
        return body

    def _generic_handle(self) -> None:
        with _UNDER_WAY.one():
            self._answer()

    def _answer(self) -> None:
        try:
            super()._generic_handle()
        except RequestError as error:
            self.close_connection = True
            self.send_error(error.status, str(error))
        except ConnectionError:
            self.close_connection = True  # the client went away

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin an answer; the last one over a connection says so."""
        super().send_response(code, message)
        if _UNDER_WAY.ends:
            self.send_header("Connection", "close")

    def _send_http_response_with_body(self, code: int, headers: dict[str, Any], body: str | bytes) -> None:
        if self.command == "HEAD":  # an answer to HEAD has no body: the next one would be read as it
            self._send_http_response_no_body(code, headers)
        else:
            super()._send_http_response_with_body(code, headers, body)

    def send_error(self, code: int, message: str | None = None, _explain: str | None = None) -> None:
        """Answer an error as JSON instead of the standard library's HTML page."""
        body = orjson.dumps({"message": message or HTTPStatus(code).phrase})
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the request log has its own line."""


def server(port: int) -> LocalDevServer:
    """Return the server of the app in the working directory, its clients made and its contracts found."""
    sys.path.insert(0, str(Path.cwd()))
    import app  # noqa: PLC0415 - it reads the environment that this process was started with
    from chalicelib import wiring  # noqa: PLC0415 - likewise

    wiring.posting()
    config = Config(config_from_disk={"lambda_timeout": _lambda_timeout_s()})
    local_server = create_local_server(app.app, config, ADDRESS, port)
    handler: Any = partial(Handler, app_object=app.app, config=config)  # bound as Chalice binds its own
    local_server.server.RequestHandlerClass = handler
    local_server.server.socket.listen(_WAITING_CONNECTIONS)
    return local_server


def _lambda_timeout_s() -> int:
    """Return the seconds a request may take where the API is a Lambda function."""
    configured = orjson.loads(Path(".chalice/config.json").read_bytes())
    return int(configured["lambda_functions"]["api_handler"]["lambda_timeout"])


def main() -> None:
    """Serve until stopped, then finish what was begun: nobody who is answered later would know what was accepted."""
    parser = argparse.ArgumentParser(description="Serve app.py on 127.0.0.1.")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    logging.basicConfig(level=logging.WARNING)
    local_server = server(port)
    signal.signal(signal.SIGTERM, lambda *_: _stop(local_server))
    with suppress(KeyboardInterrupt):
        local_server.serve_forever()
        local_server.server.server_close()
        time.sleep(_JUST_CONNECTED_S)
        _UNDER_WAY.finish(_lambda_timeout_s())


def _stop(local_server: LocalDevServer) -> None:
    """Take nothing new. The loop that takes it is the one that was interrupted: it is told from another thread."""
    _UNDER_WAY.ends = True
    Thread(target=local_server.shutdown).start()


if __name__ == "__main__":
    main()
