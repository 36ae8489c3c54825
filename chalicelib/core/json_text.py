"""JSON as text and as values, with every digit kept: the only reader and writer of JSON on the road.

orjson does the work; the exact path takes over where orjson alone would change or refuse a value.
Nothing here knows what an event is.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson

from chalicelib.core.errors import Detail, ErrorType, Rejection
from chalicelib.core.limits import MAX_DEPTH, MAX_INTEGER_DIGITS

_LONG_RUN = b"0" * 19
"""From 2^64 (20 digits) and -2^63 (19 digits) on, orjson silently turns integers into floats."""

_DIGITS_AS_ZEROS = bytes(ord("0") if chr(byte).isdecimal() else ord(" ") for byte in range(256))
"""A translation that makes a run of digits findable without a regular expression, ten times as fast."""

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]*+(?:\\.[^"\\]*+)*+")?|[{}\[\],]', re.DOTALL)
"""Both look at each byte once: a string that never ends must not be tried again from each of its quotes."""

_CLOSES = {ord("}"): ord("{"), ord("]"): ord("[")}


class UnreadableError(ValueError):
    """Text that is not JSON, with the rejection that says why."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection

    @property
    def keyword(self) -> str:
        """Return what is wrong: `utf8 syntax nan lone_surrogate number_out_of_range too_deep`."""
        return self.rejection.details[0].keyword


def loads(text: bytes) -> Any:
    """Read one JSON value.

    Integers up to 38 digits keep their digits, other numbers are IEEE doubles; of duplicate keys the last
    wins.
    Raises UnreadableError for text that is not UTF-8 or not standard JSON, and for a number out of range.
    """
    if _LONG_RUN not in text.translate(_DIGITS_AS_ZEROS):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # the exact path finds out why, and by which name to refuse it
    return _loads_exactly(text)


def dumps(value: Any) -> bytes:
    """Write a value read by `loads` as compact JSON, key order and digits kept.

    Raises UnreadableError when it nests deeper than the writer can follow.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, or a value nested over 254 levels
        pass
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise too_deep() from None


def nests_too_deep(text: bytes) -> bool:
    """Tell whether JSON text nests over 64 objects and arrays."""
    if text.count(b"{") + text.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", text).translate(_BRACES_AS_BRACKETS, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):  # each turn takes the innermost level away
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def cut_array(text: bytes) -> Sequence[bytes] | None:
    """Cut the text of an array into the texts of its elements, without judging them.

    Return None for text that is not an array with balanced brackets, closed strings and no empty place.
    """
    text = text.strip(b" \t\r\n")
    if not text.startswith(b"["):
        return None
    commas = _top_level_commas(text)
    if commas is None:
        return None
    starts, ends = [1, *(place + 1 for place in commas)], [*commas, len(text) - 1]
    elements = [text[start:end].strip(b" \t\r\n") for start, end in zip(starts, ends, strict=True)]
    if elements == [b""]:
        return []
    return elements if all(elements) else None


def too_deep() -> UnreadableError:
    """Return the error for a value nested over 64 levels."""
    return _unreadable("too_deep", f"nests deeper than {MAX_DEPTH} levels")


_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")


def _top_level_commas(text: bytes) -> list[int] | None:
    """Return where the outermost array's commas stand, or None if brackets or strings do not close."""
    open_brackets = bytearray()
    commas: list[int] = []
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in b"{[":
            open_brackets.append(first)
        elif first in b"}]":
            if not open_brackets or open_brackets.pop() != _CLOSES[first]:
                return None
            if not open_brackets:
                return commas if token.end() == len(text) else None
        elif token.group() == b'"':  # a string that never ends
            return None
        elif first == ord(",") and len(open_brackets) == 1:
            commas.append(token.start())
    return None


def _loads_exactly(text: bytes) -> Any:
    try:
        value = _EXACT.decode(text.decode())
        if _SURROGATE_ESCAPE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None
    except UnicodeEncodeError:
        raise _unreadable("lone_surrogate", "a \\u escape is half of a surrogate pair") from None
    except RecursionError:
        raise too_deep() from None
    except json.JSONDecodeError as error:
        raise _unreadable("syntax", f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    return value


def _not_utf8(error: UnicodeDecodeError) -> UnreadableError:
    message = f"byte {error.start} is not valid UTF-8"
    return UnreadableError(Rejection(ErrorType.NOT_UTF8, message, (Detail("", "utf8", message),)))


def _unreadable(keyword: str, message: str) -> UnreadableError:
    return UnreadableError(Rejection(ErrorType.NOT_JSON, message, (Detail("", keyword, message),)))


def _exact_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _unreadable("number_out_of_range", "a number is beyond the range of an IEEE double")
    return number


def _exact_integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise _unreadable("number_out_of_range", f"an integer has more than {MAX_INTEGER_DIGITS} digits")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise _unreadable("nan", f"{name} is not JSON; use null or leave the member out")


_EXACT = json.JSONDecoder(
    parse_float=_exact_float,
    parse_int=_exact_integer,
    parse_constant=_refuse_constant,
)
