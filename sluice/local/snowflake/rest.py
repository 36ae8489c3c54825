"""Snowpipe's three REST calls, as the SDK and Snowflake's reference know them. No SQL in here.

Every call passes `Snowpipe.call`: the token is checked there, errors become bodies there, and that is the one
place where a call can be made to fail on purpose.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from snowflake.connector.errors import ProgrammingError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sluice.local.snowflake.asked import RefusedCallError, asked_mark, asked_time, named_files
from sluice.local.snowflake.jwt_check import RefusedTokenError, TokenCheck
from sluice.local.snowflake.loads import PATH_MEMORY, REPORT_LIMIT, Loads, utc_now
from sluice.local.snowflake.names import InvalidNameError, parse_name
from sluice.local.snowflake.outcomes import Status
from sluice.local.snowflake.pipes import Pipe, Pipes
from sluice.local.snowflake.played import Played, nothing
from sluice.local.snowflake.reports import Answer, reported_file, reported_time

_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Snowpipe:
    """The REST calls on top of the pipes and their memory."""

    token_check: TokenCheck
    pipes: Pipes
    loads: Loads
    wake_loader: Callable[[], None]
    played: Played = nothing

    def routes(self) -> list[Route]:
        """Give the routes of the three calls."""
        root = "/v1/data/pipes/{pipe}"
        return [
            Route(f"{root}/insertFiles", self._endpoint(self.insert_files), methods=["POST"]),
            Route(f"{root}/insertReport", self._endpoint(self.insert_report), methods=["GET"]),
            Route(f"{root}/loadHistoryScan", self._endpoint(self.load_history_scan), methods=["GET"]),
        ]

    async def call(self, request: Request, answer: Callable[[Pipe, Request, bytes], Answer]) -> Response:
        """Play what is to be played, check the token, find the pipe, answer; a refused call gets status and body."""
        body = await request.body()
        await self._hang(request)
        try:
            self._refuse_on_purpose()
            self.token_check.verify(request.headers.get("authorization"))
            return JSONResponse(await run_in_threadpool(self._answered, request, body, answer))
        except RefusedTokenError as error:
            return _refusal(RefusedCallError(401, f"JWT token is invalid. ({error})", "390144"))
        except RefusedCallError as error:
            return _refusal(error)

    def insert_files(self, pipe: Pipe, request: Request, body: bytes) -> Answer:
        """Queue files; durable before the answer. Paths known for 14 days are skipped, silently by default."""
        files = named_files(request.headers.get("content-type", "application/json"), body)
        matched = [file for file in files if pipe.copy.takes(file.path)]
        status = Status.LOST if self.played("lose-file") else Status.QUEUED
        skipped = self.loads.accept(str(pipe.name), matched, status)
        self.wake_loader()
        answer: Answer = {"responseCode": "SUCCESS"} | _request_id(request)
        if unmatched := [file.path for file in files if not pipe.copy.takes(file.path)]:
            answer["unmatchedPatternFiles"] = unmatched
        if skipped and request.query_params.get("showSkippedFiles", "").lower() == "true":
            answer["skippedFiles"] = skipped
        return answer

    def insert_report(self, pipe: Pipe, request: Request, _body: bytes) -> Answer:
        """Report what finished after beginMark, within the last ten minutes; `completeResult` is a boolean."""
        mark = asked_mark(request.query_params.get("beginMark"))
        last = self.loads.last_mark()
        lost = self.played("lose-report")
        events = [] if lost else self.loads.since_mark(str(pipe.name), mark)
        return {
            "pipe": str(pipe.name),
            "completeResult": len(events) <= REPORT_LIMIT and not lost,
            "nextBeginMark": f"1_{last}",
            "files": [reported_file(event, pipe) for event in events[-REPORT_LIMIT:]],
            "statistics": {"activeFilesCount": self.loads.pending(str(pipe.name)).files},
        }

    def load_history_scan(self, pipe: Pipe, request: Request, _body: bytes) -> Answer:
        """Report what finished in a range of the last 14 days; `completeResult` is a string here."""
        start = asked_time(request.query_params, "startTimeInclusive")
        end = asked_time(request.query_params, "endTimeExclusive", utc_now())
        if start < utc_now() - PATH_MEMORY - timedelta(minutes=1):
            raise RefusedCallError(400, "startTimeInclusive is more than 14 days ago")
        events = [] if self.played("lose-history") else self.loads.between(str(pipe.name), start, end)
        shown = events[:REPORT_LIMIT]
        complete = len(shown) == len(events)
        return {
            "pipe": str(pipe.name),
            "completeResult": str(complete).lower(),
            "startTimeInclusive": reported_time(start),
            "endTimeExclusive": reported_time(end),
            "rangeStartTime": reported_time(shown[0].finished_at if shown else start),
            "rangeEndTime": reported_time(end if complete else shown[-1].finished_at),
            "files": [reported_file(event, pipe) for event in shown],
        }

    def _endpoint(self, answer: Callable[[Pipe, Request, bytes], Answer]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await self.call(request, answer)

        return endpoint

    async def _hang(self, request: Request) -> None:
        """Keep a call waiting as long as that is played and somebody waits for the answer."""
        # the server cancels what outlasts its stop: then the call is refused
        with suppress(asyncio.CancelledError):
            while self.played("hang") and not await request.is_disconnected():  # noqa: ASYNC110 -- a file tells nobody
                await asyncio.sleep(_LOOK_AGAIN_S)

    def _refuse_on_purpose(self) -> None:
        if self.played("429"):
            raise RefusedCallError(429, "Too many requests: played on purpose", "390429")
        if self.played("503") or self.played("hang"):
            raise RefusedCallError(503, "Service unavailable: played on purpose", "390503")

    def _answered(self, request: Request, body: bytes, answer: Callable[[Pipe, Request, bytes], Answer]) -> Answer:
        return answer(self._pipe(request.path_params["pipe"]), request, body)

    def _pipe(self, name: str) -> Pipe:
        try:
            return self.pipes.get(parse_name(name))
        except (ProgrammingError, InvalidNameError):
            raise RefusedCallError(404, f"Pipe not found or not authorized: {name}", "390404") from None


def _request_id(request: Request) -> Answer:
    request_id = request.query_params.get("requestId")
    return {"requestId": request_id} if request_id else {}


def _refusal(error: RefusedCallError) -> Response:
    body = {"code": error.code, "message": error.message, "success": False, "data": None, "headers": None}
    return JSONResponse(body, status_code=error.status)
