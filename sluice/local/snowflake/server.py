"""The stand-in as one web application: fakesnow's SQL routes, Snowpipe's calls and a health check."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import fakesnow.server as fakesnow_server
from fakesnow.arrow import to_sf
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sluice.local.snowflake.engine import Engine
from sluice.local.snowflake.jwt_check import TokenCheck
from sluice.local.snowflake.loader import Loader
from sluice.local.snowflake.loads import Loads
from sluice.local.snowflake.login import checked_login
from sluice.local.snowflake.objects import ObjectStore
from sluice.local.snowflake.pipes import Pipes
from sluice.local.snowflake.played import Played, nothing
from sluice.local.snowflake.registry import Registry
from sluice.local.snowflake.rest import Snowpipe
from sluice.local.snowflake.router import Router
from sluice.local.snowflake.streams import Streams
from sluice.local.snowflake.tasks import TaskRunner
from sluice.local.snowflake.timestamps import keeping_nulls

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StandIn:
    """All parts of the running stand-in."""

    engine: Engine
    loader: Loader
    tasks: TaskRunner
    snowpipe: Snowpipe

    @classmethod
    def open(
        cls, directory: Path, database: str, token_check: TokenCheck, s3_endpoint: str, played: Played = nothing
    ) -> Self:
        """Open the data directory and put the parts together; nothing runs yet."""
        engine = Engine(directory, database)
        registry, streams, loads = Registry(engine), Streams(engine), Loads(engine)
        pipes = Pipes(registry, loads)
        loader = Loader(engine, pipes, loads, ObjectStore(s3_endpoint), played)
        tasks = TaskRunner(engine, registry, streams)
        router = Router(engine, registry, streams, loads, tasks)
        router.restore()
        engine.sessions.route = router.route
        return cls(engine, loader, tasks, Snowpipe(token_check, pipes, loads, loader.wake, played))

    def app(self) -> Starlette:
        """Give the web application; it starts and stops the threads."""
        # fakesnow's handlers find these in their module, and offer no other way in
        vars(fakesnow_server).update(shared_fs=self.engine.sessions, to_sf=keeping_nulls(to_sf))
        health = Route("/healthz", self._health, methods=["GET"])
        check = self.snowpipe.token_check
        sql = [_wrapped(route, check) for route in fakesnow_server.routes]
        routes: list[BaseRoute] = [health, *self.snowpipe.routes(), *sql]
        return Starlette(routes=routes, lifespan=self._lifespan)

    async def _health(self, _request: Request) -> Response:
        alive = self.loader.alive and self.tasks.alive
        body = {"ok": alive, "failing_tasks": dict(self.tasks.last_errors)}
        return JSONResponse(body, status_code=200 if alive else 503)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self.tasks.start()
        self.loader.start()
        yield
        self.loader.stop()
        self.tasks.stop()
        self.engine.close()


def _wrapped(route: Route, check: TokenCheck) -> Route:
    """Check tokens at the login, and turn crashes of fakesnow into errors that the connector does not retry."""
    if route.path == "/session/v1/login-request":
        return Route(route.path, checked_login(route.endpoint, check), methods=["POST"])
    if route.path == "/queries/v1/query-request":
        return Route(route.path, _guarded(route.endpoint), methods=["POST"])
    return route


def _guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    # the connector retries every 5xx for a long time
    async def guarded(request: Request) -> Response:
        try:
            response = await endpoint(request)
        except Exception as error:
            logger.exception("fakesnow failed outside of the statement")
            return _sql_error(f"{type(error).__name__}: {error}")
        if response.status_code < 500:  # noqa: PLR2004 -- HTTP's own number
            return response
        return _sql_error(json.loads(bytes(response.body))["message"])

    return guarded


def _sql_error(message: str) -> Response:
    data = {"errorCode": "000002", "sqlState": "0A000"}
    message = f"Unsupported by the local stand-in: {message}"
    return JSONResponse({"data": data, "code": "000002", "message": message, "success": False})
