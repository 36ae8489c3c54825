"""DynamoDB and S3 as far as reconcile and compare call them, answered from memory as fast for many files as for few.

The emulator sorts a whole partition for each page of it: 12 s a page at 100,000 files. The real services do
not. Here every call takes `LATENCY_S` and what Python needs; conditions always hold, as nobody else is there.

    python bench/played_aws.py PORT FILES STATE NOTICED_AT
"""

import json
import sys
import time
from bisect import bisect_left, insort
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

BUCKET = "landing"
TABLE = "ledger"
PREFIX = "events/"
PIPE = "SLUICE.RAW.EVENTS_PIPE"
LATENCY_S = 0.005
PAGE_ITEMS = 2_600
"""Items of 400 bytes in a page of 1 MB."""

PAGE_KEYS = 1_000
LANDED_AT = "2026-01-31T12:34:56.000Z"

Item = dict[str, dict[str, str]]


def path(number: int) -> str:
    """Return a file's path under its pipe's prefix, as long as Firehose makes them."""
    return f"dt=2026-01-31/hh={number % 24:02}/sluice-production-events-1-2026-01-31-12-34-56-{number:036}.gz"


class Table:
    """The ledger: items by file, and the index by state and time."""

    def __init__(self, files: int, state: str, noticed_at: str) -> None:
        self.items = {item["file"]["S"]: item for item in (_item(n, state, noticed_at) for n in range(files))}
        self.by_state: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.by_state[state] = sorted((item["changed_at"]["S"], name) for name, item in self.items.items())
        self.lock = Lock()

    def query(self, asked: Any) -> Any:
        """Return a page of one state, the longest there first."""
        values = asked["ExpressionAttributeValues"]
        with self.lock:
            index = self.by_state[values[":state"]["S"]]
            last = asked.get("ExclusiveStartKey")
            start = bisect_left(index, (last["changed_at"]["S"], last["file"]["S"] + "\0")) if last else 0
            end = bisect_left(index, (values[":before"]["S"],)) if ":before" in values else len(index)
            names = [name for _, name in index[start : min(end, start + PAGE_ITEMS)]]
            page = [self.items[name] for name in names]
        key = {"LastEvaluatedKey": {name: page[-1][name] for name in ("file", "state", "changed_at")}} if page else {}
        return {"Items": page, "Count": len(page), **(key if start + PAGE_ITEMS < end else {})}

    def put_item(self, asked: Any) -> Any:
        """Put a new item."""
        with self.lock:
            self._write(asked["Item"]["file"]["S"], asked["Item"])
        return {}

    def update_item(self, asked: Any) -> Any:
        """Set attributes, and add one to attempts where that is asked."""
        names, values = asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
        set_to, _, add = asked["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
        pairs = [clause.split(" = ") for clause in set_to.split(", ")]
        with self.lock:
            item = self.items[asked["Key"]["file"]["S"]]
            new = {**item, **{names[name]: values[value] for name, value in pairs}}
            if add:
                new["attempts"] = {"N": str(int(item.get("attempts", {"N": "0"})["N"]) + 1)}
            self._write(item["file"]["S"], new)
        return {}

    def transact_write_items(self, asked: Any) -> Any:
        """Update items together."""
        for one in asked["TransactItems"]:
            self.update_item(one["Update"])
        return {}

    def get_item(self, asked: Any) -> Any:
        """Return one item."""
        item = self.items.get(asked["Key"]["file"]["S"])
        return {"Item": item} if item else {}

    def batch_get_item(self, asked: Any) -> Any:
        """Return the keys that are there."""
        keys = asked["RequestItems"][TABLE]["Keys"]
        return {"Responses": {TABLE: [key for key in keys if key["file"]["S"] in self.items]}, "UnprocessedKeys": {}}

    def _write(self, name: str, item: Item) -> None:
        before = self.items.get(name)
        if before and "state" in before:
            index = self.by_state[before["state"]["S"]]
            del index[bisect_left(index, (before["changed_at"]["S"], name))]
        self.items[name] = item
        if "state" in item:
            insort(self.by_state[item["state"]["S"]], (item["changed_at"]["S"], name))


def _item(number: int, state: str, at: str) -> Item:
    """Return one file's item; submitted twice, so that nothing but a copy helps if it is found nowhere."""
    texts = {"file": f"{BUCKET}/{PREFIX}{path(number)}", "state": state, "pipe": PIPE, "etag": f"{number:032}"}
    times = dict.fromkeys(("noticed_at", "changed_at", "submitted_at"), at)
    numbers = {"size_bytes": "5000000", "attempts": "2"}
    return {name: {"S": text} for name, text in {**texts, **times}.items()} | {
        name: {"N": text} for name, text in numbers.items()
    }


class Landing:
    """The bucket: its keys in order."""

    def __init__(self, files: int) -> None:
        self.keys = sorted(f"{PREFIX}{path(number)}" for number in range(files))

    def page(self, asked: dict[str, list[str]]) -> str:
        """Return a page of a listing, as XML."""
        prefix, after = asked["prefix"][0], asked.get("continuation-token", asked.get("start-after", [""]))[0]
        start = bisect_left(self.keys, max(prefix, after + "\0"))
        keys = [key for key in self.keys[start : start + PAGE_KEYS] if key.startswith(prefix)]
        more = len(keys) == PAGE_KEYS
        token = f"<NextContinuationToken>{keys[-1]}</NextContinuationToken>" if more else ""
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>{LANDED_AT}</LastModified>"
            "<ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><Size>5000000</Size></Contents>"
            for key in keys
        )
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListBucketResult>{truncated}{token}{contents}</ListBucketResult>"


class Answers(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    table: Table
    landing: Landing

    def do_POST(self) -> None:
        """Answer a call of DynamoDB."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.headers["X-Amz-Target"].partition(".")[2]
        method = {
            "Query": self.table.query,
            "PutItem": self.table.put_item,
            "UpdateItem": self.table.update_item,
            "TransactWriteItems": self.table.transact_write_items,
            "GetItem": self.table.get_item,
            "BatchGetItem": self.table.batch_get_item,
        }[call]
        self._answer(json.dumps(method(asked)), "application/x-amz-json-1.0")

    def do_GET(self) -> None:
        """Answer a listing."""
        self._answer(self.landing.page(parse_qs(urlsplit(self.path).query)), "application/xml")

    def do_PUT(self) -> None:
        """Answer a copy: nobody lists it here."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer("<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", "application/xml")

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _answer(self, text: str, content_type: str) -> None:
        time.sleep(LATENCY_S)
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(port: str, files: str, state: str, noticed_at: str) -> None:
    """Serve until killed."""
    Answers.table, Answers.landing = Table(int(files), state, noticed_at), Landing(int(files))
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer(("127.0.0.1", int(port)), Answers).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
