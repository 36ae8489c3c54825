"""The catalogue: contracts as `GET /v1/schemas` shows them."""

from http import HTTPStatus
from typing import Any

from chalicelib.api.answer import Answer, refusal
from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import RESOLUTIONS, ErrorType, shorten


def list_types(registry: Registry) -> Answer:
    """Answer every type with its versions and its default."""
    return Answer.of(HTTPStatus.OK, {"schemas": [_entry(registry, name) for name in registry.versions]})


def show_type(registry: Registry, event_type: str) -> Answer:
    """Answer one type's versions and default; 404 when there is none."""
    if event_type not in registry.versions:
        return _not_found(event_type)
    return Answer.of(HTTPStatus.OK, _entry(registry, event_type))


def show_schema(registry: Registry, event_type: str, version: str) -> Answer:
    """Answer one contract's JSON Schema as published; 404 when there is none."""
    schema = registry.schema(event_type, version)
    if schema is None:
        return _not_found(f"{event_type}/{version}")
    return Answer.of(HTTPStatus.OK, schema, {"Content-Type": "application/schema+json"})


def _entry(registry: Registry, event_type: str) -> dict[str, Any]:
    return {
        "type": event_type,
        "versions": [str(version) for version in registry.versions[event_type]],
        "default": str(registry.default_version(event_type)),
    }


def _not_found(name: str) -> Answer:
    error = {
        "type": ErrorType.UNKNOWN_SCHEMA.value,
        "message": shorten(f'no contract "{name}"'),
        "resolution": RESOLUTIONS[ErrorType.UNKNOWN_SCHEMA],
    }
    return refusal(error, HTTPStatus.NOT_FOUND)
