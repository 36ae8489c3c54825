"""Kinesis with faults per entry: a proxy that fails chosen entries of PutRecords and hands the rest on."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

Fails = Callable[[int, int], bool]
"""Given the number of the call and of the entry in it: whether that entry fails."""


@dataclass
class FaultyKinesis:
    """What the proxy does and what it saw: `calls` holds the partition keys of each PutRecords call."""

    endpoint: str
    fails: Fails = lambda _call, _entry: False
    calls: list[list[str]] = field(default_factory=list)
    url: str = ""

    def put_records(self, request: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Answer one call: failed entries never reach the stream, the others do."""
        number = len(self.calls)
        entries = request["Records"]
        self.calls.append([entry["PartitionKey"] for entry in entries])
        good = [entry for place, entry in enumerate(entries) if not self.fails(number, place)]
        answers = iter(self._forward({**request, "Records": good}, headers)["Records"] if good else [])
        records = [_THROTTLED if self.fails(number, place) else next(answers) for place in range(len(entries))]
        return {"FailedRecordCount": len(entries) - len(good), "Records": records}

    def _forward(self, request: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        answer = requests.post(self.endpoint, json.dumps(request).encode(), headers=headers, timeout=10)
        return dict(answer.json())

    @contextmanager
    def serving(self) -> Iterator["FaultyKinesis"]:
        """Serve on a free port for as long as the block lasts."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


_THROTTLED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard"}


def _handler(kinesis: FaultyKinesis) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes what boto3 sends."""

        def do_POST(self) -> None:
            """Answer PutRecords; no other call is made through this proxy."""
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.headers["x-amz-target"].endswith(".PutRecords")
            headers = {name: self.headers[name] for name in ("x-amz-target", "content-type", "authorization")}
            answer = json.dumps(kinesis.put_records(body, headers)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
