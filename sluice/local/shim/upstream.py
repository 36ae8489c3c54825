"""One connection to the emulator, made when it is needed and made again when the emulator has closed it."""

import select
import socket
from io import BufferedIOBase
from urllib.parse import urlsplit

from sluice.local.shim.messages import BrokenMessageError, Request, Response, read_response

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 320.0
"""Longer than Firehose waits for its transform; whoever asks has a timeout of their own."""


class UpstreamError(Exception):
    """The emulator gave no answer; whether it did what was asked is not known."""


class Upstream:
    """A connection to `url`, for one thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._socket: socket.socket | None = None
        self._stream: BufferedIOBase | None = None

    def send(self, request: Request) -> Response:
        """Hand a request on and return its answer. Raises UpstreamError; it is never sent twice."""
        try:
            connection, stream = self._connected()
            connection.sendall(request.head.raw + request.body)
            response = read_response(stream, request.method)
        except (OSError, BrokenMessageError) as error:
            self.close()
            raise UpstreamError(str(error)) from error
        if response.ends_connection:
            self.close()
        return response

    def close(self) -> None:
        """Close the connection if there is one."""
        for part in (self._stream, self._socket):
            if part:
                part.close()
        self._socket = self._stream = None

    def _connected(self) -> tuple[socket.socket, BufferedIOBase]:
        if self._socket and _has_news(self._socket):  # before anything was asked: it was closed
            self.close()
        if self._socket is None or self._stream is None:
            self._socket = socket.create_connection(self._address, CONNECT_TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.settimeout(ANSWER_TIMEOUT_S)
            self._stream = self._socket.makefile("rb")
        return self._socket, self._stream


def _has_news(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])
