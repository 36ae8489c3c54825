"""The registry: finds a contract by type and version among the files of `schemas/`, and keeps it compiled.

A new file is a new contract. Nothing here is written to, and a name from outside never becomes a path
before it was found in the listing.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from chalicelib.contracts.contract import Contract, Version, split_name
from chalicelib.core.errors import Detail, ErrorType, Rejection

SCHEMAS = Path(__file__).parent / "schemas"


class Registry:
    """All contracts under one folder: `<type>/<version>.json`, `<type>/default.json` names the MODEL."""

    def __init__(self, folder: Path = SCHEMAS) -> None:
        self._folder = folder
        self._compiled: dict[tuple[str, Version], Contract] = {}

    @cached_property
    def versions(self) -> Mapping[str, tuple[Version, ...]]:
        """Return every type with its versions, oldest first. The folder is listed once."""
        found = {folder.name: _versions_in(folder) for folder in sorted(self._folder.iterdir())}
        return {event_type: versions for event_type, versions in found.items() if versions}

    @cached_property
    def _defaults(self) -> Mapping[str, Version]:
        return {event_type: self._default(event_type) for event_type in self.versions}

    def default_version(self, event_type: str) -> Version:
        """Return the version an event without `dataschema` is held to. Raises KeyError for an unknown type."""
        return self._defaults[event_type]

    def schema(self, event_type: str, version: str) -> Mapping[str, Any] | None:
        """Return one contract's schema as published, or None."""
        found = self._contract(event_type, Version.parse(version))
        return found.schema if found else None

    def find(self, event_type: str, dataschema: str | None) -> Contract | Rejection:
        """Return the contract an event is held to: the one it names, else the default of its type."""
        if event_type not in self.versions:
            return _unknown("/type", f'no contract for type "{event_type}"')
        if dataschema is None:
            return self._compile(event_type, self._defaults[event_type])
        named_type, version = split_name(dataschema)
        if named_type != event_type:
            return _unknown("/dataschema", f'dataschema "{dataschema}" does not belong to type "{event_type}"')
        known = ", ".join(map(str, self.versions[event_type]))
        return self._contract(event_type, Version.parse(version)) or _unknown(
            "/dataschema", f'"{event_type}" has no version "{version}"; it has {known}'
        )

    def all(self) -> Iterator[Contract]:
        """Yield every contract, compiled."""
        for event_type, versions in self.versions.items():
            for version in versions:
                yield self._compile(event_type, version)

    def _contract(self, event_type: str, version: Version | None) -> Contract | None:
        if version is None or version not in self.versions.get(event_type, ()):
            return None
        return self._compile(event_type, version)

    def _compile(self, event_type: str, version: Version) -> Contract:
        known = self._compiled.get((event_type, version))
        if known is None:
            known = Contract.compile(event_type, version, _read(self._folder / event_type / f"{version}.json"))
            self._compiled[event_type, version] = known
        return known

    def _default(self, event_type: str) -> Version:
        """Return the newest version of the model that default.json names, else of the oldest model."""
        versions = self.versions[event_type]
        named = self._folder / event_type / "default.json"
        model = _read(named)["model"] if named.exists() else versions[0].model
        return max(version for version in versions if version.model == model)


def _versions_in(folder: Path) -> tuple[Version, ...]:
    stems = (path.name.removesuffix(".json") for path in folder.glob("*.json"))
    return tuple(sorted(version for stem in stems if (version := Version.parse(stem))))


def _read(path: Path) -> dict[str, Any]:
    return dict(orjson.loads(path.read_bytes()))


def _unknown(pointer: str, message: str) -> Rejection:
    return Rejection(ErrorType.UNKNOWN_SCHEMA, message, (Detail(pointer, "dataschema", message),))
