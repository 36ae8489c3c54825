"""The catalogue: what GET /v1/schemas shows."""

import json
from http import HTTPStatus

import pytest

from chalicelib.api.catalogue import list_types, show_schema, show_type
from chalicelib.contracts.registry import SCHEMAS, Registry

REGISTRY = Registry()
ORDERS = {"type": "order.placed", "versions": ["1-0-0", "1-1-0"], "default": "1-1-0"}


def test_every_type_is_listed() -> None:
    """Each with its versions, oldest first, and its default."""
    answer = list_types(REGISTRY)
    listed = json.loads(answer.body)["schemas"]
    assert ORDERS in listed
    assert [entry["type"] for entry in listed] == sorted(folder.name for folder in SCHEMAS.iterdir())


def test_one_type_is_shown() -> None:
    """The same entry alone."""
    assert json.loads(show_type(REGISTRY, "order.placed").body) == ORDERS


def test_a_contract_is_shown_as_published() -> None:
    """The schema itself, under its own media type."""
    answer = show_schema(REGISTRY, "order.placed", "1-0-0")
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert json.loads(answer.body) == json.loads((SCHEMAS / "order.placed" / "1-0-0.json").read_text())


@pytest.mark.parametrize("name", ["nobody", "..", "../order.placed", "%2e%2e", "order.placed/1-0-0", "", "x" * 100_000])
def test_what_is_not_listed_is_not_found(name: str) -> None:
    """404 with a bounded message, for types and versions alike."""
    for answer in (
        show_type(REGISTRY, name),
        show_schema(REGISTRY, name, "1-0-0"),
        show_schema(REGISTRY, "order.placed", name),
    ):
        assert answer.status is HTTPStatus.NOT_FOUND
        error = json.loads(answer.body)["error"]
        assert error["type"] == "unknown_schema"
        assert len(error["message"]) <= 300
