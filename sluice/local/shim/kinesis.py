"""Kinesis with faults: the calls that put records, some of which are refused and never reach the stream."""

import random
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from sluice.local.faults import FaultFile
from sluice.local.shim.limits import Limiter, Shards
from sluice.local.shim.messages import Request, Response, Send
from sluice.local.shim.put_records import THROTTLED, Record, merge, passed, refusal, size_bytes

API = "Kinesis_20131202"
PUTS = frozenset({"PutRecord", "PutRecords"})
SHARDS_AGE_S = 60.0
"""How long a stream's shards are taken to be the same."""

_JSON = {"Content-Type": "application/x-amz-json-1.1"}


class FaultyKinesis:
    """Plays `kinesis` faults; threads share one."""

    def __init__(self, faults: FaultFile, chance: random.Random | None = None) -> None:
        self._faults = faults
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self._limiter = Limiter()
        self._shards: dict[str, tuple[float, Shards]] = {}

    def answer(self, call: str, request: Request, send: Send) -> Response:
        """Answer one of `PUTS`; what is not refused is handed on in one call."""
        try:
            body = orjson.loads(request.body)
            records = body["Records"] if call == "PutRecords" else [body]
            passes = self._passes(_stream(body), records, request, send)
        except (KeyError, TypeError, ValueError) as error:
            return _json(HTTPStatus.BAD_REQUEST, {"__type": "SerializationException", "message": str(error)})
        if all(passes):
            return send(request)
        if call == "PutRecords":
            return _merged(request, body, passes, send)
        return _json(HTTPStatus.BAD_REQUEST, {"__type": THROTTLED, "message": refusal(_stream(body))["ErrorMessage"]})

    def is_on(self) -> bool:
        """Tell whether any record may be refused now."""
        return any(fault.target == "kinesis" for fault in self._faults.on())

    def _passes(self, stream: str, records: Sequence[Record], request: Request, send: Send) -> list[bool]:
        """Judge each record, in order."""
        throttle = self._faults.active("kinesis", "throttle")
        rate = throttle.value or 0.0 if throttle else 0.0
        passes = [self._chance.random() >= rate for _ in records]
        limits = self._faults.active("kinesis", "limits")
        if limits is None:
            return passes
        shards = self._shards_of(stream, request, send)
        if shards is None:  # a stream that is not there: whoever holds the streams says so
            return passes
        scale = limits.value or 1.0
        return [
            it_passes and self._admit(shards, stream, record, scale)
            for record, it_passes in zip(records, passes, strict=True)
        ]

    def _admit(self, shards: Shards, stream: str, record: Record, scale: float) -> bool:
        shard = shards.of_key(record["PartitionKey"], record.get("ExplicitHashKey"))
        return self._limiter.admit(f"{stream}/{shard}", size_bytes(record), scale, time.monotonic())

    def _shards_of(self, stream: str, request: Request, send: Send) -> Shards | None:
        """Return the stream's shards, asked for in the name of the client at hand when they are not known."""
        read_at, known = self._shards.get(stream, (0.0, None))
        if known and time.monotonic() - read_at < SHARDS_AGE_S:
            return known
        if shards := _list_shards(stream, request, send):
            self._shards[stream] = (time.monotonic(), shards)
        return shards


def _list_shards(stream: str, request: Request, send: Send) -> Shards | None:
    """Ask for a stream's shards (the first 1,000); None when there is no such stream."""
    headers = {
        "Host": request.head.value("host"),
        "X-Amz-Target": f"{API}.ListShards",
        "Authorization": request.head.value("authorization"),
        **_JSON,
    }
    answer = send(Request.of("POST", "/", headers, orjson.dumps({"StreamName": stream})))
    return Shards.of(orjson.loads(answer.body)["Shards"]) if answer.status == HTTPStatus.OK else None


def _stream(body: Mapping[str, Any]) -> str:
    return str(body.get("StreamName") or body["StreamARN"].rpartition("/")[2])


def _merged(request: Request, body: Mapping[str, Any], passes: Sequence[bool], send: Send) -> Response:
    """Hand on what passes and answer for all; a call that fails as a whole fails for all."""
    good, answered = passed(body["Records"], passes), []
    if good:
        response = send(request.with_body(orjson.dumps({**body, "Records": good})))
        if response.status != HTTPStatus.OK:
            return response
        answered = orjson.loads(response.body)["Records"]
    return _json(HTTPStatus.OK, merge(passes, answered, refusal(_stream(body))))


def _json(status: HTTPStatus, body: Mapping[str, Any]) -> Response:
    return Response.of(status, _JSON, orjson.dumps(body))
