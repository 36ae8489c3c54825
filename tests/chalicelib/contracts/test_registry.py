"""The registry: which version an event is held to, and that no name from outside becomes a path."""

import json
from pathlib import Path

import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.registry import Registry
from chalicelib.core.errors import ErrorType, Rejection


def registry_of(folder: Path, files: dict[str, object]) -> Registry:
    """Return the registry of a folder with these files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return Registry(folder)


def found(registry: Registry, event_type: str, dataschema: str | None = None) -> str:
    """Return the contract's URI, or the error type and pointer."""
    outcome = registry.find(event_type, dataschema)
    if isinstance(outcome, Rejection):
        return f"{outcome.type.value} {outcome.details[0].pointer}"
    return outcome.uri


VERSIONS = {f"a/{version}.json": {} for version in ("1-0-0", "1-9-0", "1-10-0", "2-0-0", "10-0-0")}


def test_the_default_is_the_newest_of_the_oldest_model(tmp_path: Path) -> None:
    """Without default.json the oldest MODEL holds, and 1-10-0 is newer than 1-9-0."""
    assert found(registry_of(tmp_path, VERSIONS), "a") == "sluice:a/1-10-0"


def test_default_json_names_the_model(tmp_path: Path) -> None:
    """With default.json its MODEL holds."""
    assert found(registry_of(tmp_path, {**VERSIONS, "a/default.json": {"model": 2}}), "a") == "sluice:a/2-0-0"


def test_versions_are_listed_as_numbers(tmp_path: Path) -> None:
    """Oldest first, and 10 comes after 2."""
    listed = registry_of(tmp_path, VERSIONS).versions["a"]
    assert [str(version) for version in listed] == ["1-0-0", "1-9-0", "1-10-0", "2-0-0", "10-0-0"]


def test_examples_and_strangers_are_no_contracts(tmp_path: Path) -> None:
    """Only <version>.json is a contract; a folder without one is no type, a file none either."""
    files = {"a/1-0-0.json": {}, "a/1-0-0.examples.json": {}, "a/notes.json": {}, "a/01-0-0.json": {}, "b/x.json": {}}
    registry = registry_of(tmp_path, files)
    (tmp_path / "README.md").write_text("about")
    assert {name: list(map(str, versions)) for name, versions in registry.versions.items()} == {"a": ["1-0-0"]}


@pytest.mark.parametrize("dataschema", ["a/1-9-0", "sluice:a/1-9-0"], ids=["short", "absolute"])
def test_an_event_may_name_its_version(tmp_path: Path, dataschema: str) -> None:
    """The short and the absolute form mean the same."""
    assert found(registry_of(tmp_path, VERSIONS), "a", dataschema) == "sluice:a/1-9-0"


UNKNOWN = {
    "an unknown type": ("b", None, "/type"),
    "a type that climbs": ("../x", None, "/type"),
    "an absolute path": ("/etc/passwd", None, "/type"),
    "an empty type": ("", None, "/type"),
    "a dot": (".", None, "/type"),
    "an unknown version": ("a", "a/3-0-0", "/dataschema"),
    "another type's version": ("a", "b/1-0-0", "/dataschema"),
    "no version": ("a", "a", "/dataschema"),
    "a version that climbs": ("a", "a/../../secrets", "/dataschema"),
    "the examples": ("a", "a/1-0-0.examples", "/dataschema"),
    "the default file": ("a", "a/default", "/dataschema"),
    "a version with a zero before it": ("a", "a/01-0-0", "/dataschema"),
    "a version with a newline behind it": ("a", "a/1-0-0\n", "/dataschema"),
    "a version of a million digits": ("a", "a/" + "1" * 1_000_000 + "-0-0", "/dataschema"),
    "a web address": ("a", "https://example.com/a/1-0-0", "/dataschema"),
}


@pytest.mark.parametrize(("event_type", "dataschema", "pointer"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_listed_is_unknown(tmp_path: Path, event_type: str, dataschema: str | None, pointer: str) -> None:
    """A name is looked up among the listed ones: nothing outside the folder is ever opened."""
    (tmp_path / "schemas").mkdir()
    registry = registry_of(tmp_path / "schemas", VERSIONS)
    registry_of(tmp_path, {"x/1-0-0.json": {}})
    assert found(registry, event_type, dataschema) == f"{ErrorType.UNKNOWN_SCHEMA.value} {pointer}"


def test_a_contract_is_compiled_once_and_only_when_asked_for(tmp_path: Path) -> None:
    """The same object comes back; a broken schema hurts only who asks for it."""
    registry = registry_of(tmp_path, {"a/1-0-0.json": {}, "b/1-0-0.json": {"type": "nonsense"}})
    assert registry.find("a", None) is registry.find("a", "a/1-0-0")
    with pytest.raises(ValueError, match="nonsense"):
        registry.find("b", None)


def test_a_schema_is_shown_as_published() -> None:
    """What ships is found by type and version; anything else is None."""
    registry = Registry()
    schema = registry.schema("order.placed", "1-0-0")
    assert schema is not None
    assert schema["$id"] == "sluice:order.placed/1-0-0"
    assert registry.schema("order.placed", "latest") is None
    assert registry.schema("../order.placed", "1-0-0") is None


def test_all_that_ships_compiles() -> None:
    """Every shipped contract is one, under its own name."""
    shipped = list(Registry().all())
    assert {contract.type for contract in shipped} >= {
        "earthquake.reported",
        "order.placed",
        "page.viewed",
        "weather.observed",
    }
    assert all(isinstance(contract, Contract) and contract.schema["$id"] == contract.uri for contract in shipped)
