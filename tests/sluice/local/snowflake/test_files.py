"""A landed file's bytes as lines."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.local.snowflake.files import BrokenFileError, Line, read_lines

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=40)  # values that nest are slow to make up
@given(st.lists(JSON_VALUES, max_size=5), st.booleans())
def test_lines_come_back_as_they_were(values: list[object], zipped: bool) -> None:
    """Any JSON, gzipped or not, gives one line a value with its text untouched."""
    texts = [json.dumps(value) for value in values]
    body = "".join(f"{text}\n" for text in texts).encode()
    lines = read_lines(gzip.compress(body) if zipped else body)
    assert [line.text for line in lines] == texts


def test_empty_lines_are_no_rows_but_count() -> None:
    """A row's number is its place in the file."""
    assert read_lines(b'\n{"a":1}\r\n\n2\n') == [Line(2, '{"a":1}'), Line(4, "2")]


def test_of_duplicate_keys_the_last_wins() -> None:
    """ALLOW_DUPLICATE = TRUE: the line is written again with one of them, its integers exact."""
    (line,) = read_lines(b'{"a":1,"b":{"c":1,"c":12345678901234567890123},"a":2}')
    assert line.text == '{"a":2,"b":{"c":12345678901234567890123}}'


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{"a":1}\n{"a"', 2),
        (b'{"a":NaN}', 1),
        (b'"\xff"', 1),
        (b"1 2", 1),
        (b"[" * 100_000, 1),
        (b'{"a":1e400,"a":1e400}', 1),
        (b'{"a":1,"a":"\\ud800"}', 1),
        (gzip.compress(b'{"a":1}')[:-4], 1),
        (b"\x1f\x8bnot gzip", 1),
    ],
)
def test_a_broken_file_names_its_line(body: bytes, line: int) -> None:
    """What is no NDJSON is one kind of error, with the line that is to blame."""
    with pytest.raises(BrokenFileError) as broken:
        read_lines(body)
    assert broken.value.line == line
