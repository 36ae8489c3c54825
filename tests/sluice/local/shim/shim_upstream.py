"""An emulator for the shim's tests: keeps the very bytes of each request, and answers as it is told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sluice.local.shim.messages import Request, read_head, read_request_body

Answer = Callable[[Request], bytes]


def ok(body: bytes = b"ok", *headers: str) -> bytes:
    """Return an answer of status 200."""
    lines = ["HTTP/1.1 200 OK", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def kinesis_answer(request: Request) -> bytes:
    """Answer ListShards with two shards, and a put with one sequence number a record."""
    call, body = request.head.value("x-amz-target").split(".")[1], json.loads(request.body)
    if call == "ListShards":
        return ok(json.dumps({"Shards": [_shard(0, 0), _shard(1, 2**127)]}).encode())
    if call == "PutRecord":
        return ok(b'{"SequenceNumber":"1","ShardId":"shard-0"}')
    entries = [{"SequenceNumber": record["PartitionKey"], "ShardId": "shard-0"} for record in body["Records"]]
    return ok(json.dumps({"FailedRecordCount": 0, "Records": entries}).encode())


def _shard(number: int, start: int) -> dict[str, Any]:
    return {
        "ShardId": f"shard-{number}",
        "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(start + 2**127 - 1)},
        "SequenceNumberRange": {"StartingSequenceNumber": "0"},
    }


@dataclass
class Emulator:
    """What it saw: `requests` in order, and how many `connections`. An empty answer closes the connection."""

    answer: Answer = lambda _: ok()
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    @contextmanager
    def serving(self) -> Iterator["Emulator"]:
        """Serve on a free port for as long as the block lasts."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
            yield self
            listening.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while head := read_head(stream):
                request = Request(head, read_request_body(head, stream))
                self.requests.append(request)
                answer = self.answer(request)
                connection.sendall(answer)
                if not answer or b"Connection: close" in answer:
                    return
