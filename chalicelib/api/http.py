"""HTTP as Chalice speaks it: its requests as posts, our answers as its responses, one shape for errors."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from chalice.app import Chalice, Request, Response

from chalicelib.api.answer import Answer, refusal
from chalicelib.api.post import Post

_RESOLUTIONS = {
    HTTPStatus.METHOD_NOT_ALLOWED: "Use the method in the Allow header; GET /v1/openapi.json lists them all.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Send it again with the same ids; if it goes on, tell the operators.",
}


def current_request(app: Chalice) -> Request:
    """Return the request a view was called for; its `lambda_context` counts down to the Lambda's end."""
    if app.current_request is None:
        raise RuntimeError("a view was called without a request")
    return app.current_request


def read_post(request: Request, event_type: str | None = None) -> Post:
    """Return what was posted; `event_type` comes percent-encoded from the path."""
    return Post(
        body=_bytes(request.raw_body),
        headers={name.lower(): value for name, value in request.headers.items()},
        event_type=None if event_type is None else unquote(event_type),
        client_ip=request.context.get("identity", {}).get("sourceIp"),
    )


def _bytes(body: str | bytes) -> bytes:
    """Return a body as bytes: API Gateway hands Lambda text, the local server bytes."""
    return body.encode() if isinstance(body, str) else body


def respond(answer: Answer) -> Response:
    """Return an answer as a Chalice response."""
    headers: dict[str, str | list[str]] = {"Content-Type": "application/json", **answer.headers}
    return Response(answer.body.decode(), headers=headers, status_code=int(answer.status))


def one_error_shape(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Turn Chalice's own errors (`{"Code","Message"}`) into ours. A middleware."""
    response = get_response(event)
    if not isinstance(response.body, dict) or response.body.keys() != {"Code", "Message"}:
        return response
    status = HTTPStatus(response.status_code)
    error = {
        "type": status.name.lower(),
        "message": response.body["Message"][:300],
        "resolution": _RESOLUTIONS.get(status, status.description or status.phrase),
    }
    ours = respond(refusal(error, status))
    return Response(ours.body, {**response.headers, **ours.headers}, response.status_code)
