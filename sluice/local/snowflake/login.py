"""The connector's login: a key-pair token is verified as in a Snowpipe call, any password is taken."""

import gzip
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sluice.local.snowflake.jwt_check import RefusedTokenError, TokenCheck

_KEY_PAIR = "SNOWFLAKE_JWT"
# Source: the connector's errors, "JWT token is invalid".
_INVALID_TOKEN = "390144"  # noqa: S105 -- an error's number

Endpoint = Callable[[Request], Awaitable[Response]]


def checked_login(login: Endpoint, check: TokenCheck) -> Endpoint:
    """Let a login through unless it shows a token that is not the loader's."""

    async def checked(request: Request) -> Response:
        said = _login_data(await request.body())
        if said.get("AUTHENTICATOR") == _KEY_PAIR:
            try:
                check.verify_token(str(said.get("TOKEN")))
            except RefusedTokenError as error:
                return _refusal(f"JWT token is invalid. ({error})")
        return await login(request)

    return checked


def _login_data(body: bytes) -> dict[str, object]:
    text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    data: dict[str, object] = json.loads(text)["data"]
    return data


def _refusal(message: str) -> Response:
    return JSONResponse({"data": {}, "code": _INVALID_TOKEN, "message": message, "success": False, "headers": None})
