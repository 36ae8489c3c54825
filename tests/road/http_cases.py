"""The HTTP contract as a table: a sentence, what is sent, what must come back. Both APIs answer to it."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}


def order(number: int = 1, **attributes: Any) -> dict[str, Any]:
    """Return a good event."""
    return {"type": "order.placed", "data": {"order_id": f"o-{number}", "amount": 1, "currency": "EUR"}, **attributes}


@dataclass(frozen=True)
class Case:
    """One request and its answer. `mangled` says that the emulated gateway changes such a request on its way."""

    name: str
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    path: str = "/v1/events"
    method: str = "POST"
    holds: Callable[[Any], bool] = lambda _: True
    mangled: bool = False


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def _error(kind: str) -> Callable[[Any], bool]:
    return lambda answer: (
        answer["error"]["type"] == kind
        and {"type", "message", "resolution"} <= answer["error"].keys()
        and len(answer["error"]["message"]) <= 300
    )


def _rejected(kind: str, keyword: str | None = None) -> Callable[[Any], bool]:
    def holds(answer: Any) -> bool:
        (result,) = answer["results"]
        keywords = {detail["keyword"] for detail in result["error"]["details"]}
        return (
            result["error"]["type"] == kind and bool(result["failed_event_id"]) and (not keyword or keyword in keywords)
        )

    return holds


def _statuses(*expected: str) -> Callable[[Any], bool]:
    return lambda answer: (
        [result["status"] for result in answer["results"]] == list(expected)
        and [result["index"] for result in answer["results"]] == list(range(len(expected)))
    )


CASES = [
    Case("one event is accepted", 202, _text(order()), holds=_statuses("accepted")),
    Case("an array is accepted, in order", 202, _text([order(1), order(2)]), holds=_statuses("accepted", "accepted")),
    Case(
        "NDJSON is accepted", 202, _text(order()) + b"\n\n" + _text(order()), NDJSON, holds=_statuses(*["accepted"] * 2)
    ),
    Case("a charset is no other media type", 202, _text(order()), {"content-type": "application/json; charset=utf-8"}),
    Case(
        "CloudEvents structured is accepted",
        202,
        _text(order(specversion="1.0", id="ce-1", source="/shop")),
        {"content-type": "application/cloudevents+json"},
        holds=lambda answer: answer["results"][0]["id"] == "ce-1",
    ),
    Case(
        "CloudEvents batched is accepted", 202, _text([order()]), {"content-type": "application/cloudevents-batch+json"}
    ),
    Case(
        "CloudEvents binary is accepted",
        202,
        _text(order()["data"]),
        {**JSON, "ce-specversion": "1.0", "ce-type": "order.placed", "ce-id": "b-1", "ce-source": "/shop"},
        holds=lambda answer: answer["results"][0]["id"] == "b-1",
    ),
    Case("a body that is data is accepted under its type", 202, _text(order()["data"]), path="/v1/events/order.placed"),
    Case(
        "ce- headers name such an event",
        202,
        _text(order()["data"]),
        {**JSON, "ce-id": "caf%C3%A9"},
        "/v1/events/order.placed",
        holds=lambda answer: answer["results"][0]["id"] == "café",
    ),
    Case("gzip is recognised by its first bytes", 202, gzip.compress(_text(order())), mangled=True),
    Case(
        "data null counts as given, and breaks the contract",
        422,
        _text({**order(), "data": None}),
        holds=_rejected("schema_violation"),
    ),
    Case(
        "good and bad stand side by side",
        207,
        _text([order(), {**order(), "data": {"order_id": "x", "amount": -1, "currency": "EUR"}}]),
        holds=_statuses("accepted", "rejected"),
    ),
    Case("an array with a string inside", 207, _text([order(), "x"]), holds=_statuses("accepted", "rejected")),
    Case(
        "NaN rejects its element, not its neighbour",
        207,
        b"[" + _text(order()) + b',{"type":"order.placed","data":{"amount":NaN}}]',
        holds=_statuses("accepted", "rejected"),
    ),
    Case("NaN alone is rejected by name", 422, b'{"type":"a","data":NaN}', holds=_rejected("not_json", "nan")),
    Case(
        "a number beyond a double",
        422,
        b'{"type":"a","data":1e999}',
        holds=_rejected("not_json", "number_out_of_range"),
    ),
    Case(
        "an integer of 39 digits",
        422,
        b'{"type":"a","data":' + b"9" * 39 + b"}",
        holds=_rejected("not_json", "number_out_of_range"),
    ),
    Case("half a surrogate pair", 422, b'{"type":"a","data":"\\ud800"}', holds=_rejected("not_json", "lone_surrogate")),
    Case("100,000 nested brackets", 422, b"[" * 100_000 + b"]" * 100_000, holds=_rejected("not_json", "too_deep")),
    Case("100,000 brackets that never close", 400, b"[" * 100_000, holds=_error("not_json")),
    Case("an empty body", 400, b"", holds=_error("not_json")),
    Case("not JSON", 400, b"hello", holds=_error("not_json")),
    Case("invalid UTF-8", 400, b'{"a":"\xff"}', holds=_error("not_utf8"), mangled=True),
    Case("an empty array", 400, b"[]", holds=_error("empty_batch")),
    Case(
        "curl's own content type",
        415,
        b"a=b",
        {"content-type": "application/x-www-form-urlencoded"},
        holds=_error("unsupported_media_type"),
    ),
    Case("over 4 MB", 413, b'"' + b"x" * 4_000_000 + b'"', holds=_error("too_large")),
    Case("over 5,000 events", 413, _text([1] * 5_001), holds=_error("too_large")),
    Case("an event over 256 KiB", 422, _text(order(note="x" * 270_000)), holds=_rejected("too_large")),
    Case("an unknown type", 422, _text({"type": "no.such", "data": 1}), holds=_rejected("unknown_schema")),
    Case("an unknown version", 422, _text(order(dataschema="order.placed/9-0-0")), holds=_rejected("unknown_schema")),
    Case("an id of 10 KB", 422, _text(order(id="x" * 10_000)), holds=_rejected("not_an_event")),
    Case("control characters in type", 422, _text({"type": "a\u0000b", "data": 1}), holds=_rejected("not_an_event")),
    Case(
        "a client that sets receivedat",
        422,
        _text(order(receivedat="2026-01-01T00:00:00Z")),
        holds=_rejected("not_an_event", "reserved"),
    ),
    Case("binary data", 422, _text({"type": "a", "data": 1, "data_base64": "AA=="}), holds=_rejected("not_an_event")),
    Case("a type in the path that is none", 422, b"1", path="/v1/events/%0A", holds=_rejected("not_an_event")),
    Case(
        "an Idempotency-Key that is too long",
        400,
        _text(order()),
        {**JSON, "idempotency-key": "x" * 300},
        holds=_error("bad_idempotency_key"),
    ),
    Case("the catalogue", 200, path="/v1/schemas", method="GET", holds=lambda answer: len(answer["schemas"]) >= 4),
    Case(
        "one type",
        200,
        path="/v1/schemas/order.placed",
        method="GET",
        holds=lambda answer: answer["default"] == "1-1-0",
    ),
    Case(
        "one contract",
        200,
        path="/v1/schemas/order.placed/1-0-0",
        method="GET",
        holds=lambda answer: "$schema" in answer,
    ),
    Case(
        "a contract that is none",
        404,
        path="/v1/schemas/order.placed/7-0-0",
        method="GET",
        holds=_error("unknown_schema"),
    ),
    Case(
        "a path that climbs",
        404,
        path="/v1/schemas/..%2F..%2Fapp.py",
        method="GET",
        holds=_error("unknown_schema"),
        mangled=True,
    ),
    Case("health", 200, path="/v1/health", method="GET", holds=lambda answer: answer == {"status": "ok"}),
    Case(
        "the description of all this",
        200,
        path="/v1/openapi.json",
        method="GET",
        holds=lambda answer: answer["openapi"] == "3.1.0",
    ),
]
