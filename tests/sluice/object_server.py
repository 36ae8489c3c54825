"""A small S3 over HTTP for tests that run real processes: whole objects in memory, kept by bucket and key."""

import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_NO_SUCH_KEY = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>'


class ObjectServer:
    """Serves GET for what `put` was given, fails when `down`, dawdles by `delay_s`, logs paths in `asked`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.down = False
        self.delay_s = 0.0
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Give the endpoint for S3 clients."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Keep an object."""
        self.objects[f"/{bucket}/{key}"] = body

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> tuple[int, bytes]:
        """Give status and body for a path as it stands in the request line."""
        self.asked.append(path)
        time.sleep(self.delay_s)
        if self.down:
            return 503, b""
        body = self.objects.get(urllib.parse.unquote(urllib.parse.urlsplit(path).path))
        return (404, _NO_SUCH_KEY) if body is None else (200, body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else every answer waits 40 ms for the client's acknowledgement

            def do_GET(self) -> None:
                status, body = server.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
