"""A landed file's bytes as the lines a COPY sees. Pure: no S3, no database."""

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import Any, NoReturn

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: its number, counted from 1, and its JSON text."""

    number: int
    text: str


class BrokenFileError(ValueError):
    """A file that cannot be loaded; with ON_ERROR = SKIP_FILE one bad line is enough."""

    def __init__(self, message: str, line: int = 1, character: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.character = character


def read_lines(body: bytes) -> list[Line]:
    """Cut an NDJSON file, gzipped or not, into lines; raise BrokenFileError at the first bad one."""
    rows = enumerate(_unzipped(body).split(b"\n"), start=1)
    return [_line(number, row) for number, row in rows if row.strip()]


def _unzipped(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenFileError(f"Error decompressing the file: {error}") from None


def _line(number: int, row: bytes) -> Line:
    try:
        text = row.decode()
        value, twice = _decoded(text)
        return Line(number, _encoded(value) if twice else text.strip())
    except UnicodeDecodeError as error:
        raise BrokenFileError("Invalid UTF8 detected in string", number, error.start + 1) from None
    except json.JSONDecodeError as error:
        raise BrokenFileError(f"Error parsing JSON: {error.msg}", number, error.pos + 1) from None
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(f"Error parsing JSON: {error}", number) from None


def _decoded(text: str) -> tuple[Any, bool]:
    """Give the value and whether some object has a key twice; the last one wins (ALLOW_DUPLICATE)."""
    twice = False

    def last_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        value = dict(pairs)
        twice = twice or len(value) < len(pairs)
        return value

    return json.loads(text, object_pairs_hook=last_wins, parse_constant=_refuse), twice


def _encoded(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text.encode()  # raises for a lone surrogate, which no column can hold
    return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
