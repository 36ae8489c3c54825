"""One contract: the JSON Schema of one version of one event type, compiled once, asked many times."""

import re
from dataclasses import dataclass
from typing import Any, Self

from jsonschema_rs import ValidationError, Validator, validator_for

from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.limits import MAX_DETAILS

_VERSION = re.compile(r"(0|[1-9]\d{0,5})-(0|[1-9]\d{0,5})-(0|[1-9]\d{0,5})", re.ASCII)
_SCHEME = "sluice:"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """MODEL-REVISION-ADDITION, compared as numbers: 1-10-0 is newer than 1-9-0."""

    model: int
    revision: int
    addition: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `1-0-2`; return None for anything else."""
        match = _VERSION.fullmatch(text)
        return cls(*map(int, match.groups())) if match else None

    def __str__(self) -> str:
        return f"{self.model}-{self.revision}-{self.addition}"


class DetailBudget:
    """How many faults one call may still find: each costs 15 µs, however few of them are shown.

    60,000 bad lines in one order are 2.3 seconds; a body of such orders would outlast its Lambda.
    """

    def __init__(self, faults: int = 20_000) -> None:
        self._left = faults

    def errors(self, validator: Validator, data: Any) -> list[ValidationError]:
        """Return what is wrong with data: everything, or only the first fault once the budget is spent."""
        if self._left > 0:
            errors = list(validator.iter_errors(data))
            self._left -= len(errors)
            return errors
        try:
            validator.validate(data)
        except ValidationError as error:
            return [error]
        return []


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled contract."""

    type: str
    version: Version
    schema: dict[str, Any]
    validator: Validator

    @classmethod
    def compile(cls, event_type: str, version: Version, schema: dict[str, Any]) -> Self:
        """Compile a schema, with `format` asserted. Raises ValueError for a schema that is none."""
        return cls(event_type, version, schema, validator_for(schema, validate_formats=True))

    @property
    def uri(self) -> str:
        """Return the absolute URI that stands on a line: `sluice:order.placed/1-0-0`."""
        return f"{_SCHEME}{self.type}/{self.version}"

    def judge(self, data: Any, budget: DetailBudget | None = None) -> Rejection | None:
        """Return why `data` breaks the contract, at most 10 faults; None when it meets it.

        Once the budget is spent only the first fault is told.
        """
        if self.validator.is_valid(data):
            return None
        errors = (budget or DetailBudget()).errors(self.validator, data)
        faults = tuple(map(_detail, errors[:MAX_DETAILS]))
        return Rejection(ErrorType.SCHEMA_VIOLATION, f"{faults[0].pointer}: {faults[0].message}", faults)


def split_name(dataschema: str) -> tuple[str, str]:
    """Cut `order.placed/1-0-0`, with or without `sluice:` before it, into type and version, unchecked."""
    event_type, _, version = dataschema.removeprefix(_SCHEME).partition("/")
    return event_type, version


def _detail(error: ValidationError) -> Detail:
    pointer = "".join(f"/{_escape(part)}" for part in ("data", *error.instance_path))
    return Detail(pointer, error.kind.name, error.message)


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
