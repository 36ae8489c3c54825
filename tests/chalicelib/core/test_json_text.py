"""JSON text: what is read, what is refused and by which name, and how arrays are cut."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_text import UnreadableError, cut_array, dumps, loads, nests_too_deep

TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)

REFUSED = {
    "NaN is not JSON": (b'{"a":NaN}', "nan"),
    "Infinity is not JSON": (b"[Infinity]", "nan"),
    "minus Infinity is not JSON": (b"-Infinity", "nan"),
    "1e400 is beyond a double": (b"1e400", "number_out_of_range"),
    "-1e400 is beyond a double": (b"[-1e400]", "number_out_of_range"),
    "a long float beyond a double": (b"1" * 400 + b".5", "number_out_of_range"),
    "39 digits are one too many": (b"1" * 39, "number_out_of_range"),
    "39 digits behind a minus are one too many": (b"-" + b"1" * 39, "number_out_of_range"),
    "100,000 digits are far too many": (b"1" * 100_000, "number_out_of_range"),
    "half a surrogate pair in a value": (rb'"\ud800"', "lone_surrogate"),
    "half a surrogate pair in a key": (rb'{"\uDFFF":1}', "lone_surrogate"),
    "a surrogate pair the wrong way round": (rb'"\udc00\ud800"', "lone_surrogate"),
    "half a pair beside a long number": (rb'["\ud800",18446744073709551616]', "lone_surrogate"),
    "100,000 open brackets": (b"[" * 100_000, "too_deep"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    "100,000 levels of objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "syntax"),
    "nothing": (b"", "syntax"),
    "white space": (b" \n", "syntax"),
    "two values": (b"{} {}", "syntax"),
    "a trailing comma": (b"[1,]", "syntax"),
    "single quotes": (b"{'a':1}", "syntax"),
    "a comment": (b"[1] // one", "syntax"),
    "a leading zero": (b"01", "syntax"),
    "a leading plus": (b"+1", "syntax"),
    "a raw control character in a string": (b'"a\x01b"', "syntax"),
    "a raw newline in a string": (b'"a\nb"', "syntax"),
    "an open string": (b'{"a":"b', "syntax"),
    "a byte that is no UTF-8": (b'{"a":"\xff"}', "utf8"),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', "utf8"),
    "an overlong slash": (b'"\xc0\xaf"', "utf8"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "utf8"),
}


@pytest.mark.parametrize(("text", "keyword"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_json_is_refused_by_name(text: bytes, keyword: str) -> None:
    """Whatever is wrong raises UnreadableError with its name and a message that can be shown."""
    with pytest.raises(UnreadableError) as caught:
        loads(text)
    assert caught.value.keyword == keyword
    assert 0 < len(caught.value.rejection.message) <= 300


KEPT = {
    "2^63": b"9223372036854775808",
    "2^64 - 1": b"18446744073709551615",
    "2^64": b"18446744073709551616",
    "below -2^63": b"-9223372036854775809",
    "38 digits": b"9" * 38,
    "38 digits behind a minus": b"-" + b"9" * 38,
    "a tenth": b"0.1",
    "a float that is whole": b"1.0",
    "minus zero": b"-0.0",
    "the classic sum": b"0.30000000000000004",
    "the smallest double": b"5e-324",
    "a pair of surrogates as text": '"\U0001f600"'.encode(),
    "a null character": rb'"\u0000"',
    "an empty key": b'{"":1}',
    "keys in their order": b'{"b":1,"a":2}',
    "no key": b"{}",
    "a big number deep inside": b'{"a":[{"b":123456789012345678901234567890}]}',
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_is_json_keeps_its_digits_and_its_order(text: bytes) -> None:
    """Compact JSON comes out byte for byte as it went in."""
    assert dumps(loads(text)) == text


@pytest.mark.parametrize("big", [b"", b",18446744073709551616"], ids=["quick path", "exact path"])
def test_of_duplicate_keys_the_last_wins(big: bytes) -> None:
    """Both paths agree about duplicate keys."""
    assert loads(b'[{"a":1,"b":2,"a":3}%b]' % big)[0] == {"a": 3, "b": 2}


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    """Text that only looks like an escape is left alone, on the exact path too."""
    assert loads(rb'["\\ud800",18446744073709551616]')[0] == r"\ud800"


@given(VALUES)
def test_reading_what_was_written_gives_it_back_exactly(value: Any) -> None:
    """The round trip is exact in value and type: 1, 1.0, True and -0.0 stay apart."""
    assert repr(loads(dumps(value))) == repr(value)


@given(VALUES)
def test_what_was_written_means_the_same_to_another_reader(value: Any) -> None:
    """The standard library reads our text as the same value."""
    assert repr(json.loads(dumps(value))) == repr(value)


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_integers_keep_every_digit(number: int) -> None:
    """Up to 38 digits an integer is the same text before and after."""
    assert dumps(loads(str(number).encode())) == str(number).encode()


FRAGMENTS = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"d800", b"NaN", b"1", b"9" * 19, b"e", b" "]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)


@given(FRAGMENTS)
def test_bytes_are_a_value_or_unreadable(text: bytes) -> None:
    """Nothing but a value or UnreadableError comes of any bytes, and a value can be written."""
    try:
        value = loads(text)
    except UnreadableError as error:
        assert error.rejection.details[0].keyword  # noqa: PT017 - either outcome is right
    else:
        assert repr(loads(dumps(value))) == repr(value)


@given(st.lists(VALUES, max_size=8), st.sampled_from([None, 1]))
def test_a_cut_array_holds_its_elements(values: list[Any], indent: int | None) -> None:
    """The pieces of any array parse to its elements, in order, however it is laid out."""
    pieces = cut_array(json.dumps(values, indent=indent).encode())
    assert pieces is not None
    assert [repr(loads(piece)) for piece in pieces] == [repr(value) for value in values]


@given(FRAGMENTS)
def test_cutting_never_raises_and_loses_nothing(text: bytes) -> None:
    """Pieces joined by commas are the text again, white space aside; or there are no pieces."""
    pieces = cut_array(b"[" + text + b"]")
    if pieces is not None:
        blank = bytes.maketrans(b"", b"")
        whole = (b"[" + text + b"]").translate(blank, b" \t\r\n")
        assert b"[" + b",".join(piece.translate(blank, b" \t\r\n") for piece in pieces) + b"]" == whole


CUT = {
    "bad elements are cut like good ones": (b'[{"a":NaN}, 1e400 ,"\\ud800"]', [b'{"a":NaN}', b"1e400", b'"\\ud800"']),
    "commas in strings and in elements do not cut": (
        b'["a,\\",b",[1,2],{"c":3,"d":4}]',
        [b'"a,\\",b"', b"[1,2]", b'{"c":3,"d":4}'],
    ),
    "an empty array has no element": (b" [ ] ", []),
    "an object is no array": (b'{"a":[]}', None),
    "an array that does not close": (b"[1,2", None),
    "brackets that do not fit": (b"[{]}", None),
    "something behind the array": (b"[1] [2]", None),
    "a string that does not close": (b'["a]', None),
    "an empty place": (b"[1,,2]", None),
    "a trailing comma": (b"[1,]", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("text", "pieces"), CUT.values(), ids=CUT.keys())
def test_an_array_is_cut_where_its_own_commas_stand(text: bytes, pieces: list[bytes] | None) -> None:
    """Only balanced text is cut, and only at the outermost commas."""
    assert cut_array(text) == pieces


@pytest.mark.parametrize(
    ("text", "too_deep"),
    [
        (b"[" * 64 + b"]" * 64, False),
        (b"[" * 65 + b"]" * 65, True),
        (b'{"a":' * 64 + b"1" + b"}" * 64, False),
        (b'{"a":' * 65 + b"1" + b"}" * 65, True),
        (b'[{"a":' * 33 + b"1" + b"}]" * 33, True),
        (b"[" * 1000 + b"]" * 1000, True),
        (b"[" + b"[]," * 1000 + b"{}]", False),
        (b'["' + b"[{" * 100 + b'"]', False),
        (b'["\\"' + b"[{" * 100 + b'\\\\"]', False),
    ],
    ids=[
        "64 arrays",
        "65 arrays",
        "64 objects",
        "65 objects",
        "66 mixed",
        "1000",
        "wide",
        "in a string",
        "behind escapes",
    ],
)
def test_depth_counts_brackets_outside_strings(text: bytes, too_deep: bool) -> None:
    """64 levels are allowed; brackets in strings are none."""
    assert nests_too_deep(text) is too_deep


@given(st.lists(st.booleans(), max_size=140))
def test_depth_is_the_same_whatever_nests_in_what(levels: list[bool]) -> None:
    """Objects and arrays count alike, in any mixture."""
    value: object = 1
    for is_object in levels:
        value = {"a": value, "b": []} if is_object else [[], value, {}]
    innermost = 1 if levels else 0
    assert nests_too_deep(json.dumps(value).encode()) is (len(levels) + innermost > 64)


def test_1000_levels_are_refused_by_reader_or_writer() -> None:
    """Between 64 levels and what orjson reads, a value may be read, but never written into a line."""
    text = b"[" * 1000 + b"]" * 1000
    try:
        written = dumps(loads(text))
    except UnreadableError as error:
        assert error.keyword == "too_deep"  # noqa: PT017 - which of the two refuses it is the interpreter's affair
    else:
        assert nests_too_deep(written)


SLOW = {
    "open brackets": b"[" * 1_000_000,
    "open braces": b"[" + b"{" * 1_000_000,
    "quotes": b"[" + b'"' * 1_000_000,
    "escaped quotes in an open string": b'["' + b'\\"' * 500_000,
    "backslashes": b'["' + b"\\" * 1_000_001,
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_hostile_text_takes_linear_time(text: bytes) -> None:
    """No text makes cutting or measuring try its way again from every byte: quadratic would be minutes."""
    started_s = time.process_time()
    cut_array(text)
    nests_too_deep(b"[" * 65 + text)
    assert time.process_time() - started_s < 4
