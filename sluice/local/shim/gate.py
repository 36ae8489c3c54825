"""The gate: decides for each request whether it passes, waits, or is answered as a service in trouble would."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus

from sluice.local.faults import FaultFile
from sluice.local.shim.kinesis import PUTS, FaultyKinesis
from sluice.local.shim.messages import Request, Response, Send

_INVOKE = re.compile(r"/2015-03-31/functions/[^/]+/invocations(\?.*)?")
_KINESIS_CALL = re.compile(r"Kinesis_\d+\.(\w+)")

_RAISED = b'{"errorMessage":"a fault, switched on with bin/sluice fault","errorType":"RuntimeError","stackTrace":[]}'
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


class Gate:
    """Plays the faults of a run; threads share one."""

    def __init__(self, faults: FaultFile, sleep: Callable[[float], None] = time.sleep) -> None:
        self._faults = faults
        self._sleep = sleep
        self._kinesis = FaultyKinesis(faults)

    def answer(self, request: Request, send: Send) -> Response:
        """Answer a request, with `send` for what passes; bytes pass untouched unless a fault is on."""
        if call := _KINESIS_CALL.fullmatch(request.head.value("x-amz-target")):
            return self._answer_kinesis(call[1], request, send)
        if _INVOKE.fullmatch(request.target):
            return self._answer_invoke(request, send)
        return self._answer_s3(request, send)

    def _answer_kinesis(self, call: str, request: Request, send: Send) -> Response:
        if call in PUTS and self._kinesis.is_on():
            return self._kinesis.answer(call, request, send)
        return send(request)

    def _answer_invoke(self, request: Request, send: Send) -> Response:
        """Only Firehose calls a function this way: its transform."""
        if self._faults.active("transform", "raise") is None:
            return send(request)
        return Response.of(
            HTTPStatus.OK, {"Content-Type": "application/json", "X-Amz-Function-Error": "Unhandled"}, _RAISED
        )

    def _answer_s3(self, request: Request, send: Send) -> Response:
        if slow := self._faults.active("s3", "slow"):
            self._sleep(slow.value or 0.0)
        if self._faults.active("s3", "503") is None:
            return send(request)
        body = b"" if request.method == "HEAD" else _SLOW_DOWN
        return Response.of(HTTPStatus.SERVICE_UNAVAILABLE, {"Content-Type": "application/xml"}, body)
