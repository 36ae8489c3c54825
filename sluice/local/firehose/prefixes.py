"""Firehose's S3 prefix expressions: parsed once, so that a mistake shows at the start, then evaluated. Pure.

Source: Amazon Data Firehose Developer Guide, "Custom prefixes for Amazon S3 objects".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

ErrorOutputType: TypeAlias = Literal["processing-failed"]
"""The error outputs this engine has; Firehose has more, for other destinations."""

MAX_PREFIX_CHARACTERS = 512
"""Source: the same page: "the evaluated prefix must not exceed 512 characters"."""
_DEFAULT_TIMESTAMP = "yyyy/MM/dd/HH/"

_EXPRESSION = re.compile(r"!\{([^}]*)}")
_JAVA_LETTERS = re.compile(r"([A-Za-z])\1*")
_JAVA_TO_STRFTIME = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


class PrefixError(ValueError):
    """A prefix that Firehose, or this engine, doesn't take."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a prefix may speak of."""

    oldest_arrived_at: datetime
    """When the oldest record in the object arrived, in UTC."""
    random_string: str
    """11 characters."""
    error_output_type: ErrorOutputType | None = None


_SOME_FACTS = Facts(datetime(2000, 1, 1, tzinfo=UTC), "x" * 11, "processing-failed")
_Part: TypeAlias = str | Callable[[Facts], str]


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix that was understood."""

    source: str
    parts: tuple[_Part, ...]

    def evaluate(self, facts: Facts) -> str:
        """Return the prefix of one object."""
        return "".join(part if isinstance(part, str) else part(facts) for part in self.parts)


def parse_prefix(source: str) -> Prefix:
    """Parse the `Prefix` of a destination.

    Without a timestamp expression Firehose adds `yyyy/MM/dd/HH/`, and no slash in front of it.
    """
    if "!{firehose:error-output-type}" in source:
        raise PrefixError(f"Prefix {source!r} must not speak of the error output type")
    return _parse(source)


def parse_error_prefix(source: str) -> Prefix:
    """Parse the `ErrorOutputPrefix`: when it has expressions the error output type must be among them."""
    if _EXPRESSION.search(source) and "!{firehose:error-output-type}" not in source:
        raise PrefixError(f"ErrorOutputPrefix {source!r} must have !{{firehose:error-output-type}}")
    return _parse(source)


def _parse(source: str) -> Prefix:
    complete = source if "!{timestamp:" in source else f"{source}!{{timestamp:{_DEFAULT_TIMESTAMP}}}"
    pieces = _EXPRESSION.split(complete)
    parts = tuple(_expression(piece, source) if index % 2 else piece for index, piece in enumerate(pieces))
    prefix = Prefix(source, parts)
    # Whatever the facts are, the text is as long as this.
    if (length := len(prefix.evaluate(_SOME_FACTS))) > MAX_PREFIX_CHARACTERS:
        raise PrefixError(f"{source!r} evaluates to {length} characters, {MAX_PREFIX_CHARACTERS} are allowed")
    return prefix


def _expression(expression: str, source: str) -> _Part:
    namespace, _, value = expression.partition(":")
    match namespace, value:
        case "timestamp", pattern:
            return _timestamp(pattern, source)
        case "firehose", "error-output-type":
            return lambda facts: str(facts.error_output_type)
        case "firehose", "random-string":
            return lambda facts: facts.random_string
    raise PrefixError(f"!{{{expression}}} in the prefix {source!r} is not supported locally")


def _timestamp(pattern: str, source: str) -> _Part:
    """Translate a Java DateTimeFormatter pattern; quoted text isn't supported."""
    letters = [match.group() for match in _JAVA_LETTERS.finditer(pattern)]
    if unknown := [run for run in letters if run not in _JAVA_TO_STRFTIME] or re.findall("['%]", pattern):
        raise PrefixError(f"{unknown[0]!r} in !{{timestamp:{pattern}}} of {source!r} is not supported locally")
    strftime = _JAVA_LETTERS.sub(lambda match: _JAVA_TO_STRFTIME[match.group()], pattern)
    return lambda facts: facts.oldest_arrived_at.strftime(strftime)
