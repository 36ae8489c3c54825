"""The API's own description, as published: `openapi.json` beside this module."""

from functools import cache
from http import HTTPStatus
from pathlib import Path

from chalicelib.api.answer import Answer


@cache
def show() -> Answer:
    """Answer the OpenAPI 3.1 document."""
    return Answer(HTTPStatus.OK, (Path(__file__).parent / "openapi.json").read_bytes())
